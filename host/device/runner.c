#include "device/runner_parts.h"

#include <stdlib.h>
#include <string.h>

struct runner *runner_open(const struct backend *backend, struct device_info *device,
                           struct failure *failure)
{
    struct runner *runner = calloc(1, sizeof *runner);
    if (!runner) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    runner->backend = backend;
    runner->scratch_generation = 1;
    runner->session = backend->open(device, failure);
    if (!runner->session) {
        free(runner);
        return NULL;
    }
    return runner;
}

void runner_close(struct runner *runner)
{
    if (!runner)
        return;
    runner_release(runner);
    runner->backend->close(runner->session);
    free(runner);
}

int runner_peak(struct runner *runner, const struct device_info *device, enum peak peak,
                const char *program, struct peak_rate *rate, struct arena *arena,
                struct failure *failure)
{
    return runner->backend->peak(runner->session, device, peak, program, rate, arena, failure);
}

static int reserve_scratch(struct runner *runner, const struct slot *slot, struct failure *failure)
{
    for (int i = 0; i < slot->variant->scratch_count; ++i) {
        int64_t size = 0;
        if (variant_scratch_bytes(slot->variant, &slot->variant->scratch[i], &runner->problem,
                                  &slot->tuning, &size, &failure->err))
            return failure->kind = FAILURE_ERROR, -1;
        /* 0: this problem does not need it. */
        const size_t bytes = size ? (size_t)size : sizeof(float);
        if (runner->scratch[i] && runner->scratch[i]->bytes >= bytes)
            continue;
        runner_free_buffer(runner, &runner->scratch[i]);
        ++runner->scratch_generation; /* kernels bound to the old buffer must be bound again */
        runner->scratch[i] = runner_buffer(runner, bytes, MEMORY_DEVICE, failure);
        if (!runner->scratch[i])
            return -1;
    }
    return 0;
}

int runner_prepare(struct runner *runner, int slot_index, const struct variant *variant,
                   const struct tuning *tuning, enum build_origin *origin, struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    const enum dtype dtype = (enum dtype)runner->problem.dtype;
    runner_drop_slot(runner, slot); /* of a tuning that did not work */
    slot->variant = variant;
    slot->tuning = *tuning;
    slot->kernels =
        runner->backend->build(runner->session, variant, &runner->problem, tuning, origin, failure);
    if (!slot->kernels)
        return -1;
    slot->output = runner_buffer(runner, (size_t)(runner->sizes.o * dtype_bytes(dtype)),
                                 (enum memory_place)runner->problem.memory, failure);
    if (!slot->output || reserve_scratch(runner, slot, failure))
        return -1;
    /* Timed launches poison nothing themselves, and a worker that takes up a job from a dead one
     * goes on with those. */
    return runner_poison(runner, slot_index, failure);
}

int runner_share_output(struct runner *runner, int slot_index, int with, struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    const struct slot *other = &runner->slots[with];
    if (slot_index == with || !slot->output || !other->output || other->borrows)
        return failure_set(failure, FAILURE_ERROR, "slot %d has no output to share", with);
    if (!slot->borrows)
        runner_free_buffer(runner, &slot->output);
    slot->output = other->output;
    slot->borrows = true;
    slot->bound = 0;
    return 0;
}

static struct shape make_shape(const struct problem *problem)
{
    const bool causal = problem->mask == MASK_CAUSAL || problem->mask == MASK_CAUSAL_WINDOW;
    const bool window = problem->mask == MASK_WINDOW || problem->mask == MASK_CAUSAL_WINDOW;
    int64_t left = window ? problem->window_left : WINDOW_UNLIMITED;
    int64_t right = window ? problem->window_right : WINDOW_UNLIMITED;
    if (causal)
        right = 0;
    return (struct shape){
        .batch = (shape_int)problem->batch,
        .heads_q = (shape_int)problem->heads_q,
        .heads_kv = (shape_int)problem->heads_kv,
        .n_q = (shape_int)problem->n_q,
        .n_kv = (shape_int)problem->n_kv,
        .causal_offset = (shape_int)problem_causal_offset(problem),
        .window_left = left == WINDOW_UNLIMITED ? SHAPE_UNLIMITED : (shape_int)left,
        .window_right = right == WINDOW_UNLIMITED ? SHAPE_UNLIMITED : (shape_int)right,
        .scale = (float)problem_scale(problem),
        .softcap = (float)problem->softcap,
    };
}

static int bind(struct runner *runner, struct slot *slot, struct failure *failure)
{
    struct binding bindings[BUFFERS_MAX];
    struct shape shapes[PARTS_MAX];
    const int count = runner_slot_buffers(runner, slot, bindings);
    for (int p = 0; p == 0 || p < slot->variant->part_count; ++p)
        shapes[p] = make_shape(variant_part_problem(slot->variant, p, &runner->problem));
    if (runner->backend->bind(runner->session, slot->kernels, shapes, bindings, count, failure))
        return -1;
    slot->bound = runner->scratch_generation;
    slot->bound_set = runner->set;
    return 0;
}

int runner_launch(struct runner *runner, int slot_index, int launches, struct launch_times *times,
                  struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    if ((slot->bound != runner->scratch_generation || slot->bound_set != runner->set) &&
        bind(runner, slot, failure))
        return -1;
    const struct handover how = {launches, runner->problem.profiling == PROFILING_ON};
    return runner->backend->launch(runner->session, slot->kernels, &how, times, failure);
}

void runner_distrust(struct runner *runner, int slot_index)
{
    struct slot *slot = &runner->slots[slot_index];
    if (slot->kernels)
        runner->backend->distrust(runner->session, slot->kernels);
}

int runner_evict(struct runner *runner, struct failure *failure)
{
    return runner->backend->evict(runner->session, failure);
}

/* A read that does nothing must not pass with what the memory held before: NaN in each dtype. */
static int read_fresh(struct runner *runner, struct buffer *buffer, size_t offset, size_t bytes,
                      void *data, struct failure *failure)
{
    memset(data, 0xff, bytes);
    return runner->backend->buffer_read(runner->session, buffer, offset, bytes, data, failure);
}

int runner_read(struct runner *runner, int slot_index, float *output, struct failure *failure)
{
    struct buffer *buffer = runner->slots[slot_index].output;
    const enum dtype dtype = (enum dtype)runner->problem.dtype;
    if (dtype == DTYPE_F32)
        return read_fresh(runner, buffer, buffer->guard, buffer->bytes, output, failure);
    void *storage = malloc(buffer->bytes);
    if (!storage)
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    const int result = read_fresh(runner, buffer, buffer->guard, buffer->bytes, storage, failure);
    if (result == 0)
        dtype_decode(dtype, storage, output, runner->sizes.o);
    free(storage);
    return result;
}

int runner_read_scores(struct runner *runner, int slot_index, float *values,
                       struct failure *failure)
{
    const struct variant *variant = runner->slots[slot_index].variant;
    const char *name = variant->returns[runner->problem.returns];
    for (int i = 0; name && i < variant->scratch_count; ++i)
        if (strcmp(variant->scratch[i].name, name) == 0) {
            struct buffer *buffer = runner->scratch[i];
            const size_t count = (size_t)runner->sizes.q / (size_t)runner->problem.d_k *
                                 (size_t)runner->problem.n_kv;
            if (count * sizeof(float) > buffer->bytes)
                break;
            return read_fresh(runner, buffer, buffer->guard, count * sizeof(float), values,
                              failure);
        }
    return failure_set(failure, FAILURE_ERROR,
                       "the variant file does not say which buffer holds the second output");
}
