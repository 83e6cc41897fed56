#include "store/journal.h"

#include "store/fields.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line, on disk before this returns. Consumes the tree. After a failure half a line may be
 * there (a full disk): it is cut off, and if even that fails nothing may follow it. */
static int add_line(struct journal *journal, cJSON *tree, struct err *err)
{
    char *printed = fields_print(tree);
    cJSON_Delete(tree);
    struct text line = {0};
    text_print(&line, "%s\n", printed);
    free(printed);
    struct stat before;
    int result = journal->fd < 0 ? err_set(err, "closed after an earlier failure") : 0;
    if (result == 0 && fstat(journal->fd, &before))
        result = err_set(err, "%s", strerror(errno));
    if (result == 0) {
        result = file_write_all(journal->fd, line.data, line.length, err);
        if (result == 0 && fdatasync(journal->fd))
            result = err_set(err, "%s", strerror(errno));
        if (result && ftruncate(journal->fd, before.st_size))
            journal_close(journal);
    }
    text_free(&line);
    return result ? err_prefix(err, "cannot write journal '%s'", journal->path) : 0;
}

/* Two runs that append to one journal would both be lost. */
static int lock(const struct journal *journal, struct err *err)
{
    if (flock(journal->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return 0; /* some file systems have no locks */
    return err_set(err, "cannot write journal '%s': another attnbench is writing it",
                   journal->path);
}

int journal_create(struct journal *journal, const char *path, const struct results *results,
                   struct err *err)
{
    *journal = (struct journal){
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666), path};
    if (journal->fd < 0 && errno == EEXIST)
        return err_set(err,
                       "journal '%s' exists: an earlier run did not finish; use --resume to go "
                       "on with it, or remove it",
                       path);
    if (journal->fd < 0)
        return err_set(err, "cannot create journal '%s': %s", path, strerror(errno));
    if (lock(journal, err) == 0 &&
        add_line(journal, results_header_to_json(results, JOURNAL_FORMAT), err) == 0)
        return 0;
    journal_close(journal);
    unlink(path);
    return -1;
}

int journal_reopen(struct journal *journal, const char *path, size_t valid_bytes, struct err *err)
{
    struct stat status;
    *journal = (struct journal){open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK), path};
    if (journal->fd < 0)
        return err_set(err, "cannot open journal '%s': %s", path, strerror(errno));
    if (fstat(journal->fd, &status) || !S_ISREG(status.st_mode)) {
        journal_close(journal);
        return err_set(err, "cannot open journal '%s': it is no file", path);
    }
    if (lock(journal, err) == 0) {
        if (ftruncate(journal->fd, (off_t)valid_bytes) == 0)
            return 0;
        err_set(err, "cannot truncate journal '%s': %s", path, strerror(errno));
    }
    journal_close(journal);
    return -1;
}

int journal_add_row(struct journal *journal, const struct row *row, struct err *err)
{
    cJSON *line = cJSON_CreateObject();
    fields_add(line, "row", row_to_json(row));
    return add_line(journal, line, err);
}

int journal_add_devices(struct journal *journal, const struct device_info *devices, int count,
                        struct err *err)
{
    cJSON *line = cJSON_CreateObject();
    fields_add(line, "devices", results_devices_to_json(devices, count));
    return add_line(journal, line, err);
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = -1;
}

static int add_row(struct results *results, int *capacity, const struct json *json,
                   const cJSON *node, struct err *err)
{
    if (results->row_count == *capacity) {
        const int more = *capacity ? 2 * *capacity : 64;
        results->rows = arena_grow(&results->arena, results->rows, (size_t)results->row_count,
                                   (size_t)more, sizeof *results->rows);
        *capacity = more;
    }
    struct row *row = results->rows + results->row_count++;
    if (row_from_json(row, json, node, &results->arena, err))
        return -1;
    return row->digest == DIGEST_BROKEN
               ? json_fail(json, node, err,
                           "the row was edited or damaged: its digest does not fit")
               : 0;
}

static int read_line(struct results *results, int *capacity, int line, const struct json *json,
                     struct err *err)
{
    if (line == 1)
        return results_header_from_json(results, json, JOURNAL_FORMAT, err);
    const cJSON *row = cJSON_GetObjectItemCaseSensitive(json->root, "row");
    const cJSON *devices = cJSON_GetObjectItemCaseSensitive(json->root, "devices");
    if (row)
        return add_row(results, capacity, json, row, err);
    if (cJSON_IsArray(devices))
        return results_devices_from_json(results, json, devices, err);
    return json_fail(json, json->root, err, "expected {\"row\": ...} or {\"devices\": [...]}");
}

int journal_read(struct results *results, const char *file_name, const char *text, size_t length,
                 bool *torn, size_t *valid_bytes, struct err *err)
{
    *results = (struct results){0};
    size_t begin = 0;
    int capacity = 0, line = 1;
    for (const char *end; (end = memchr(text + begin, '\n', length - begin)); ++line) {
        const size_t next = (size_t)(end - text) + 1;
        char name[4200]; /* a message then begins "file:line:column: " */
        snprintf(name, sizeof name, "%s:%d", file_name, line);
        struct json json;
        int result = json_load(&json, name, text + begin, next - begin - 1, err);
        if (result == 0) {
            result = read_line(results, &capacity, line, &json, err);
            json_free(&json);
        }
        if (result) {
            results_free(results);
            return -1;
        }
        begin = next;
    }
    if (begin == 0)
        return err_set(err, "%s:1: the header is incomplete: nothing was measured; remove the file",
                       file_name);
    *torn = begin < length;
    *valid_bytes = begin;
    return 0;
}
