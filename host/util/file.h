/* Whole files: reading with a size limit, replacing atomically. */
#ifndef ATTNBENCH_UTIL_FILE_H
#define ATTNBENCH_UTIL_FILE_H

#include "util/err.h"
#include "util/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Appends the file's bytes to `content`; refuses directories and more than `max_bytes`. */
int file_read(const char *path, size_t max_bytes, struct text *content, struct err *err);

/* Replaces `path` with `count` bytes: a temporary beside it, fsync, rename, fsync of the folder. A
 * reader, or a crash at any moment, finds the old file whole or the new one. */
int file_replace(const char *path, const void *bytes, size_t count, struct err *err);

/* The same piece by piece, for what is too large to hold. After file_begin comes file_end, which
 * replaces `path`, or with `keep` false leaves it as it was. */
struct file_writer {
    const char *path;
    FILE *file;
    char temporary[4096];
};
int file_begin(struct file_writer *writer, const char *path, struct err *err);
int file_end(struct file_writer *writer, bool keep, struct err *err);

/* The same without waiting for the disk: after a power failure the file may be torn. For caches
 * that check what they read. */
int file_replace_quickly(const char *path, const void *bytes, size_t count, struct err *err);
/* Removes the temporaries of this path that a kill has left behind. Only for who knows that no
 * other process is replacing it. */
void file_remove_temporaries(const char *path);

/* Writes all bytes to a descriptor, going on after short writes and EINTR. */
int file_write_all(int fd, const void *bytes, size_t count, struct err *err);

#endif
