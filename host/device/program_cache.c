#include "device/program_cache.h"

#include "util/cache.h"
#include "util/file.h"
#include "util/sha256.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 500, PATH_BYTES = 4096, ASIDE_DAYS = 7 };
static const int64_t bytes_max = 256 << 20;
static const size_t file_bytes_max = 64 << 20;

struct path {
    char text[PATH_BYTES];
};

/* What a program's file is called, and what while it is set aside. */
static struct path path_of(const struct program_cache *cache, const char *key, bool aside)
{
    struct path path;
    snprintf(path.text, sizeof path.text, "%s/%s%s", cache->folder, key, aside ? ".aside" : ".bin");
    return path;
}

/* ---- the limit ------------------------------------------------------------------------------- */

struct entry {
    time_t used;
    int64_t bytes;
    char *path;
};

static int by_age(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return (left->used < right->used) - (left->used > right->used); /* the newest first */
}

static int list_files(const struct program_cache *cache, struct entry **entries)
{
    int count = 0;
    DIR *folder = opendir(cache->folder);
    for (const struct dirent *item; folder && (item = readdir(folder));) {
        struct path path;
        struct stat status;
        if (item->d_name[0] == '.' ||
            snprintf(path.text, PATH_BYTES, "%s/%s", cache->folder, item->d_name) >= PATH_BYTES ||
            lstat(path.text, &status) || !S_ISREG(status.st_mode))
            continue;
        struct entry *more = realloc(*entries, (size_t)(count + 1) * sizeof **entries);
        if (!more)
            break;
        *entries = more;
        (*entries)[count++] = (struct entry){status.st_mtime, status.st_size, strdup(path.text)};
    }
    if (folder)
        closedir(folder);
    return count;
}

static void prune(const struct program_cache *cache)
{
    struct entry *entries = NULL;
    const int count = list_files(cache, &entries);
    const time_t week_ago = time(NULL) - ASIDE_DAYS * 24 * 3600;
    int64_t bytes = 0;
    if (count)
        qsort(entries, (size_t)count, sizeof *entries, by_age);
    for (int i = 0; i < count; ++i) {
        bytes += entries[i].bytes;
        if (entries[i].path &&
            (i >= FILES_MAX || bytes > bytes_max ||
             (text_ends(entries[i].path, ".aside") && entries[i].used < week_ago)))
            unlink(entries[i].path);
        free(entries[i].path);
    }
    free(entries);
}

static bool wanted(bool worthwhile)
{
    const char *wish = getenv("ATTNBENCH_PROGRAM_CACHE");
    if (wish && strcmp(wish, "off") == 0)
        return false;
    return worthwhile || (wish && strcmp(wish, "on") == 0);
}

void program_cache_open(struct program_cache *cache, const char *device_key, bool worthwhile)
{
    struct arena arena = {0};
    *cache = (struct program_cache){NULL};
    const char *kind = arena_print(&arena, "programs/%s", device_key);
    const char *file = wanted(worthwhile) ? cache_path(&arena, kind, "") : NULL;
    if (file && strlen(file) < PATH_BYTES - 80 && cache_make_folders(file))
        cache->folder = strdup(file);
    arena_free(&arena);
    if (cache->folder)
        prune(cache);
}

void program_cache_close(struct program_cache *cache)
{
    free(cache->folder);
    *cache = (struct program_cache){NULL};
}

/* ---- files ----------------------------------------------------------------------------------- */

static void add_header(struct text *header, const char *key, const void *binary, size_t bytes)
{
    char hash[65];
    sha256_hex(binary, bytes, hash);
    text_print(header, "attnbench program 1\nkey %s\nsha256 %s\nbytes %zu\n", key, hash, bytes);
}

/* Splits a file's content; false when any bit of it is not as it was written. */
static bool take_binary(const struct text *file, const char *key, struct text *binary)
{
    enum { LINES = 4 };
    size_t at = 0;
    for (int line = 0; line < LINES; ++line) {
        const char *end =
            at < file->length ? memchr(file->data + at, '\n', file->length - at) : NULL;
        if (!end)
            return false;
        at = (size_t)(end - file->data) + 1;
    }
    struct text header = {0};
    add_header(&header, key, file->data + at, file->length - at);
    const bool whole = header.length == at && memcmp(header.data, file->data, at) == 0;
    text_free(&header);
    if (whole)
        text_add_bytes(binary, file->data + at, file->length - at);
    return whole;
}

bool program_cache_load(const struct program_cache *cache, const char *key, struct text *binary)
{
    if (!cache->folder)
        return false;
    const struct path path = path_of(cache, key, false);
    struct text file = {0};
    struct stat status;
    struct err ignored;
    /* A binary is code: one that someone else put there is not run. */
    if (lstat(path.text, &status) || !S_ISREG(status.st_mode) || status.st_uid != geteuid())
        return false;
    bool found = file_read(path.text, file_bytes_max, &file, &ignored) == 0;
    if (found && !take_binary(&file, key, binary)) {
        unlink(path.text);
        found = false;
    }
    text_free(&file);
    return found && program_risk(cache, key);
}

bool program_risk(const struct program_cache *cache, const char *key)
{
    if (!cache->folder)
        return false;
    const struct path path = path_of(cache, key, false), aside = path_of(cache, key, true);
    const int fd = open(aside.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    close(fd);
    (void)rename(path.text, aside.text); /* there may be none yet: then the mark alone stands */
    (void)utimensat(AT_FDCWD, aside.text, NULL, 0); /* used now */
    return true;
}

void program_safe(const struct program_cache *cache, const char *key)
{
    if (!cache->folder)
        return;
    const struct path path = path_of(cache, key, false), aside = path_of(cache, key, true);
    struct stat status;
    if (stat(aside.text, &status) == 0 && status.st_size > 0)
        (void)rename(aside.text, path.text);
    else
        unlink(aside.text);
}

void program_cache_store(const struct program_cache *cache, const char *key, const void *binary,
                         size_t bytes)
{
    struct text file = {0};
    struct err ignored;
    if (!cache->folder || bytes > file_bytes_max - 1024)
        return;
    add_header(&file, key, binary, bytes);
    text_add_bytes(&file, binary, bytes);
    const struct path path = path_of(cache, key, false);
    (void)file_replace_quickly(path.text, file.data, file.length, &ignored);
    text_free(&file);
}

void program_cache_forget(const struct program_cache *cache, const char *key)
{
    if (!cache->folder)
        return;
    const struct path path = path_of(cache, key, false), aside = path_of(cache, key, true);
    unlink(path.text);
    unlink(aside.text);
}
