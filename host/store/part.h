/* A results file or a journal, read row by row: what is in memory is its header and one row.
 *
 * Any layout of valid JSON is read. Everything is checked that results_load and journal_read check,
 * and each row's digest. */
#ifndef ATTNBENCH_STORE_PART_H
#define ATTNBENCH_STORE_PART_H

#include "store/results.h"

#include <stdio.h>

struct part_reader {
    const char *path;      /* borrowed */
    struct results header; /* run and devices */
    bool torn;             /* a journal whose last line was cut off: known at its end */
    bool is_journal;
    FILE *file;
    struct text head, line; /* what stands before the rows; one row */
    char *buffer;           /* of getline */
    size_t buffer_bytes;
    int line_number;
    int64_t counts[ROW_STATUSES]; /* a results file's summary: known at its end */
    int64_t rows;
    /* For results_read: rows without looking at their digests, strings of a pool, and where what
     * stands behind the rows goes to. */
    struct text_pool *pool;
    struct results *tail;
};

/* Reads the header. On failure there is nothing to close. */
int part_open(struct part_reader *reader, const char *path, struct err *err);
/* The same from a stream that can seek, which part_close closes; `path` is for messages, and says
 * by its end whether it is a journal. */
int part_open_stream(struct part_reader *reader, FILE *file, const char *path, struct err *err);
/* Counts the rows that are left, and goes back; -1: they cannot be told apart. */
int64_t part_count(struct part_reader *reader, struct err *err);
/* 1: a row, its strings in the arena; 0: that was all; -1. */
int part_next(struct part_reader *reader, struct row *row, struct arena *arena, struct err *err);
void part_close(struct part_reader *reader);

#endif
