/* What the files of the runner share; runner.h is its face. */
#ifndef ATTNBENCH_DEVICE_RUNNER_PARTS_H
#define ATTNBENCH_DEVICE_RUNNER_PARTS_H

#include "device/runner.h"

/* The inputs of a kernel, by the names that variant files use. */
enum input {
    INPUT_Q,
    INPUT_K,
    INPUT_V,
    INPUT_BIAS,
    INPUT_SLOPES,
    INPUT_SINKS,
    INPUT_LENGTHS,
    INPUTS
};

enum { BUFFERS_MAX = INPUTS + OP_TENSORS_MAX + 1 + SCRATCH_MAX };

/* One of the two sets of inputs. What they have in common the second has from the first. */
struct input_set {
    struct buffer *inputs[INPUTS];          /* what a problem does not have is 4 bytes long */
    struct buffer *tensors[OP_TENSORS_MAX]; /* of other operations; NULL what this one has not */
    struct attention_inputs host;
    uint64_t digests[INPUTS + OP_TENSORS_MAX]; /* as they were written */
};

struct slot {
    const struct variant *variant;
    struct tuning tuning;
    struct kernels *kernels;
    struct buffer *output;
    uint32_t poisonings;             /* so far: guards are NaN and numbers in turns */
    bool borrows;                    /* the output is another slot's */
    struct buffer *kept[INPUT_SETS]; /* outputs that were judged right, or NULL */
    int bound; /* generation of the bindings that the kernels' arguments refer to; 0: none */
    enum input_set_index bound_set;
};

struct runner {
    const struct backend *backend;
    struct session *session;
    struct problem problem;
    struct problem_sizes sizes;
    size_t guard; /* bytes on either side of each buffer */
    struct input_set sets[INPUT_SETS];
    bool has_other; /* the second set was made */
    struct needles needles;
    uint64_t needle_seed;
    int round;                /* that the queries of the second set are of */
    enum input_set_index set; /* that launches see */
    struct arena host_memory; /* of generated inputs */
    struct buffer *scratch[SCRATCH_MAX];
    int scratch_generation;
    struct slot slots[SLOTS_MAX];
    uint32_t pattern; /* of the guards that were written last */
};

/* ---- runner_buffers.c ---- */

struct buffer *runner_buffer(struct runner *runner, size_t bytes, enum memory_place memory,
                             struct failure *failure);
void runner_free_buffer(struct runner *runner, struct buffer **buffer);
/* Every buffer of a slot by its name: inputs first, then what a launch writes: the output and
 * scratch. */
int runner_slot_buffers(struct runner *runner, const struct slot *slot, struct binding *bindings);
/* The program and the outputs of a slot. */
void runner_drop_slot(struct runner *runner, struct slot *slot);

#endif
