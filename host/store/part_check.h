/* The rules of results_check while a part is read row by row: what `attnbench check` refuses is not
 * merged. In memory: 16 bytes a row, until the end. */
#ifndef ATTNBENCH_STORE_PART_CHECK_H
#define ATTNBENCH_STORE_PART_CHECK_H

#include "store/part.h"

#include <stdint.h>

/* Hashes of what a row is of: to see a row twice (by one run), and to count cells of the plan. */
struct row_key {
    uint64_t row, cell;
};

struct part_check {
    int broken;       /* rules, so far */
    struct err first; /* the first of them; when there is one */
    int64_t counts[ROW_STATUSES];
    bool with_digest, without_digest;
    struct row_key *keys;
    size_t count, capacity;
};

/* Zero-initialised before. */
void part_check_row(struct part_check *check, const struct results *header, const struct row *row);
/* After the last row; frees the keys. A journal has no counts to compare. */
void part_check_end(struct part_check *check, const struct part_reader *reader);

#endif
