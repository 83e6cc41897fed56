/* One problem, computed by one variant with one tuning, in a worker of its own under Oclgrind.
 *
 * Oclgrind is an OpenCL device that interprets kernels and checks every access. The worker is the
 * same as on a real device; its buffers have no guards (ATTNBENCH_BARE_BUFFERS, which the caller
 * sets with ATTNBENCH_PROGRAM_CACHE=off), so that an access past an end is seen as one. A process a
 * case, because Oclgrind 21.10 takes a buffer at the address of a released one for uninitialised.
 */
#ifndef ATTNBENCH_WORKER_OCLGRIND_H
#define ATTNBENCH_WORKER_OCLGRIND_H

#include "device/oclgrind_log.h"
#include "problem/plan.h"
#include "util/err.h"

#include <signal.h>

struct oclgrind {
    const char *path;                  /* of Oclgrind's program */
    const char *program;               /* this program */
    const char *kernels_dir;           /* --kernels, or NULL */
    const char *folder;                /* where logs are written, and removed after they are read */
    int64_t max_work_group;            /* of the device that it plays */
    double deadline_s;                 /* of a process, from its start to its end */
    const volatile sig_atomic_t *stop; /* 2: end now */
    struct device_info device;         /* what it calls itself; set by oclgrind_open */
};

/* Where `oclgrind` is on the PATH; NULL: nowhere. */
const char *oclgrind_find(struct arena *arena);

/* Starts it once and asks for its device. */
int oclgrind_open(struct oclgrind *with, struct arena *arena, struct err *err);

struct oclgrind_result {
    struct finding *findings; /* also of a process that died */
    int count;
    bool interrupted;
    bool unsupported; /* Oclgrind cannot do this; `reason` says what */
    const char *reason;
};

/* `number` names the log. May be called by several threads at once, each with an arena of its own.
 * The output is judged like any other: `wrong` is a finding, where the log has none. */
void oclgrind_run(const struct oclgrind *with, const struct cell *cell, int number,
                  struct oclgrind_result *result, struct arena *arena);

#endif
