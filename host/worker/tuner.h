/* The tuner: finds the best tuning of one variant for one problem.
 *
 * Candidates are cells of a plan that differ in their tuning, so that they are checked, measured in
 * alternating rounds and judged again as any cell is, and what crashes, hangs or is wrong is a row
 * like others. The search measures briefly, compares a sample of rows, gives up on what is twice as
 * slow as the best after a launch, and on what takes ten times as long as the default did to come
 * from its build to its first samples. What crashes, hangs or is slow is told, to be left alone.
 * The three fastest are then checked on a problem of uneven lengths too, measured side by side with
 * the default under the usual check, and win only if they are faster by more than the noise. */
#ifndef ATTNBENCH_WORKER_TUNER_H
#define ATTNBENCH_WORKER_TUNER_H

#include "worker/supervisor.h"

enum { TUNER_CANDIDATES = 64, TUNER_BAD_MAX = 64 };

/* A candidate to be left alone from now on: crash, timeout, or skipped as too slow. */
struct tuner_bad {
    struct tuning tuning;
    enum row_status status;
    char reason[160];
};

struct tuner {
    const struct supervisor *supervisor; /* its callbacks are not used */
    const struct cell *cell;             /* problem, variant, device and default tuning */
    struct device_info *device;
    const struct deadlines *deadlines;
    uint64_t seed;
    const struct tuning *avoid; /* candidates that were bad before */
    int avoid_count;
    double until_s; /* by the host's clock; 0: no limit but TUNER_CANDIDATES */
    void (*on_progress)(void *context, const struct cell *cell, const char *phase, int candidates);
    void *context;
};

struct tuner_result {
    bool found; /* a right tuning; it may be the default */
    struct tuning tuning;
    double default_s, tuned_s; /* medians of the last comparison; NaN: not measured */
    int candidates, failed, wrong, slow;
    struct tuner_bad bad[TUNER_BAD_MAX]; /* in the order of the search */
    int bad_count;
    double search_s; /* what `candidates` took */
    bool interrupted;
    char reason[512]; /* of the first candidate that failed, or "" */
};

/* -1: the search is impossible. Candidates that fail are counted. */
int tuner_run(const struct tuner *tuner, struct tuner_result *result, struct err *err);

#endif
