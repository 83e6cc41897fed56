/* Advisory locks between processes, by file: whoever holds one is in it with its process id. They
 * vanish with their process, however it ends. */
#ifndef ATTNBENCH_UTIL_LOCK_H
#define ATTNBENCH_UTIL_LOCK_H

#include "util/err.h"

#include <signal.h>

/* Takes the lock `path`, whose file is made. While another process holds it, this calls `waiting`
 * once, with that process's id (0: unknown), and waits until it is free, *stop is not 0, or limit_s
 * (infinity: for ever) have passed. Returns a descriptor, to be closed to give the lock back; -1
 * with a message when the file cannot be used or the wait was stopped; LOCK_HELD, with a message,
 * when another process holds it still. */
enum { LOCK_HELD = -2 };
int lock_take(const char *path, double limit_s, void (*waiting)(void *context, long holder),
              void *context, const volatile sig_atomic_t *stop, struct err *err);

#endif
