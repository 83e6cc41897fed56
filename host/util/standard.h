/* The three standard descriptors, what is written to standard output, and the signals that a write
 * may raise. All of the program's standard output goes through here, so that none is lost without a
 * word. */
#ifndef ATTNBENCH_UTIL_STANDARD_H
#define ATTNBENCH_UTIL_STANDARD_H

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

/* First of all in main. Descriptors 0, 1 and 2 that are closed are opened on /dev/null, so that no
 * file can become one of them; standard output in a way in which writing fails and is told. SIGPIPE
 * and SIGXFSZ (a limit on files' sizes) are ignored: the write fails instead. */
void standard_open(void);

/* To standard output, at once. After a failure nothing more is written. */
void standard_write(const void *bytes, size_t count);
void standard_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Has something been lost, and why? A reader that has gone (a pager that was closed) has what it
 * wanted: nothing is lost. */
bool standard_lost(struct err *err);

#endif
