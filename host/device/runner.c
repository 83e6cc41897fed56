#include "device/runner.h"

#include <stdlib.h>
#include <string.h>

/* NaNs whose payloads no arithmetic makes by chance; each half is a NaN in f16 and in bf16 too. In
 * the guards they betray reads as well: a value from there, even one that is multiplied by a weight
 * of 0, makes the output NaN. */
#define POISON        0xffed7fedu
#define SPOILED       0x64006400u /* 1024 in f16, some 1e22 in f32 and bf16 */
#define GUARD_PATTERN 0xffe57fe5u

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
static const char *const input_names[INPUTS] = {"q",      "k",     "v",         "bias",
                                                "slopes", "sinks", "kv_lengths"};

enum { BUFFERS_MAX = INPUTS + OP_TENSORS_MAX + 1 + SCRATCH_MAX };

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
    struct buffer *inputs[INPUTS];          /* what a problem does not have is 4 bytes long */
    struct buffer *tensors[OP_TENSORS_MAX]; /* of other operations; NULL what this one has not */
    struct attention_inputs host_inputs;
    struct arena host_memory; /* of generated inputs */
    struct buffer *scratch[SCRATCH_MAX];
    int scratch_generation;
    struct slot slots[SLOTS_MAX];
    enum sign { AS_THEY_ARE, NEGATED, UNKNOWN } sign; /* of q, k and v on the device */
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
    for (int i = 0; i < INPUTS; ++i)
        free_buffer(runner, &runner->inputs[i]);
    for (int i = 0; i < OP_TENSORS_MAX; ++i)
        free_buffer(runner, &runner->tensors[i]);
    arena_free(&runner->host_memory);
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

static int write_input(struct runner *runner, struct buffer **buffer, const void *data,
                       size_t bytes, struct failure *failure)
{
    static const uint32_t nothing = 0;
    if (!data) {
        data = &nothing;
        bytes = sizeof nothing;
    }
    if (!*buffer)
        *buffer = runner->backend->buffer_create(runner->session, bytes, failure);
    return *buffer ? runner->backend->buffer_write(runner->session, *buffer, (*buffer)->guard,
                                                   bytes, data, failure)
                   : -1;
}

/* Encoded to the problem's dtype. */
static int write_tensor(struct runner *runner, struct buffer **input, const float *values,
                        int64_t count, struct failure *failure)
{
    if (!values)
        return write_input(runner, input, NULL, 0, failure);
    const enum dtype dtype = (enum dtype)runner->problem.dtype;
    const size_t bytes = (size_t)(count * dtype_bytes(dtype));
    if (dtype == DTYPE_F32)
        return write_input(runner, input, values, bytes, failure);
    void *storage = malloc(bytes);
    if (!storage)
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    dtype_encode(dtype, values, storage, count);
    const int result = write_input(runner, input, storage, bytes, failure);
    free(storage);
    return result;
}

static int write_negated(struct runner *runner, struct buffer **input, const float *values,
                         int64_t count, struct failure *failure)
{
    float *minus = malloc((size_t)count * sizeof *minus);
    if (!minus)
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    for (int64_t i = 0; i < count; ++i)
        minus[i] = -values[i];
    const int result = write_tensor(runner, input, minus, count, failure);
    free(minus);
    return result;
}

/* An input of another operation, as it is or with its signs changed. */
static int write_flipped(struct runner *runner, int tensor, bool negated, struct failure *failure)
{
    const float *values = runner->host_inputs.tensors[tensor];
    const int64_t count = operation_tensor_size(&runner->problem, tensor, NULL);
    float *flipped = malloc((size_t)count * sizeof *flipped);
    if (!flipped)
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    operation_flip(&runner->problem, tensor, values, flipped);
    const int result =
        write_tensor(runner, &runner->tensors[tensor], negated ? flipped : values, count, failure);
    free(flipped);
    return result;
}

int runner_negate(struct runner *runner, bool negated, struct failure *failure)
{
    const struct attention_inputs *inputs = &runner->host_inputs;
    const enum sign sign = negated ? NEGATED : AS_THEY_ARE;
    int (*const write)(struct runner *, struct buffer **, const float *, int64_t,
                       struct failure *) = negated ? write_negated : write_tensor;
    if (runner->sign == sign)
        return 0;
    runner->sign = UNKNOWN;
    if (runner->problem.op == OP_ATTENTION &&
        (write(runner, &runner->inputs[INPUT_Q], inputs->q, runner->sizes.q, failure) ||
         write(runner, &runner->inputs[INPUT_K], inputs->k, runner->sizes.k, failure) ||
         write(runner, &runner->inputs[INPUT_V], inputs->v, runner->sizes.v, failure)))
        return -1;
    for (int t = 0; t < operation_tensor_count(); ++t)
        if (inputs->tensors[t] && operation_flips(&runner->problem, t) &&
            write_flipped(runner, t, negated, failure))
            return -1;
    runner->sign = sign;
    return 0;
}

