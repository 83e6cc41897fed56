#include "store/part.h"

#include "store/fields.h"
#include "store/journal.h"
#include "util/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 64 << 20 };

static int next_char(struct part_reader *reader)
{
    const int c = getc_unlocked(reader->file);
    reader->line_number += c == '\n';
    return c;
}

static int cut_off(const struct part_reader *reader, struct err *err)
{
    return ferror(reader->file)
               ? err_set(err, "cannot read '%s': %s", reader->path, strerror(errno))
               : err_set(err, "%s:%d: the file ends in the middle", reader->path,
                         reader->line_number);
}

/* ---- results files --------------------------------------------------------------------------- */

/* Appends a value's bytes up to the end of the object that was begun; c: its brace. */
static int take_object(struct part_reader *reader, int c, struct text *out, struct err *err)
{
    bool quoted = false, escaped = false;
    char chunk[4096];
    size_t used = 0;
    for (int depth = 0; c != EOF; c = next_char(reader)) {
        chunk[used++] = (char)c;
        if (used == sizeof chunk) {
            text_add_bytes(out, chunk, used);
            used = 0;
            if (out->length > LINE_BYTES_MAX)
                return err_set(err, "%s:%d: a row of more than %d bytes", reader->path,
                               reader->line_number, LINE_BYTES_MAX);
        }
        if (quoted) {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            text_add_bytes(out, chunk, used);
            return 0;
        }
    }
    return cut_off(reader, err);
}

/* Appends what stands before the first row, with the bracket; *ready: run and devices are in it.
 * 1: up to the rows, 0: to the end of the file, as there are none. */
static int take_head(struct part_reader *reader, struct text *out, bool *ready)
{
    struct text key = {0};
    bool quoted = false, escaped = false, run = false, devices = false;
    int depth = 0, found = 0;
    for (int c; !found && (c = next_char(reader)) != EOF;) {
        const char byte = (char)c;
        text_add_bytes(out, &byte, 1);
        if (quoted) {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            if (quoted && depth == 1)
                text_add_bytes(&key, &byte, 1);
        } else if (c == '"') {
            quoted = true;
            key.length = 0;
        } else if (c == '{' || c == '[') {
            const char *name = key.length && depth == 1 ? key.data : "";
            const size_t length = key.length;
            found = c == '[' && depth == 1 && length == 4 && strncmp(name, "rows", 4) == 0;
            run = run || (depth == 1 && length == 3 && strncmp(name, "run", 3) == 0);
            devices = devices || (depth == 1 && length == 7 && strncmp(name, "devices", 7) == 0);
            ++depth;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    text_free(&key);
    *ready = run && devices;
    return found;
}

/* The bytes of the next row, 0 after the last, when the bracket has been read. */
static int take_row(struct part_reader *reader, struct err *err)
{
    int c = next_char(reader);
    reader->line.length = 0;
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t' || (c == ',' && reader->rows))
        c = next_char(reader);
    if (c == ']')
        return 0;
    if (c == EOF)
        return cut_off(reader, err);
    if (c != '{')
        return err_set(err, "%s:%d: rows: expected an object", reader->path, reader->line_number);
    return take_object(reader, c, &reader->line, err) ? -1 : 1;
}

/* How many rows there are up to their end; -1. */
static int64_t pass_rows(struct part_reader *reader, struct err *err)
{
    int found;
    while ((found = take_row(reader, err)) == 1)
        ++reader->rows;
    const int64_t rows = reader->rows;
    reader->rows = 0;
    return found ? -1 : rows;
}

static void take_rest(struct part_reader *reader, struct text *out)
{
    char chunk[4096];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, reader->file)) > 0;)
        text_add_bytes(out, chunk, got);
}

/* What is left of the file when its rows are taken out must be a results file without rows. */
static int read_rest(struct part_reader *reader, struct results *into, int64_t rows,
                     struct err *err)
{
    struct json json;
    struct text whole = {0};
    text_add_bytes(&whole, reader->head.data, reader->head.length);
    text_add(&whole, "]");
    if (rows >= 0)
        take_rest(reader, &whole);
    else
        text_add(&whole, "}");
    int result = json_load(&json, reader->path, text_get(&whole), whole.length, err);
    text_free(&whole);
    if (result)
        return -1;
    struct results own = {.row_count = 0}, *tail = reader->tail ? reader->tail : &own;
    int64_t cells = 0;
    if (into)
        result = results_header_from_json(into, &json, RESULTS_FORMAT, err);
    else
        result = results_tail_from_json(tail, &json, err);
    for (int i = 0; i < ROW_STATUSES; ++i)
        cells += reader->counts[i] = tail->counts[i];
    if (result == 0 && !into && cells != rows)
        result =
            json_fail(&json, cJSON_GetObjectItemCaseSensitive(json.root, "summary"), err,
                      "cells is %lld, but there are %lld rows", (long long)cells, (long long)rows);
    arena_free(&own.arena);
    json_free(&json);
    return result;
}

