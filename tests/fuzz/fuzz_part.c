/* Parts of a merge, read row by row: what is accepted has the rows that the other readers find. */
#include "fuzz.h"
#include "store/journal.h"
#include "store/part.h"

/* The rows that can be read, or -1 after a refusal. */
static int64_t read_all(const uint8_t *data, size_t size, const char *name)
{
    struct part_reader reader;
    struct err err = {""};
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    if (!file)
        return -1;
    if (part_open_stream(&reader, file, name, &err)) {
        promise_refusal(&err);
        return -1;
    }
    int found;
    do {
        struct arena arena = {0};
        struct row row;
        struct text line = {0};
        found = part_next(&reader, &row, &arena, &err);
        row.part.run = "";
        if (found == 1 && row_relabel(&row, &reader.line, &line))
            promise(line.length > 2 && line.data[0] == '{' && line.data[line.length - 1] == '}',
                    "a patched line is an object", line.data);
        text_free(&line);
        arena_free(&arena);
    } while (found == 1);
    if (found < 0)
        promise_refusal(&err);
    const int64_t rows = found < 0 ? -1 : reader.rows;
    part_close(&reader);
    return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct results results;
    struct err err = {""};
    bool torn = false;
    size_t valid_bytes = 0;
    int64_t rows = read_all(data, size, "fuzz.json");
    if (rows >= 0 && results_load(&results, "fuzz.json", (const char *)data, size, &err) == 0) {
        promise(rows == results.row_count, "a results file has the same rows", "");
        results_free(&results);
    }
    rows = read_all(data, size, "fuzz.journal");
    if (rows >= 0 && journal_read(&results, "fuzz.journal", (const char *)data, size, &torn,
                                  &valid_bytes, &err) == 0) {
        promise(rows == results.row_count, "a journal has the same rows", "");
        results_free(&results);
    }
    return 0;
}