static void generate_tensors(struct runner *runner, enum input_kind kind, uint64_t seed)
{
    runner->host_inputs = (struct attention_inputs){0};
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t count = operation_tensor_size(&runner->problem, t, NULL);
        if (!count)
            continue;
        float *values = arena_array(&runner->host_memory, (size_t)count, sizeof *values);
        inputs_fill_tensor(&runner->problem, t, kind, seed, values, count);
        runner->host_inputs.tensors[t] = values;
    }
}

static void generate(struct runner *runner, enum input_kind kind, uint64_t seed)
{
    const struct problem *problem = &runner->problem;
    struct arena *memory = &runner->host_memory;
    if (problem->op != OP_ATTENTION) {
        generate_tensors(runner, kind, seed);
        return;
    }
    const int64_t counts[3] = {runner->sizes.q, runner->sizes.k, runner->sizes.v};
    const size_t bias = (size_t)problem_bias_dims(problem).count;
    float *values[3];
    for (int i = 0; i < 3; ++i) {
        values[i] = arena_array(memory, (size_t)counts[i], sizeof(float));
        inputs_fill(problem, (enum tensor)i, kind, seed, values[i], counts[i]);
    }
    runner->host_inputs = (struct attention_inputs){.q = values[0], .k = values[1], .v = values[2]};
    if (problem->bias == BIAS_FLOAT) {
        float *biases = arena_array(memory, bias, sizeof *biases);
        inputs_fill_bias(problem, seed, biases);
        runner->host_inputs.bias = biases;
    } else if (problem->bias == BIAS_BOOL) {
        unsigned char *mask = arena_array(memory, bias, sizeof *mask);
        inputs_fill_mask(problem, mask);
        runner->host_inputs.mask = mask;
    }
    if (problem->sink) {
        float *sinks = arena_array(memory, (size_t)problem->heads_q, sizeof *sinks);
        inputs_fill_sinks(problem, seed, sinks);
        runner->host_inputs.sinks = sinks;
    }
}

static int write_modifiers(struct runner *runner, struct failure *failure)
{
    const struct problem *problem = &runner->problem;
    const struct attention_inputs *inputs = &runner->host_inputs;
    const size_t heads = (size_t)problem->heads_q, batch = (size_t)problem->batch;
    const size_t bias = (size_t)problem_bias_dims(problem).count;
    float *slopes = NULL;
    int32_t *lengths = NULL;
    if (problem->bias == BIAS_ALIBI) {
        slopes = arena_array(&runner->host_memory, heads, sizeof *slopes);
        for (size_t h = 0; h < heads; ++h)
            slopes[h] = (float)alibi_slope((int64_t)h, problem->heads_q);
    }
    if (problem->kv_lengths) {
        lengths = arena_array(&runner->host_memory, batch, sizeof *lengths);
        for (size_t b = 0; b < batch; ++b)
            lengths[b] = (int32_t)problem->kv_lengths[b];
    }
    const bool boolean = problem->bias == BIAS_BOOL;
    const void *biases = boolean ? (const void *)inputs->mask : inputs->bias;
    return write_input(runner, &runner->inputs[INPUT_BIAS], biases, bias * (boolean ? 1 : 4),
                       failure) ||
                   write_input(runner, &runner->inputs[INPUT_SLOPES], slopes, heads * sizeof(float),
                               failure) ||
                   write_input(runner, &runner->inputs[INPUT_SINKS], inputs->sinks,
                               heads * sizeof(float), failure) ||
                   write_input(runner, &runner->inputs[INPUT_LENGTHS], lengths,
                               batch * sizeof *lengths, failure)
               ? -1
               : 0;
}

int runner_problem(struct runner *runner, const struct problem *problem,
                   const struct attention_inputs *given, enum input_kind kind, uint64_t seed,
                   struct failure *failure)
{
    runner_release(runner);
    runner->problem = *problem;
    runner->sizes = problem_sizes(problem);
    runner->sign = AS_THEY_ARE;
    if (given)
        runner->host_inputs = *given;
    else
        generate(runner, kind, seed);
    const struct attention_inputs *inputs = &runner->host_inputs;
    if (write_tensor(runner, &runner->inputs[INPUT_Q], inputs->q, runner->sizes.q, failure) ||
        write_tensor(runner, &runner->inputs[INPUT_K], inputs->k, runner->sizes.k, failure) ||
        write_tensor(runner, &runner->inputs[INPUT_V], inputs->v, runner->sizes.v, failure))
        return -1;
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t elements = operation_tensor_size(problem, t, NULL);
        const bool is_of = (operation_tensor(t)->ops & 1U << problem->op) != 0;
        if (is_of &&
            write_tensor(runner, &runner->tensors[t], inputs->tensors[t], elements, failure))
            return -1;
    }
    return write_modifiers(runner, failure);
}

