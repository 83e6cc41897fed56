/* What the files of the worker share; worker.h is its face. */
#ifndef ATTNBENCH_WORKER_WORKER_PARTS_H
#define ATTNBENCH_WORKER_WORKER_PARTS_H

#include "device/runner.h"
#include "store/kernels.h"
#include "store/test_case.h"
#include "worker/judgement.h"

/* Which inputs: the set, and the round of the other one. */
struct view {
    enum input_set_index set;
    int round;
};

struct served {
    const struct backend *backend;
    struct runner *runner;
    struct kernel_tree kernels, other_kernels;
    const char *other_folder; /* that the second tree is of; NULL: there is none yet */
    struct arena device_memory, problem_memory;
    struct device_info device;
    struct problem problem;
    bool have_problem;
    uint64_t seed;
    int64_t output_count;
    float *output, *previous;    /* of the slot that was read last */
    float *scores;               /* its second output, or NULL */
    int read_slot;               /* -1: none */
    struct view view, read_view; /* that the last launch saw; that of what was read */
    int rounds;                  /* of the other inputs; 0: there are none */
    struct judgement judgements[1 + NEEDLE_ROUNDS_MAX]; /* of the main inputs, then of each round */
    const struct variant *variants[SLOTS_MAX];
    uint64_t launches[SLOTS_MAX], timed[SLOTS_MAX]; /* by slot: timed so far, and samples of them */
    double launch_s[SLOTS_MAX]; /* what a launch took last, by the host's clock; 0: unknown */
    enum input_set_index last_set[SLOTS_MAX];      /* of inputs, that the slot's last launch saw */
    struct tally pools[SLOTS_MAX];                 /* of the first output for each inputs */
    bool pooled[SLOTS_MAX][1 + NEEDLE_ROUNDS_MAX]; /* is it in there? */
    int kept_round[SLOTS_MAX];                     /* of the other inputs whose output was kept */
    struct test_case test_case; /* the user's tensors, when the problem came as a case */
    bool have_case;
    bool have_evicted; /* once on this device: the first time compiles and allocates */
};

/* A whole number of the request, low <= value <= high. */
int worker_number(const cJSON *request, const char *key, int low, int high, int *value,
                  struct failure *failure);

/* The steps, by the names in worker.h. */
typedef int worker_step(struct served *s, const cJSON *request, cJSON *reply,
                        struct failure *failure);
worker_step worker_enumerate, worker_open, worker_peak, worker_problem, worker_case, worker_save,
    worker_prepare, worker_launch, worker_read, worker_judge, worker_keep, worker_measure,
    worker_release;
/* [host_s, device_s, pass_s...] */
void worker_add_sample(cJSON *samples, const struct launch_times *times, int passes);
void worker_drop_problem(struct served *s);

/* Reads the slot's output, and the second one where there is one. */
int worker_take_output(struct served *s, int slot, struct failure *failure);
/* The verdict on the output that was read last. -1: out of memory. */
int worker_verdict(struct served *s, enum check_mode mode, struct verdict *verdict,
                   struct failure *failure);

#endif
