#include "device/runner.h"

#include <stdlib.h>
#include <string.h>

/* A NaN whose payload no arithmetic makes by chance; each half is a NaN in f16 and in bf16 too. */
#define POISON        0xffed7fedu
#define GUARD_PATTERN 0xa5c3a5c3u

struct slot {
    const struct variant *variant;
    struct tuning tuning;
    struct kernels *kernels;
    struct buffer *output;
    int bound; /* generation of the scratch pool that the kernels' arguments refer to; 0: none */
};

struct runner {
    const struct backend *backend;
    struct session *session;
    struct problem problem;
    struct problem_sizes sizes;
    struct buffer *inputs[3]; /* q, k, v */
    float *values[3];         /* the same on the host */
    struct attention_inputs host_inputs;
    struct buffer *scratch[SCRATCH_MAX];
    int scratch_generation;
    struct slot slots[SLOTS_MAX];
};

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

static void free_buffer(struct runner *runner, struct buffer **buffer)
{
    if (*buffer)
        runner->backend->buffer_free(runner->session, *buffer);
    *buffer = NULL;
}

static void drop_slot(struct runner *runner, struct slot *slot)
{
    if (slot->kernels)
        runner->backend->kernels_free(runner->session, slot->kernels);
    free_buffer(runner, &slot->output);
    *slot = (struct slot){0};
}

void runner_release(struct runner *runner)
{
    for (int i = 0; i < SLOTS_MAX; ++i)
        drop_slot(runner, &runner->slots[i]);
    for (int i = 0; i < SCRATCH_MAX; ++i)
        free_buffer(runner, &runner->scratch[i]);
    for (int i = 0; i < 3; ++i) {
        free_buffer(runner, &runner->inputs[i]);
        free(runner->values[i]);
        runner->values[i] = NULL;
    }
}

void runner_close(struct runner *runner)
{
    if (!runner)
        return;
    runner_release(runner);
    runner->backend->close(runner->session);
    free(runner);
}

static int write_input(struct runner *runner, int tensor, int64_t count, struct failure *failure)
{
    const enum dtype dtype = (enum dtype)runner->problem.dtype;
    const size_t bytes = (size_t)(count * dtype_bytes(dtype));
    struct buffer **buffer = &runner->inputs[tensor];
    *buffer = runner->backend->buffer_create(runner->session, bytes, failure);
    if (!*buffer)
        return -1;
    if (dtype == DTYPE_F32)
        return runner->backend->buffer_write(runner->session, *buffer, (*buffer)->guard, bytes,
                                             runner->values[tensor], failure);
    void *storage = malloc(bytes);
    if (!storage)
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    dtype_encode(dtype, runner->values[tensor], storage, count);
    const int result = runner->backend->buffer_write(runner->session, *buffer, (*buffer)->guard,
                                                     bytes, storage, failure);
    free(storage);
    return result;
}

int runner_problem(struct runner *runner, const struct problem *problem, enum input_kind kind,
                   uint64_t seed, struct failure *failure)
{
    runner_release(runner);
    runner->problem = *problem;
    runner->sizes = problem_sizes(problem);
    const int64_t counts[3] = {runner->sizes.q, runner->sizes.k, runner->sizes.v};
    for (int i = 0; i < 3; ++i) {
        runner->values[i] = malloc((size_t)counts[i] * sizeof(float));
        if (!runner->values[i])
            return failure_set(failure, FAILURE_OOM, "out of memory on the host");
        inputs_fill(problem, (enum tensor)i, kind, seed, runner->values[i], counts[i]);
        if (write_input(runner, i, counts[i], failure))
            return -1;
    }
    runner->host_inputs =
        (struct attention_inputs){runner->values[0], runner->values[1], runner->values[2]};
    return 0;
}

const struct attention_inputs *runner_inputs(const struct runner *runner)
{
    return &runner->host_inputs;
}

static int reserve_scratch(struct runner *runner, const struct slot *slot, struct failure *failure)
{
    for (int i = 0; i < slot->variant->scratch_count; ++i) {
        int64_t elements = 1;
        for (int d = 0; d < slot->variant->scratch[i].dim_count; ++d) {
            int64_t size = 0;
            if (variant_size(slot->variant->scratch[i].dims[d], &runner->problem, &slot->tuning,
                             &size, &failure->err))
                return failure->kind = FAILURE_ERROR, -1;
            elements *= size;
        }
        const size_t bytes = (size_t)elements * sizeof(float);
        if (runner->scratch[i] && runner->scratch[i]->bytes >= bytes)
            continue;
        free_buffer(runner, &runner->scratch[i]);
        ++runner->scratch_generation; /* kernels bound to the old buffer must be bound again */
        runner->scratch[i] = runner->backend->buffer_create(runner->session, bytes, failure);
        if (!runner->scratch[i])
            return -1;
    }
    return 0;
}

