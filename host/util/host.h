/* The machine's name in results and locks. */
#ifndef ATTNBENCH_UTIL_HOST_H
#define ATTNBENCH_UTIL_HOST_H

#include "util/arena.h"

/* ATTNBENCH_HOST, else the system's. */
const char *host_name(struct arena *arena);

#endif
