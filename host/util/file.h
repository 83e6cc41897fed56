/* Whole files: reading with a size limit, replacing atomically. */
#ifndef ATTNBENCH_UTIL_FILE_H
#define ATTNBENCH_UTIL_FILE_H

#include "util/err.h"
#include "util/place.h"
#include "util/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* ---- reading: the one place that opens inputs ------------------------------------------------ */

/* INPUT_FILE: what a folder or a cache holds; a regular file and nothing else. INPUT_NAMED: what
 * the user has named may be a pipe, too, as `<(...)` of a shell is; one that nobody opens for
 * writing is waited for, but not for ever. */
enum input { INPUT_FILE, INPUT_NAMED };

/* The descriptor, or -1. A pipe's does not block: file_read_named knows how to read it. */
int file_open(const char *path, enum input input, struct err *err);
/* The same as a stream, for who reads piece by piece: INPUT_FILE. */
FILE *file_open_stream(const char *path, struct err *err);

/* Appends the file's bytes to `content`; refuses more than `max_bytes`. INPUT_FILE, INPUT_NAMED. */
int file_read(const char *path, size_t max_bytes, struct text *content, struct err *err);
int file_read_named(const char *path, size_t max_bytes, struct text *content, struct err *err);

/* ---- writing: where to is place.h's business ------------------------------------------------- */

#define FILE_TEMPORARY ".tmp.XXXXXX"

/* Replaces `path` with `count` bytes: a temporary beside it, fsync, rename, fsync of the folder. A
 * reader, or a crash at any moment, finds the old file whole or the new one. PLACE_FILE. */
int file_replace(const char *path, const void *bytes, size_t count, struct err *err);

/* The same, or into a pipe or device or, for "-", to standard output: PLACE_ANY. */
int file_write(const char *path, const void *bytes, size_t count, struct err *err);

/* The same piece by piece, for what is too large to hold. After file_begin comes file_end, which
 * replaces `path`, or with `keep` false leaves it as it was. */
struct file_writer {
    const char *path;
    FILE *file;
    int lost; /* errno of the first write that failed, as far as file_add saw it; 0: none */
    struct place place;
    char temporary[PLACE_PATH_BYTES];
};
int file_begin(struct file_writer *writer, const char *path, struct err *err);
/* A write that fails is told of by file_end. */
void file_add(struct file_writer *writer, const void *bytes, size_t count);
int file_end(struct file_writer *writer, bool keep, struct err *err);

/* A file that has no name, for what is read back: beside `path`, or else in TMPDIR. */
FILE *file_open_spool(const char *path, struct err *err);

/* The same as file_replace without waiting for the disk: after a power failure the file may be
 * torn. For caches that check what they read. */
int file_replace_quickly(const char *path, const void *bytes, size_t count, struct err *err);
/* Removes the temporaries of this path that a kill has left behind. Only for who knows that no
 * other process is replacing it. */
void file_remove_temporaries(const char *path);

/* Writes all bytes to a descriptor, going on after short writes and EINTR. */
int file_write_all(int fd, const void *bytes, size_t count, struct err *err);

#endif
