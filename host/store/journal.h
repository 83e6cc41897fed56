/* The journal: the append-only file that a run writes, one line a row.
 *
 * Line 1 is the header {"format": "attnbench-journal", "version": "1.4.0", "run": {...},
 * "devices": [...]}; each further line is {"row": {...}} or, when a device has been opened and more
 * is known of it, {"devices": [...]}. Each line is one write followed by fdatasync, so that a kill
 * at any moment loses at most the line being written; a torn last line is dropped on reading. */
#ifndef ATTNBENCH_STORE_JOURNAL_H
#define ATTNBENCH_STORE_JOURNAL_H

#include "store/results.h"

#define JOURNAL_FORMAT "attnbench-journal"

enum { JOURNAL_BYTES_MAX = 1 << 30 };

struct journal {
    int fd;
    const char *path;
};

/* Creates (refuses an existing file) and writes the header. */
int journal_create(struct journal *journal, const char *path, const struct results *results,
                   struct err *err);
/* Opens for appending after journal_read has accepted it; drops a torn tail by truncating to
 * `valid_bytes`. */
int journal_reopen(struct journal *journal, const char *path, size_t valid_bytes, struct err *err);
int journal_add_row(struct journal *journal, const struct row *row, struct err *err);
int journal_add_devices(struct journal *journal, const struct device_info *devices, int count,
                        struct err *err);
void journal_close(struct journal *journal);

/* Reads a journal back into results (rows, header, devices; not derived). *torn becomes true when
 * the last line was incomplete, *valid_bytes the length without it. */
int journal_read(struct results *results, const char *file_name, const char *text, size_t length,
                 bool *torn, size_t *valid_bytes, struct err *err);

#endif
