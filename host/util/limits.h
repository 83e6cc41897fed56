/* What the process may have, looked at before something fails for the lack of it: a library that
 * cannot start a thread, or a driver that cannot open a file, ends the process or crashes. */
#ifndef ATTNBENCH_UTIL_LIMITS_H
#define ATTNBENCH_UTIL_LIMITS_H

#include "util/err.h"

/* In main, before any parallel loop: where memory or processes are limited (ulimit -v, -u) and the
 * threads of a loop cannot be started, loops run on one. */
void limits_threads(void);

/* Are so many more descriptors to be had? -1: the message says how many are missing. */
int limits_descriptors(int count, struct err *err);

#endif