/* A file that has its rows before its run is read twice. */
static int open_results(struct part_reader *reader, struct err *err)
{
    bool ready = false;
    if (!take_head(reader, &reader->head, &ready)) {
        struct json json;
        if (json_load(&json, reader->path, text_get(&reader->head), reader->head.length, err))
            return -1;
        json_free(&json);
        return err_set(err, "%s: no list of rows: this is no results file", reader->path);
    }
    if (ready)
        return read_rest(reader, &reader->header, -1, err);
    const long begin = ftell(reader->file);
    const int line = reader->line_number;
    const int64_t rows = pass_rows(reader, err);
    const int result = rows < 0 ? -1 : read_rest(reader, &reader->header, 0, err);
    reader->line_number = line;
    return result || fseek(reader->file, begin, SEEK_SET) ? -1 : 0;
}

int64_t part_count(struct part_reader *reader, struct err *err)
{
    const long begin = ftell(reader->file);
    const int line = reader->line_number;
    const int64_t rows = pass_rows(reader, err);
    reader->line_number = line;
    return fseek(reader->file, begin, SEEK_SET) ? -1 : rows;
}

/* ---- journals -------------------------------------------------------------------------------- */

/* 1: a whole line is in reader->line, 0: that was all. */
static int take_line(struct part_reader *reader, struct err *err)
{
    reader->line.length = 0;
    const ssize_t length = getline(&reader->buffer, &reader->buffer_bytes, reader->file);
    if (length < 0)
        return ferror(reader->file) ? cut_off(reader, err) : 0;
    reader->torn = reader->buffer[length - 1] != '\n';
    if (reader->torn)
        return 0;
    ++reader->line_number;
    text_add_bytes(&reader->line, reader->buffer, (size_t)length - 1);
    return 1;
}

static int load_line(struct part_reader *reader, struct json *json, char name[4200],
                     struct err *err)
{
    snprintf(name, 4200, "%s:%d", reader->path, reader->line_number);
    return json_load(json, name, text_get(&reader->line), reader->line.length, err);
}

/* The devices are those of the last line that tells of them. */
static int open_journal(struct part_reader *reader, struct err *err)
{
    struct json json;
    char name[4200];
    int found = take_line(reader, err);
    if (found == 0)
        return err_set(err, "%s:1: the header is incomplete: nothing was measured; remove the file",
                       reader->path);
    if (found < 0 || load_line(reader, &json, name, err))
        return -1;
    int result = results_header_from_json(&reader->header, &json, JOURNAL_FORMAT, err);
    json_free(&json);
    const long begin = ftell(reader->file);
    while (result == 0 && (found = take_line(reader, err)) == 1) {
        if (!text_starts(text_get(&reader->line), "{\"devices\""))
            continue;
        if (load_line(reader, &json, name, err))
            return -1;
        const cJSON *devices = NULL;
        result = json_node(&json, json.root, "devices", true, cJSON_Array, &devices, err) ||
                         results_devices_from_json(&reader->header, &json, devices, err)
                     ? -1
                     : 0;
        json_free(&json);
    }
    reader->line_number = 1;
    reader->torn = false;
    return result || found < 0 || fseek(reader->file, begin, SEEK_SET) ? -1 : 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

int part_open_stream(struct part_reader *reader, FILE *file, const char *path, struct err *err)
{
    *reader = (struct part_reader){.path = path, .file = file};
    reader->is_journal = text_ends(path, ".journal");
    reader->line_number = reader->is_journal ? 0 : 1;
    const int result = reader->is_journal ? open_journal(reader, err) : open_results(reader, err);
    if (result)
        part_close(reader);
    return result;
}

int part_open(struct part_reader *reader, const char *path, struct err *err)
{
    FILE *file = file_open_stream(path, err); /* it is read twice, which a pipe cannot be */
    return file ? part_open_stream(reader, file, path, err) : -1;
}

static int read_row(struct part_reader *reader, struct row *row, struct arena *arena,
                    struct err *err)
{
    struct json json;
    char name[4200];
    if (load_line(reader, &json, name, err))
        return -1;
    const cJSON *node = json.root;
    int result = 0;
    if (reader->is_journal)
        node = cJSON_GetObjectItemCaseSensitive(json.root, "row");
    if (!node && !cJSON_GetObjectItemCaseSensitive(json.root, "devices"))
        result =
            json_fail(&json, json.root, err, "expected {\"row\": ...} or {\"devices\": [...]}");
    if (result == 0 && node)
        result = reader->pool ? row_from_json_quickly(row, &json, node, arena, reader->pool, err)
                              : row_from_json(row, &json, node, arena, err);
    if (result == 0 && node && row->digest == DIGEST_BROKEN)
        result =
            json_fail(&json, node, err, "the row was edited or damaged: its digest does not fit");
    json_free(&json);
    return result ? -1 : node != NULL;
}

int part_next(struct part_reader *reader, struct row *row, struct arena *arena, struct err *err)
{
    int found = 0;
    do {
        found = reader->is_journal ? take_line(reader, err) : take_row(reader, err);
        if (found == 1)
            found = read_row(reader, row, arena, err);
        else if (found == 0 && !reader->is_journal)
            return read_rest(reader, NULL, reader->rows, err);
        else
            return found;
    } while (found == 0); /* a journal's line about devices */
    reader->rows += found == 1;
    return found;
}

void part_close(struct part_reader *reader)
{
    if (reader->file)
        fclose(reader->file);
    free(reader->buffer);
    text_free(&reader->head);
    text_free(&reader->line);
    results_free(&reader->header);
    *reader = (struct part_reader){0};
}
