/* What Oclgrind says of a kernel, as findings. Pure.
 *
 * Oclgrind (Price and McIntosh-Smith, 2015) writes a report for each work-item that does something
 * wrong: a line that says what, then lines set in by a tab with the kernel, the work-item, the
 * instruction and "At line N (column C) of FILE:". FILE is what #line named, which is why the host
 * expands #include that way. A race names two places. Misuse of the API ("OpenCL runtime error
 * detected") is printed on stderr in the same form. */
#ifndef ATTNBENCH_DEVICE_OCLGRIND_LOG_H
#define ATTNBENCH_DEVICE_OCLGRIND_LOG_H

#include "util/arena.h"

#include <stdbool.h>

enum finding_kind {
    FINDING_BOUNDS,        /* a read or write outside of a buffer or array */
    FINDING_RACE,          /* work-items use one place without a barrier or atomics */
    FINDING_UNINITIALISED, /* a value that nobody wrote is used */
    FINDING_DIVERGENCE,    /* some of a group's work-items miss a barrier */
    FINDING_ALIGNMENT,     /* a vector access at an address that is no multiple of its size */
    FINDING_API,           /* the host's calls: arguments that do not match the kernel */
    FINDING_OTHER,         /* what a later Oclgrind may report */
    /* Not in a log, but what a process came to. */
    FINDING_BUILD,
    FINDING_WRONG,
    FINDING_CRASH,
    FINDING_TIMEOUT,
    FINDING_KINDS
};
const char *finding_kind_name(enum finding_kind kind);

struct finding {
    enum finding_kind kind;
    const char *kernel; /* "" where it concerns none */
    const char *file;   /* as #line named it, "" where it is unknown */
    int line;           /* 0: unknown */
    /* A race's other place; file "" if there is none. */
    const char *other_file;
    int other_line;
    const char *message; /* the report's first line, without addresses */
};

/* Adds the log's findings, each once; what differs only in work-item or address is one. Returns
 * their number; memory comes from the arena. */
int oclgrind_log_parse(const char *log, struct finding **findings, struct arena *arena);

/* Are they the same mistake in the same place? */
bool finding_equal(const struct finding *a, const struct finding *b);

#endif
