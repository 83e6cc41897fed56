/* A worker process and the line-based conversation with it. Knows nothing of attention.
 *
 * The child is this program again, started with posix_spawn (where a driver's threads may be
 * running, fork is no choice), in a process group of its own, with requests on descriptor 3 and
 * replies on 4, one JSON object a line. What it or its driver prints on stdout and stderr is
 * captured. */
#ifndef ATTNBENCH_WORKER_PROCESS_H
#define ATTNBENCH_WORKER_PROCESS_H

#include "util/err.h"
#include "util/text.h"

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

enum { PROCESS_REQUEST_FD = 3, PROCESS_REPLY_FD = 4 };

struct process {
    pid_t pid; /* 0: none running */
    int request_fd, reply_fd, output_fd;
    struct text replies; /* received, not yet taken */
    struct text output;  /* captured chatter, its first OUTPUT_MAX bytes */
};

enum outcome { OUTCOME_REPLY, OUTCOME_DIED, OUTCOME_TIMEOUT, OUTCOME_STOPPED };

/* argv ends with NULL; argv[0] is the path of the program. */
int process_start(struct process *process, const char *const *argv, struct err *err);

/* Sends a request and waits for its reply. When the process dies, takes longer than deadline_s
 * (seconds; it is killed then) or *stop reaches 2 (killed too), `why` says so, with the signal's
 * name; the process is gone then. */
enum outcome process_ask(struct process *process, const cJSON *request, double deadline_s,
                         const volatile sig_atomic_t *stop, cJSON **reply, struct err *why);

/* Closes the request pipe and waits up to grace_s for the process to leave, then kills it: SIGTERM,
 * a moment, SIGKILL, and a bounded wait. Harmless when none runs. */
void process_stop(struct process *process, double grace_s);

/* The captured chatter, made printable; emptied. NULL when there was none. */
char *process_take_output(struct process *process);

#endif
