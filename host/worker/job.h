/* A job: one cell on its way through check and measurement, and the row that it becomes. Pure:
 * fed with the worker's replies. */
#ifndef ATTNBENCH_WORKER_JOB_H
#define ATTNBENCH_WORKER_JOB_H

#include "measure/sampling.h"
#include "problem/plan.h"
#include "store/row.h"

struct job {
    const struct cell *cell;
    const struct device_info *device; /* its peaks and launch latency may become known later */
    int slot;
    const char *kernels;      /* the folder of its variant; NULL: the worker's own tree */
    const struct job *beside; /* whose output it shares, prepared before; NULL: none's */
    bool prepared, finished;
    bool checked;      /* in the worker that runs now, which knows its outputs */
    bool may_be_brief; /* it is measured by steps_measure */
    bool brief;        /* time for a few samples only: the rounds of other inputs are timed */
    int round;         /* of these, the next one */
    bool postponed;    /* no room in the budget for now */
    const char *held;  /* the reply of its check's launch, which may be a sample; or NULL */
    bool once;         /* no inputs have been seen twice yet */
    bool trespassed;   /* ended because something that it must not touch had changed */
    struct row row;
    struct sampler sampler;
    double *time_s;            /* what the sampler keeps: device time where it is believable */
    double *host_s, *device_s; /* of the kept samples; device_s may be NaN */
    double *pass_s[PASSES_MAX];
    const char *gate; /* why a device time was refused, or NULL */
    int launches;     /* since it was prepared, outside of measuring */
    double build_s;   /* wall time: the step, and what the first launch took longer than the next */
    double launches_timed;             /* of the samples that are kept */
    double host_span_s, device_span_s; /* how far both clocks went, over all slices */
};

/* A row for a cell that the plan already decided about, or one to be filled in. */
struct row job_row(const struct plan *plan, const struct cell *cell);

/* Memory comes from the arena. */
void job_start(struct job *job, const struct plan *plan, const struct cell *cell, int slot,
               struct arena *arena);

/* Ends the job with a status, at a phase; the reason is copied. */
void job_end(struct job *job, enum row_status status, const char *phase, const char *reason,
             struct arena *arena);

/* Takes the verdict of a `judge` reply; false (and the job ended as wrong) when it is not ok. The
 * row has the numbers of the main inputs, or those that were wrong, and of each scale the most that
 * any output used. other: it is of the other inputs. */
bool job_judged(struct job *job, const cJSON *reply, bool other, const char *phase,
                struct arena *arena);

/* Feeds the samples of a `measure` reply to the sampler. -1: the reply is malformed. */
int job_samples(struct job *job, const cJSON *reply, struct arena *arena);

/* Computes the row's times and rates from the samples; also for wrong rows, which keep them.
 * launch_s: of an empty kernel on this device; 0: unknown. */
void job_times(struct job *job, double launch_s, struct arena *arena);

#endif
