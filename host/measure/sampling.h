/* When to stop: warm-up until stable, then samples until the interval is narrow or the time is up.
 *
 * A sampler is fed host times and asked; it reads no clock itself, so it is tested with numbers. */
#ifndef ATTNBENCH_MEASURE_SAMPLING_H
#define ATTNBENCH_MEASURE_SAMPLING_H

#include "problem/suite.h"

#include <stdbool.h>

enum { SAMPLES_MAX = 1000 };

struct sampler {
    struct measure_rule rule;
    int warmup; /* launches discarded so far */
    bool warm;
    double recent_s[3]; /* the recorded times of the last warm-up launches */
    double warmup_s;    /* host time of all of them */
    double *samples_s;  /* kept samples: the times that the row reports; capacity SAMPLES_MAX */
    int count;
    double total_s; /* host time of the kept samples */
    bool done, stable;
};

/* `samples_s` has room for SAMPLES_MAX values and outlives the sampler. */
void sampler_start(struct sampler *sampler, const struct measure_rule *rule, double *samples_s);

/* Feeds one launch: host_s is what it cost (it counts against the time limits), time_s what is
 * recorded (it decides on stability). Returns true when it was kept, false when it was warm-up. Not
 * to be called once done.
 * Warm-up ends when the last three launches lie within 10 % of their minimum, or after a fifth of
 * max_time_s. A launch that leaves no time for a second one like it (over half of max_time_s) is
 * kept at once. Done: at least min_samples and min_time_s and rel_ci <= target (stable), or
 * max_time_s or SAMPLES_MAX reached (stable only if the target is met). Both times count the kept
 * samples only, so that a cell takes at most max_time_s, a fifth of it and two launches. At least
 * one sample is always kept. */
bool sampler_add(struct sampler *sampler, double host_s, double time_s);

/* No time for more: done with the samples there are, of which there must be one. */
void sampler_end(struct sampler *sampler);

#endif
