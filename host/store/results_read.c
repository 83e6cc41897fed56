/* Results files of any size. */
#include "store/part.h"

#include "util/pool.h"
#include "util/text.h"

#include <string.h>
#include <sys/stat.h>

/* Takes the header over, whose strings are of the reader's arena, and the rows. */
static int read_all(struct part_reader *reader, struct results *results, struct err *err)
{
    const int64_t count = part_count(reader, err);
    if (count < 0)
        return -1;
    *results = reader->header;
    reader->header = (struct results){0};
    struct text_pool pool = {.arena = &results->arena};
    reader->pool = &pool;
    reader->tail = results;
    results->rows = arena_array(&results->arena, (size_t)count, sizeof *results->rows);
    int found = 1;
    while (found == 1 && results->row_count <= count) {
        struct row row;
        found = part_next(reader, &row, &results->arena, err);
        if (found == 1 && results->row_count < count)
            results->rows[results->row_count++] = row;
    }
    text_pool_free(&pool);
    reader->pool = NULL;
    reader->tail = NULL;
    return found;
}

int results_read(struct results *results, const char *path)
{
    struct part_reader reader;
    struct stat status;
    struct err err;
    *results = (struct results){0};
    if (stat(path, &status) || !S_ISREG(status.st_mode) || text_ends(path, ".journal") ||
        part_open(&reader, path, &err))
        return 1;
    const int result = read_all(&reader, results, &err);
    part_close(&reader);
    if (result)
        results_free(results);
    return result ? 1 : 0;
}
