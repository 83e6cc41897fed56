/* The runner's inputs: made, written, and looked at again. */
#include "device/runner_parts.h"

#include <stdlib.h>

/* ---- to the device ---- */

static int write_input(struct runner *runner, struct buffer **buffer, const void *data,
                       size_t bytes, struct failure *failure)
{
    static const uint32_t nothing = 0;
    if (!data) {
        data = &nothing;
        bytes = sizeof nothing;
    }
    if (!*buffer)
        *buffer = runner_buffer(runner, bytes, (enum memory_place)runner->problem.memory, failure);
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

static int write_modifiers(struct runner *runner, struct failure *failure)
{
    const struct problem *problem = &runner->problem;
    const struct attention_inputs *inputs = &runner->sets[INPUTS_MAIN].host;
    const size_t heads = (size_t)problem->heads_q, batch = (size_t)problem->batch;
    const size_t bias = (size_t)problem_bias_dims(problem).count;
    struct buffer **buffers = runner->sets[INPUTS_MAIN].inputs;
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
    return write_input(runner, &buffers[INPUT_BIAS], biases, bias * (boolean ? 1 : 4), failure) ||
                   write_input(runner, &buffers[INPUT_SLOPES], slopes, heads * sizeof(float),
                               failure) ||
                   write_input(runner, &buffers[INPUT_SINKS], inputs->sinks, heads * sizeof(float),
                               failure) ||
                   write_input(runner, &buffers[INPUT_LENGTHS], lengths, batch * sizeof *lengths,
                               failure)
               ? -1
               : 0;
}

/* ---- the main set ---- */

static void generate_tensors(struct runner *runner, enum input_kind kind, uint64_t seed)
{
    struct attention_inputs *host = &runner->sets[INPUTS_MAIN].host;
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t count = operation_tensor_size(&runner->problem, t, NULL);
        if (!count)
            continue;
        float *values = arena_array(&runner->host_memory, (size_t)count, sizeof *values);
        inputs_fill_tensor(&runner->problem, t, kind, seed, values, count);
        host->tensors[t] = values;
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
    struct attention_inputs *host = &runner->sets[INPUTS_MAIN].host;
    *host = (struct attention_inputs){.q = values[0], .k = values[1], .v = values[2]};
    if (problem->bias == BIAS_FLOAT) {
        float *biases = arena_array(memory, bias, sizeof *biases);
        inputs_fill_bias(problem, seed, -1e9F, biases);
        host->bias = biases;
    } else if (problem->bias == BIAS_BOOL) {
        unsigned char *mask = arena_array(memory, bias, sizeof *mask);
        inputs_fill_mask(problem, mask);
        host->mask = mask;
    }
    if (problem->sink) {
        float *sinks = arena_array(memory, (size_t)problem->heads_q, sizeof *sinks);
        inputs_fill_sinks(problem, seed, sinks);
        host->sinks = sinks;
    }
}

/* Digests of what was just written: later ones must be the same. */
static int take_digests(struct runner *runner, struct input_set *set, struct failure *failure)
{
    for (int i = 0; i < INPUTS; ++i)
        if (runner->backend->digest(runner->session, set->inputs[i], &set->digests[i], failure))
            return -1;
    for (int t = 0; t < operation_tensor_count(); ++t)
        if (set->tensors[t] && runner->backend->digest(runner->session, set->tensors[t],
                                                       &set->digests[INPUTS + t], failure))
            return -1;
    return 0;
}

int runner_problem(struct runner *runner, const struct problem *problem,
                   const struct attention_inputs *given, enum input_kind kind, uint64_t seed,
                   struct failure *failure)
{
    struct input_set *set = &runner->sets[INPUTS_MAIN];
    runner_release(runner);
    runner->problem = *problem;
    runner->sizes = problem_sizes(problem);
    if (given)
        set->host = *given;
    else
        generate(runner, kind, seed);
    if (write_tensor(runner, &set->inputs[INPUT_Q], set->host.q, runner->sizes.q, failure) ||
        write_tensor(runner, &set->inputs[INPUT_K], set->host.k, runner->sizes.k, failure) ||
        write_tensor(runner, &set->inputs[INPUT_V], set->host.v, runner->sizes.v, failure))
        return -1;
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t elements = operation_tensor_size(problem, t, NULL);
        const bool is_of = (operation_tensor(t)->ops & 1U << problem->op) != 0;
        if (is_of &&
            write_tensor(runner, &set->tensors[t], set->host.tensors[t], elements, failure))
            return -1;
    }
    return write_modifiers(runner, failure) || take_digests(runner, set, failure) ? -1 : 0;
}

/* ---- the other set ---- */

/* Other data; weights and what is added to them stay. */
static int write_other_data(struct runner *runner, uint64_t seed, struct failure *failure)
{
    struct input_set *set = &runner->sets[INPUTS_OTHER];
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t count = operation_tensor_size(&runner->problem, t, NULL);
        if (!set->tensors[t] || !count || operation_tensor(t)->values != VALUES_DATA)
            continue;
        float *values = arena_array(&runner->host_memory, (size_t)count, sizeof *values);
        inputs_fill_tensor(&runner->problem, t, INPUT_RANDOM, seed, values, count);
        set->host.tensors[t] = values;
        set->tensors[t] = NULL;
        if (write_tensor(runner, &set->tensors[t], values, count, failure))
            return -1;
    }
    return 0;
}

