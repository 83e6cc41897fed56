/* Where an output goes: what stands, or may be made, under the name that was given.
 *
 * The one place that decides it, for every file that is written:
 * - "-" is standard output, and so is another name of what that is ("/dev/stdout")
 * - a pipe or a character device is written to and stays what it is
 * - a symbolic link stays; the file it leads to is replaced, or made
 * - a folder, a socket, a block device and a write-protected file are refused. */
#ifndef ATTNBENCH_UTIL_PLACE_H
#define ATTNBENCH_UTIL_PLACE_H

#include "util/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum place_needs {
    PLACE_ANY, /* one piece of output, written once */
    PLACE_FILE /* it is read again, or replaced many times, or another file stands beside it */
};

enum place_kind { PLACE_STDOUT, PLACE_STREAM, PLACE_REGULAR };

enum { PLACE_PATH_BYTES = 4096, PLACE_REFUSED = -2 };

struct place {
    enum place_kind kind;
    mode_t mode;                 /* of the file that is there; 0: none is */
    char path[PLACE_PATH_BYTES]; /* of a file: links are followed, it itself need not exist */
};

/* -1: nothing can be written there; PLACE_REFUSED: not what is needed, ever (a usage error). */
int place_find(struct place *place, const char *name, enum place_needs needs, struct err *err);

/* Before work begins: can it be written there (a file is made beside it, filled a little and
 * removed), and is it none of the inputs, by whatever name? Returns as place_find; what is an input
 * is PLACE_REFUSED. `option` is for messages: "--out". Inputs that are NULL are passed over. */
int place_check(const char *name, enum place_needs needs, const char *option,
                const char *const *inputs, int input_count, struct err *err);

/* Opens a stream for writing. A pipe that nobody reads is waited for, but not for ever. */
int place_open_stream(const char *name, struct err *err);

/* A new file beside place->path; `temporary` becomes its path. The caller renames or unlinks it.
 * name: as it was given, for messages. */
int place_open_temporary(const struct place *place, const char *name,
                         char temporary[PLACE_PATH_BYTES], struct err *err);

/* What keeps something that is no file from being one: "it is a pipe"; NULL for a regular file. */
const char *place_odd(mode_t mode);

#endif