int runner_prepare(struct runner *runner, int index, const struct variant *variant,
                   const struct tuning *tuning, struct failure *failure)
{
    struct slot *slot = &runner->slots[index];
    const enum dtype dtype = (enum dtype)runner->problem.dtype;
    drop_slot(runner, slot); /* of a tuning that did not work */
    slot->variant = variant;
    slot->tuning = *tuning;
    slot->kernels =
        runner->backend->build(runner->session, variant, &runner->problem, tuning, failure);
    if (!slot->kernels)
        return -1;
    slot->output = runner->backend->buffer_create(
        runner->session, (size_t)(runner->sizes.o * dtype_bytes(dtype)), failure);
    return slot->output ? reserve_scratch(runner, slot, failure) : -1;
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
    struct binding bindings[4 + SCRATCH_MAX] = {
        {"q", runner->inputs[0]},
        {"k", runner->inputs[1]},
        {"v", runner->inputs[2]},
        {"o", slot->output},
    };
    int count = 4;
    for (int i = 0; i < slot->variant->scratch_count; ++i)
        bindings[count++] = (struct binding){slot->variant->scratch[i].name, runner->scratch[i]};
    const struct shape shape = make_shape(&runner->problem);
    if (runner->backend->bind(runner->session, slot->kernels, &shape, bindings, count, failure))
        return -1;
    slot->bound = runner->scratch_generation;
    return 0;
}

int runner_launch(struct runner *runner, int index, struct launch_times *times,
                  struct failure *failure)
{
    struct slot *slot = &runner->slots[index];
    if (slot->bound != runner->scratch_generation && bind(runner, slot, failure))
        return -1;
    return runner->backend->launch(runner->session, slot->kernels, times, failure);
}

/* Every buffer of a slot, for guards: q, k, v, o, scratch. */
static int slot_buffers(struct runner *runner, const struct slot *slot, struct buffer **buffers,
                        const char **names)
{
    static const char *const tensors[] = {"q", "k", "v"};
    int count = 0;
    for (int i = 0; i < 3; ++i) {
        names[count] = tensors[i];
        buffers[count++] = runner->inputs[i];
    }
    names[count] = "o";
    buffers[count++] = slot->output;
    for (int i = 0; i < slot->variant->scratch_count; ++i) {
        names[count] = slot->variant->scratch[i].name;
        buffers[count++] = runner->scratch[i];
    }
    return count;
}

/* The payload may end in the middle of a 4-byte word; the guard behind it starts at the next. */
static size_t after_payload(const struct buffer *buffer)
{
    return buffer->guard + (buffer->bytes + 3) / 4 * 4;
}

int runner_poison(struct runner *runner, int index, struct failure *failure)
{
    const struct backend *backend = runner->backend;
    struct slot *slot = &runner->slots[index];
    struct buffer *buffers[4 + SCRATCH_MAX];
    const char *names[4 + SCRATCH_MAX];
    const int count = slot_buffers(runner, slot, buffers, names);
    for (int i = 0; i < count; ++i)
        if (backend->buffer_fill(runner->session, buffers[i], 0, buffers[i]->guard, GUARD_PATTERN,
                                 failure) ||
            backend->buffer_fill(runner->session, buffers[i], after_payload(buffers[i]),
                                 buffers[i]->guard, GUARD_PATTERN, failure))
            return -1;
    return backend->buffer_fill(runner->session, slot->output, slot->output->guard,
                                (slot->output->bytes + 3) / 4 * 4, POISON, failure);
}

int runner_read(struct runner *runner, int index, float *output, struct failure *failure)
{
    struct buffer *buffer = runner->slots[index].output;
    const enum dtype dtype = (enum dtype)runner->problem.dtype;
    if (dtype == DTYPE_F32)
        return runner->backend->buffer_read(runner->session, buffer, buffer->guard, buffer->bytes,
                                            output, failure);
    void *storage = malloc(buffer->bytes);
    if (!storage)
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    const int result = runner->backend->buffer_read(runner->session, buffer, buffer->guard,
                                                    buffer->bytes, storage, failure);
    if (result == 0)
        dtype_decode(dtype, storage, output, runner->sizes.o);
    free(storage);
    return result;
}

int runner_guards(struct runner *runner, int index, struct err *what, struct failure *failure)
{
    struct slot *slot = &runner->slots[index];
    struct buffer *buffers[4 + SCRATCH_MAX];
    const char *names[4 + SCRATCH_MAX];
    const int count = slot_buffers(runner, slot, buffers, names);
    int result = 0;
    for (int i = 0; i < count && result == 0; ++i) {
        const size_t guard = buffers[i]->guard;
        uint32_t *words = malloc(guard);
        if (!words)
            return failure_set(failure, FAILURE_OOM, "out of memory on the host");
        for (int side = 0; side < 2 && result == 0; ++side) {
            result = runner->backend->buffer_read(runner->session, buffers[i],
                                                  side ? after_payload(buffers[i]) : 0, guard,
                                                  words, failure);
            for (size_t w = 0; w < guard / 4 && result == 0; ++w)
                if (words[w] != GUARD_PATTERN) {
                    err_set(what, "wrote outside a buffer: %zu bytes %s %s",
                            side ? w * 4 : guard - w * 4, side ? "past the end of" : "before",
                            names[i]);
                    result = 1;
                }
        }
        free(words);
    }
    return result;
}