const struct attention_inputs *runner_inputs(const struct runner *runner)
{
    return &runner->host_inputs;
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
        free_buffer(runner, &runner->scratch[i]);
        ++runner->scratch_generation; /* kernels bound to the old buffer must be bound again */
        runner->scratch[i] = runner->backend->buffer_create(runner->session, bytes, failure);
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
    drop_slot(runner, slot); /* of a tuning that did not work */
    slot->variant = variant;
    slot->tuning = *tuning;
    slot->kernels =
        runner->backend->build(runner->session, variant, &runner->problem, tuning, origin, failure);
    if (!slot->kernels)
        return -1;
    slot->output = runner->backend->buffer_create(
        runner->session, (size_t)(runner->sizes.o * dtype_bytes(dtype)), failure);
    if (!slot->output || reserve_scratch(runner, slot, failure))
        return -1;
    /* Timed launches poison nothing themselves, and a worker that takes up a job from a dead one
     * goes on with those. */
    return runner_poison(runner, slot_index, failure);
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

/* Every buffer of a slot by its name: inputs first, then what a launch writes. */
static int slot_buffers(struct runner *runner, const struct slot *slot, struct binding *bindings)
{
    int count = 0;
    for (int i = 0; i < INPUTS; ++i)
        bindings[count++] = (struct binding){input_names[i], runner->inputs[i]};
    for (int t = 0; t < operation_tensor_count(); ++t)
        if (runner->tensors[t])
            bindings[count++] = (struct binding){operation_tensor(t)->name, runner->tensors[t]};
    bindings[count++] = (struct binding){"o", slot->output};
    for (int i = 0; i < slot->variant->scratch_count; ++i)
        bindings[count++] = (struct binding){slot->variant->scratch[i].name, runner->scratch[i]};
    return count;
}

static int bind(struct runner *runner, struct slot *slot, struct failure *failure)
{
    struct binding bindings[BUFFERS_MAX];
    struct shape shapes[PARTS_MAX];
    const int count = slot_buffers(runner, slot, bindings);
    for (int p = 0; p == 0 || p < slot->variant->part_count; ++p)
        shapes[p] = make_shape(variant_part_problem(slot->variant, p, &runner->problem));
    if (runner->backend->bind(runner->session, slot->kernels, shapes, bindings, count, failure))
        return -1;
    slot->bound = runner->scratch_generation;
    return 0;
}

int runner_launch(struct runner *runner, int slot_index, struct launch_times *times,
                  struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    if (slot->bound != runner->scratch_generation && bind(runner, slot, failure))
        return -1;
    return runner->backend->launch(runner->session, slot->kernels, times, failure);
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

/* The payload may end in the middle of a 4-byte word; the guard behind it starts at the next. */
static size_t after_payload(const struct buffer *buffer)
{
    return buffer->guard + (buffer->bytes + 3) / 4 * 4;
}

int runner_spoil_output(struct runner *runner, int slot_index, struct failure *failure)
{
    struct buffer *output = runner->slots[slot_index].output;
    return runner->backend->buffer_fill(runner->session, output, output->guard,
                                        (output->bytes + 3) / 4 * 4, SPOILED, failure);
}

int runner_poison(struct runner *runner, int slot_index, struct failure *failure)
{
    const struct backend *backend = runner->backend;
    struct slot *slot = &runner->slots[slot_index];
    struct binding all[BUFFERS_MAX];
    const int count = slot_buffers(runner, slot, all);
    bool input = true;
    for (int i = 0; i < count; ++i) {
        struct buffer *buffer = all[i].buffer;
        if (backend->buffer_fill(runner->session, buffer, 0, buffer->guard, GUARD_PATTERN,
                                 failure) ||
            backend->buffer_fill(runner->session, buffer, after_payload(buffer), buffer->guard,
                                 GUARD_PATTERN, failure))
            return -1;
        /* Scratch too: what a variant forgets to write there, another one may have left right. */
        input = input && buffer != slot->output;
        if (!input && backend->buffer_fill(runner->session, buffer, buffer->guard,
                                           (buffer->bytes + 3) / 4 * 4, POISON, failure))
            return -1;
    }
    return 0;
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

int runner_guards(struct runner *runner, int slot_index, struct err *what, struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    struct binding all[BUFFERS_MAX];
    const int count = slot_buffers(runner, slot, all);
    int result = 0;
    for (int i = 0; i < count && result == 0; ++i) {
        struct buffer *buffer = all[i].buffer;
        const size_t guard = buffer->guard;
        if (guard == 0)
            continue;
        uint32_t *words = malloc(guard);
        if (!words)
            return failure_set(failure, FAILURE_OOM, "out of memory on the host");
        for (int side = 0; side < 2 && result == 0; ++side) {
            result =
                read_fresh(runner, buffer, side ? after_payload(buffer) : 0, guard, words, failure);
            for (size_t w = 0; w < guard / 4 && result == 0; ++w)
                if (words[w] != GUARD_PATTERN) {
                    err_set(what, "wrote outside a buffer: %zu bytes %s %s",
                            side ? w * 4 : guard - w * 4, side ? "past the end of" : "before",
                            all[i].name);
                    result = 1;
                }
        }
        free(words);
    }
    return result;
}