static int write_queries(struct runner *runner, int round, struct failure *failure)
{
    struct input_set *set = &runner->sets[INPUTS_OTHER];
    float *q = arena_array(&runner->host_memory, (size_t)runner->sizes.q, sizeof *q);
    needles_fill_q(&runner->problem, &runner->needles, runner->needle_seed, round, q);
    runner->round = round;
    set->host.q = q;
    return write_tensor(runner, &set->inputs[INPUT_Q], q, runner->sizes.q, failure) ||
                   runner->backend->digest(runner->session, set->inputs[INPUT_Q],
                                           &set->digests[INPUT_Q], failure)
               ? -1
               : 0;
}

static int write_needles(struct runner *runner, uint64_t seed, struct failure *failure)
{
    const struct problem *problem = &runner->problem;
    struct input_set *set = &runner->sets[INPUTS_OTHER];
    float *k = arena_array(&runner->host_memory, (size_t)runner->sizes.k, sizeof *k);
    float *v = arena_array(&runner->host_memory, (size_t)runner->sizes.v, sizeof *v);
    needles_fill_k(problem, &runner->needles, seed, k);
    needles_fill_v(problem, &runner->needles, seed, v);
    set->host.k = k;
    set->host.v = v;
    set->inputs[INPUT_Q] = set->inputs[INPUT_K] = set->inputs[INPUT_V] = NULL;
    if (write_tensor(runner, &set->inputs[INPUT_K], k, runner->sizes.k, failure) ||
        write_tensor(runner, &set->inputs[INPUT_V], v, runner->sizes.v, failure) ||
        write_queries(runner, 0, failure))
        return -1;
    if (problem->sink) {
        float *sinks = arena_array(&runner->host_memory, (size_t)problem->heads_q, sizeof *sinks);
        needles_fill_sinks(problem, &runner->needles, seed, sinks);
        set->host.sinks = sinks;
        set->inputs[INPUT_SINKS] = NULL;
        if (write_input(runner, &set->inputs[INPUT_SINKS], sinks,
                        (size_t)problem->heads_q * sizeof *sinks, failure))
            return -1;
    }
    if (problem->bias != BIAS_FLOAT)
        return 0;
    const size_t count = (size_t)problem_bias_dims(problem).count;
    float *biases = arena_array(&runner->host_memory, count, sizeof *biases);
    inputs_fill_bias(problem, seed, -4096, biases);
    set->host.bias = biases;
    set->inputs[INPUT_BIAS] = NULL;
    return write_input(runner, &set->inputs[INPUT_BIAS], biases, count * sizeof *biases, failure);
}

int runner_other_inputs(struct runner *runner, const struct needles *needles, uint64_t seed,
                        struct failure *failure)
{
    struct input_set *set = &runner->sets[INPUTS_OTHER];
    *set = runner->sets[INPUTS_MAIN];
    runner->has_other = true;
    runner->needles = *needles;
    runner->needle_seed = seed;
    if (runner->problem.op == OP_ATTENTION ? write_needles(runner, seed, failure)
                                           : write_other_data(runner, seed, failure))
        return -1;
    return take_digests(runner, set, failure);
}

int runner_use(struct runner *runner, enum input_set_index set, int round, struct failure *failure)
{
    if (set == INPUTS_OTHER && !runner->has_other)
        return failure_set(failure, FAILURE_ERROR, "there are no other inputs");
    runner->set = set;
    if (set == INPUTS_OTHER && round != runner->round && runner->problem.op == OP_ATTENTION)
        return write_queries(runner, round, failure);
    return 0;
}

const struct attention_inputs *runner_inputs(const struct runner *runner, enum input_set_index set)
{
    return &runner->sets[set].host;
}

/* ---- afterwards ---- */

int runner_inputs_intact(struct runner *runner, struct err *what, struct failure *failure)
{
    struct binding all[BUFFERS_MAX];
    static const struct variant no_variant;
    const struct slot none = {.variant = &no_variant};
    for (int s = 0; s <= (runner->has_other ? INPUTS_OTHER : INPUTS_MAIN); ++s) {
        struct input_set now = runner->sets[s];
        const enum input_set_index used = runner->set;
        if (take_digests(runner, &now, failure))
            return -1;
        runner->set = (enum input_set_index)s;
        runner_slot_buffers(runner, &none, all);
        runner->set = used;
        int at = 0;
        for (int i = 0; i < INPUTS + operation_tensor_count(); ++i) {
            if (i >= INPUTS && !now.tensors[i - INPUTS])
                continue;
            if (now.digests[i] != runner->sets[s].digests[i]) {
                err_set(what, "wrote to its input %s", all[at].name);
                return 1;
            }
            ++at;
        }
    }
    return 0;
}
