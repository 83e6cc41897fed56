#include "store/part_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void complain(void *context, const char *message)
{
    struct part_check *check = context;
    if (!check->broken++)
        err_set(&check->first, "%s", message);
}

static uint64_t hash(const char *a, const char *b, const char *c, uint64_t more)
{
    const char *const words[] = {a, b, c};
    uint64_t sum = more + 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
        sum = (sum ^ (uint64_t)text_hash(words[i] ? words[i] : "")) * UINT64_C(1099511628211);
    return sum;
}

static int64_t slot_of(const struct results *header, const char *device)
{
    for (int d = 0; d < header->device_count; ++d)
        if (strcmp(header->devices[d].id, device) == 0)
            return header->devices[d].slot;
    return 0;
}

void part_check_row(struct part_check *check, const struct results *header, const struct row *row)
{
    results_check_row(header, row, complain, check);
    ++check->counts[row->status];
    check->with_digest |= row->digest != DIGEST_NONE;
    check->without_digest |= row->digest == DIGEST_NONE;
    if (check->count == check->capacity) {
        check->capacity = check->capacity ? 2 * check->capacity : 1024;
        check->keys = arena_need(realloc(check->keys, check->capacity * sizeof *check->keys));
    }
    const uint64_t run = row->part.run ? text_hash(row->part.run) : 0;
    check->keys[check->count++] =
        (struct row_key){hash(row->cell, row->variant, row->device, run),
                         hash(row->cell, row->variant, "", (uint64_t)slot_of(header, row->device))};
}

static int by_row(const void *left, const void *right)
{
    const struct row_key *a = left, *b = right;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int by_cell(const void *left, const void *right)
{
    const struct row_key *a = left, *b = right;
    return a->cell < b->cell ? -1 : a->cell > b->cell;
}

static void check_rows(struct part_check *check, const struct run_header *run)
{
    struct err why;
    int64_t cells = (int64_t)check->count;
    qsort(check->keys, check->count, sizeof *check->keys, by_row);
    for (size_t i = 1; i < check->count; ++i)
        if (check->keys[i].row == check->keys[i - 1].row)
            complain(check, "a cell has more than one row");
    if (run->part_count) {
        qsort(check->keys, check->count, sizeof *check->keys, by_cell);
        for (size_t i = 1; i < check->count; ++i)
            cells -= check->keys[i].cell == check->keys[i - 1].cell;
    }
    if (run->finished_utc ? cells != run->planned_cells : cells > run->planned_cells) {
        err_set(&why, "run: %" PRId64 " cells; expected %" PRId64 " (planned_cells)", cells,
                run->planned_cells);
        complain(check, why.message);
    }
}

void part_check_end(struct part_check *check, const struct part_reader *reader)
{
    if (check->count)
        check_rows(check, &reader->header.run);
    if (check->with_digest && check->without_digest)
        complain(check, "a row was edited or damaged: it has no digest, unlike others");
    if (!reader->is_journal && memcmp(check->counts, reader->counts, sizeof check->counts) != 0)
        complain(check, "summary: its counts are not those of the rows");
    free(check->keys);
    check->keys = NULL;
}
