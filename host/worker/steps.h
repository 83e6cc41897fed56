/* The supervisor's side of each step of the protocol: a request, its deadline, and what its failure
 * means for a job. Internal to worker/; see worker.h for the steps. */
#ifndef ATTNBENCH_WORKER_STEPS_H
#define ATTNBENCH_WORKER_STEPS_H

#include "worker/estimate.h"
#include "worker/job.h"
#include "worker/process.h"
#include "worker/supervisor.h"

/* How a device fares. Failures are those that took its worker down: a crash, a hang, an error after
 * which the driver cannot be trusted. */
struct standing {
    int failures;     /* in a row: no cell came to its end in between */
    const char *last; /* what the last one was */
};

/* What a budget has room for; see admission.h. */
struct admission {
    double fraction;  /* of the time that rules ask for, between 0: one sample, and 1: all */
    double dearest_s; /* a cell whose least is above this is left out */
};

/* A plan on its way through workers. */
struct run {
    const struct supervisor *with;
    const struct plan *plan;
    struct device_info *devices;
    struct estimate *estimate;
    struct arena *arena;
    struct process process;
    int open_device;            /* -1: none */
    int rounds;                 /* of the present problem's other inputs; 0: it has none */
    bool other;                 /* the last launch saw those */
    const char *library_tuning; /* that the worker's library has been given, or NULL */
    struct standing *standing;  /* of each device */
    double start_s;             /* of the first group */
    double begun_s, budget_s;   /* what the budget counts from; 0: there is none */
    struct admission admission; /* as of the present group's start */
    double looked_s, look_s;    /* when the last look at the budget ended, and what it took */
    double group_until_s;       /* when the group's shares are used up */
    double planned_s;           /* what was admitted was estimated to take */
    double fastest_s; /* a launch of the fastest right cell, for give_up_factor; 0: none yet */
    const bool *done;
    int next, end;  /* the present group */
    bool last_pass; /* what has no room in the budget now will have none later */
    bool *skipped;  /* of each cell: it took no time */
    bool *ended;    /* of each cell: it has its row, or an interrupt has left it without */
    double group_start_s;
    bool saved;     /* the weights of a case have been written */
    bool left;      /* an interrupt has left cells without a row */
    bool io_failed; /* a callback could not write; `err` says what */
    struct err *err;
};

/* How a step ended that did not succeed. */
struct trouble {
    enum row_status status;
    int64_t work_group_limit; /* a smaller tuning may work; 0: no */
    char reason[2304];
};

/* A new request; slot < 0: it names none. */
cJSON *steps_request(const char *step, int slot);
int steps_start_worker(const struct supervisor *with, struct process *process, struct err *err);
void steps_stop_worker(struct run *run, const struct suite *suite);

/* Asks the worker, which must run; takes ownership of the request. True with the reply (the
 * caller's to delete), or false with the trouble. After a death, a timeout or a fatal error no
 * worker runs any more: open_device is -1. */
bool steps_ask(struct run *run, const struct suite *suite, cJSON *request, cJSON **reply,
               struct trouble *trouble);
/* The same for a job, which trouble ends. */
bool steps_ask_job(struct run *run, struct job *job, cJSON *request, const char *phase,
                   cJSON **reply);
void steps_end(struct run *run, struct job *job, const struct trouble *trouble, const char *phase);

/* How long a step may take, in seconds. */
double step_deadline(const struct run *run, const struct suite *suite, const char *step);

/* Makes sure that a worker runs and has the cell's device open. */
bool steps_open(struct run *run, const struct cell *cell, struct trouble *trouble);
/* other: with the inputs that take turns with the main ones. */
bool steps_problem(struct run *run, const struct cell *cell, const struct problem *problem,
                   bool other, struct trouble *trouble);
/* --check, or what the job's suite says. */
enum check_mode steps_check_mode(const struct run *run, const struct job *job);
/* Are there to be other inputs: is the job checked, and is there memory for them? */
bool steps_wants_other(const struct run *run, const struct job *job);

/* Each ends the job when something is wrong; the last three are in steps_job.c. steps_build leaves
 * the reply to the caller. */
bool steps_build(struct run *run, struct job *job, const char *phase, cJSON **reply);
bool steps_prepare(struct run *run, struct job *job);
void steps_check(struct run *run, struct job *job);
void steps_measure(struct run *run, struct job *job); /* one slice; ends the job when it is done */
/* Reads and judges what the last timed launch left, and ends the job. */
void steps_recheck(struct run *run, struct job *job);

cJSON *steps_measure_request(const struct job *job, double slice_s, int launches);
void steps_progress(const struct run *run, const struct job *job, const char *phase);

#endif
