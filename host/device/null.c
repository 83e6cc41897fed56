/* The null backend: a device made of a script. Outputs come from the reference, times from the
 * script; see null.h. Buffers are host memory. */
#include "device/null.h"

#include "device/backend.h"
#include "verify/inputs.h"
#include "verify/operation_reference.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct null_buffer {
    struct buffer base;
    unsigned char *memory;
    uint64_t version; /* of the payload, among all that were written */
};

/* What the reference gave for some inputs. */
struct answer {
    const struct null_buffer *q;
    uint64_t versions; /* of all that it was made from */
    float *output, *scores;
};

struct session {
    const char *device;
    uint64_t launches, writes;
    char variant[64], cell[512], tuning[1024]; /* launched last: what is read is its output */
};

struct kernels {
    const struct variant *variant;
    struct problem problem;
    struct tuning tuning;
    char *cell, *tuning_text;
    struct null_buffer *q, *k, *v, *o, *bias, *sinks;
    struct null_buffer *returns;                 /* of the second output, or NULL */
    struct null_buffer *scratch;                 /* the variant's first, or NULL */
    struct null_buffer *tensors[OP_TENSORS_MAX]; /* of operations beside attention */
    struct answer answers[2]; /* of the inputs that were bound last, and before */
};

static struct null_script script;
static struct arena script_memory;

static int load(struct failure *failure)
{
    static bool loaded;
    failure->kind = FAILURE_ERROR;
    failure->fatal = false;
    if (loaded)
        return 0;
    loaded = true;
    return null_script_load(&script, &script_memory, &failure->err);
}

/* Does what a fault says to do to the process or the call; -1 when the call is to fail. The faults
 * that change outputs are left to the launch. */
static int suffer(const char *fault, const char *at, struct failure *failure)
{
    if (strcmp(fault, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (strcmp(fault, "abort") == 0) {
        abort();
    } else if (strcmp(fault, "exit") == 0) {
        _exit(0);
    } else if (strcmp(fault, "hang") == 0) {
        while (true)
            pause();
    } else if (strcmp(fault, "print") == 0) {
        printf("driver says hello on stdout\n");
        fflush(stdout);
        fprintf(stderr, "driver says hello on stderr\n");
    } else if (strcmp(fault, "fail") == 0) {
        return failure_set(failure, strcmp(at, "build") == 0 ? FAILURE_BUILD : FAILURE_ERROR,
                           "the script says that %s fails", at);
    } else if (strcmp(fault, "oom") == 0) {
        return failure_set(failure, FAILURE_OOM, "the script says that %s is out of memory", at);
    } else if (strcmp(fault, "fatal") == 0) {
        failure_set(failure, FAILURE_OOM, "%s returned CL_OUT_OF_RESOURCES (-5)", at);
        failure->fatal = true;
        return -1;
    }
    return 0;
}

static int null_enumerate(struct arena *arena, struct device_info **devices, int *count,
                          struct failure *failure)
{
    (void)arena;
    if (load(failure) || suffer(null_script_fault(&script, "enumerate", NULL, NULL, NULL, NULL),
                                "enumerate", failure))
        return -1;
    *devices = script.devices;
    *count = script.device_count;
    return 0;
}

static struct session *null_open(struct device_info *device, struct failure *failure)
{
    if (load(failure) ||
        suffer(null_script_fault(&script, "open", device->id, NULL, NULL, NULL), "open", failure))
        return NULL;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        abort();
    session->device = arena_copy(&script_memory, device->id);
    device->launch_us = script.launch_us;
    return session;
}

static void null_close(struct session *session)
{
    free(session);
}

static struct buffer *null_buffer_create(struct session *session, size_t bytes, size_t guard,
                                         enum memory_place memory, struct failure *failure)
{
    (void)session;
    (void)memory;
    struct null_buffer *buffer = calloc(1, sizeof *buffer);
    if (buffer)
        buffer->memory = calloc(1, bytes + 4 + 2 * guard);
    if (!buffer || !buffer->memory) {
        free(buffer);
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    buffer->base = (struct buffer){.bytes = bytes, .guard = guard};
    return &buffer->base;
}

static void null_buffer_free(struct session *session, struct buffer *buffer)
{
    (void)session;
    free(((struct null_buffer *)buffer)->memory);
    free(buffer);
}

static int null_write(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                      const void *data, struct failure *failure)
{
    (void)failure;
    struct null_buffer *to = (struct null_buffer *)buffer;
    if (offset == buffer->guard)
        to->version = ++session->writes;
    memcpy(to->memory + offset, data, bytes);
    return 0;
}

static int null_read(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                     void *data, struct failure *failure)
{
    const char *fault = null_script_fault(&script, "read", session->device, session->variant,
                                          session->cell, session->tuning);
    if (suffer(fault, "read", failure))
        return -1;
    memcpy(data, ((struct null_buffer *)buffer)->memory + offset, bytes);
    return 0;
}

static int null_fill(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                     uint32_t pattern, struct failure *failure)
{
    (void)session, (void)failure;
    for (size_t i = 0; i < bytes; i += sizeof pattern)
        memcpy(((struct null_buffer *)buffer)->memory + offset + i, &pattern, sizeof pattern);
    return 0;
}

static int null_copy(struct session *session, struct buffer *from, struct buffer *to,
                     struct failure *failure)
{
    (void)session, (void)failure;
    memcpy(((struct null_buffer *)to)->memory + to->guard,
           ((struct null_buffer *)from)->memory + from->guard, from->bytes);
    return 0;
}

static int null_compare(struct session *session, struct buffer *a, struct buffer *b, bool *same,
                        struct failure *failure)
{
    (void)session, (void)failure;
    *same = memcmp(((struct null_buffer *)a)->memory + a->guard,
                   ((struct null_buffer *)b)->memory + b->guard, a->bytes) == 0;
    return 0;
}

static int null_digest(struct session *session, struct buffer *buffer, uint64_t *digest,
                       struct failure *failure)
{
    (void)session, (void)failure;
    const unsigned char *bytes = ((struct null_buffer *)buffer)->memory + buffer->guard;
    *digest = 0;
    for (size_t i = 0; i < buffer->bytes; ++i)
        *digest = *digest * UINT64_C(0x100000001b3) + bytes[i];
    return 0;
}

static struct kernels *null_build(struct session *session, const struct variant *variant,
                                  const struct problem *problem, const struct tuning *tuning,
                                  enum build_origin *origin, struct failure *failure)
{
    struct arena arena = {0};
    *origin = BUILD_SOURCE;
    const char *cell = problem_id(problem, &arena);
    const char *text = tuning_text(tuning, &arena);
    const char *fault =
        null_script_fault(&script, "build", session->device, variant->name, cell, text);
    struct kernels *kernels = NULL;
    if (suffer(fault, "build", failure) == 0) {
        kernels = calloc(1, sizeof *kernels);
        if (!kernels)
            abort();
        *kernels = (struct kernels){.variant = variant,
                                    .problem = *problem,
                                    .tuning = *tuning,
                                    .cell = strdup(cell),
                                    .tuning_text = strdup(text)};
    }
    arena_free(&arena);
    return kernels;
}

static void null_kernels_free(struct session *session, struct kernels *kernels)
{
    (void)session;
    free(kernels->cell);
    free(kernels->tuning_text);
    for (int i = 0; i < 2; ++i) {
        free(kernels->answers[i].output);
        free(kernels->answers[i].scores);
    }
    free(kernels);
}

static int null_bind(struct session *session, struct kernels *kernels, const struct shape *shapes,
                     const struct binding *bindings, int count, struct failure *failure)
{
    (void)session, (void)shapes, (void)failure;
    const char *returns = kernels->variant->returns[kernels->problem.returns];
    const char *scratch = kernels->variant->scratch_count ? kernels->variant->scratch[0].name : "";
    const struct {
        const char *name;
        struct null_buffer **slot;
    } wanted[] = {{"q", &kernels->q},
                  {"k", &kernels->k},
                  {"v", &kernels->v},
                  {"o", &kernels->o},
                  {"bias", &kernels->bias},
                  {"sinks", &kernels->sinks},
                  {returns ? returns : "", &kernels->returns},
                  {scratch, &kernels->scratch}};
    for (int i = 0; i < count; ++i) {
        const int tensor = operation_tensor_find(bindings[i].name);
        if (tensor >= 0)
            kernels->tensors[tensor] = (struct null_buffer *)bindings[i].buffer;
        for (size_t w = 0; w < sizeof wanted / sizeof *wanted; ++w)
            if (strcmp(bindings[i].name, wanted[w].name) == 0)
                *wanted[w].slot = (struct null_buffer *)bindings[i].buffer;
    }
    return 0;
}

static float *decoded(const struct null_buffer *buffer, enum dtype dtype, int64_t count)
{
    float *values = malloc((size_t)count * sizeof *values);
    if (!values)
        abort();
    dtype_decode(dtype, buffer->memory + buffer->base.guard, values, count);
    return values;
}

static const void *payload(const struct null_buffer *buffer)
{
    return buffer->memory + buffer->base.guard;
}

static void compute_scores(struct kernels *kernels, const struct attention_inputs *inputs,
                           const row_index *rows, int64_t row_count)
{
    const size_t count = (size_t)row_count * (size_t)kernels->problem.n_kv;
    double *exact = malloc(count * sizeof *exact);
    struct answer *answer = kernels->answers;
    answer->scores = malloc(count * sizeof *answer->scores);
    if (!exact || !answer->scores)
        abort();
    reference_scores(&kernels->problem, inputs, rows, row_count, exact);
    for (size_t i = 0; i < count; ++i)
        answer->scores[i] = (float)exact[i];
    free(exact);
}

static void compute_operation(struct kernels *kernels)
{
    const struct problem *problem = &kernels->problem;
    const int64_t count = problem_sizes(problem).o, row_count = count / problem_columns(problem);
    struct arena arena = {0};
    row_index *rows = arena_array(&arena, (size_t)row_count, sizeof *rows);
    double *exact = arena_array(&arena, (size_t)count, sizeof *exact);
    struct attention_inputs inputs = {0};
    float *tensors[OP_TENSORS_MAX] = {0};
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t elements = operation_tensor_size(problem, t, NULL);
        if (elements)
            inputs.tensors[t] = tensors[t] =
                decoded(kernels->tensors[t], (enum dtype)problem->dtype, elements);
    }
    for (int64_t r = 0; r < row_count; ++r)
        rows[r] = r;
    reference_operation(problem, &inputs, rows, row_count, exact);
    float *output = kernels->answers->output = malloc((size_t)count * sizeof *output);
    if (!output)
        abort();
    for (int64_t i = 0; i < count; ++i)
        output[i] = (float)exact[i];
    for (int t = 0; t < OP_TENSORS_MAX; ++t)
        free(tensors[t]);
    arena_free(&arena);
}

static void compute_output(struct kernels *kernels)
{
    if (kernels->problem.op != OP_ATTENTION) {
        compute_operation(kernels);
        return;
    }
    const struct problem *problem = &kernels->problem;
    const struct problem_sizes sizes = problem_sizes(problem);
    const enum dtype dtype = (enum dtype)problem->dtype;
    float *q = decoded(kernels->q, dtype, sizes.q), *k = decoded(kernels->k, dtype, sizes.k);
    float *v = decoded(kernels->v, dtype, sizes.v);
    const int64_t row_count = sizes.o / problem->d_v;
    row_index *rows = malloc((size_t)row_count * sizeof *rows);
    double *exact = malloc((size_t)sizes.o * sizeof *exact);
    float *output = kernels->answers->output = malloc((size_t)sizes.o * sizeof *output);
    if (!rows || !exact || !output)
        abort();
    for (int64_t r = 0; r < row_count; ++r)
        rows[r] = r;
    const struct attention_inputs inputs = {.q = q,
                                            .k = k,
                                            .v = v,
                                            .bias = payload(kernels->bias),
                                            .mask = payload(kernels->bias),
                                            .sinks = payload(kernels->sinks)};
    reference_attention(problem, &inputs, rows, row_count, exact);
    for (int64_t r = 0; r < row_count; ++r)
        for (int64_t c = 0; c < problem->d_v; ++c)
            output[row_offset(problem, r, problem->d_v) + c] = (float)exact[r * problem->d_v + c];
    if (kernels->returns)
        compute_scores(kernels, &inputs, rows, row_count);
    free(rows);
    free(exact);
    free(q);
    free(k);
    free(v);
}

static uint64_t versions(const struct kernels *kernels)
{
    const struct null_buffer *const read[] = {kernels->q, kernels->k, kernels->v, kernels->bias,
                                              kernels->sinks};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof read / sizeof *read; ++i)
        sum += read[i]->version;
    for (int t = 0; t < OP_TENSORS_MAX; ++t)
        sum += kernels->tensors[t] ? kernels->tensors[t]->version : 0;
    return sum;
}

/* What the present inputs give comes first: computed, or known from before. */
static void find_answer(struct kernels *kernels, bool stale)
{
    struct answer *answers = kernels->answers;
    const uint64_t now = versions(kernels);
    for (int tries = 0; tries < 2; ++tries) {
        if (answers[0].output &&
            (stale || (answers[0].q == kernels->q && answers[0].versions == now)))
            return;
        const struct answer first = answers[0];
        answers[0] = answers[1];
        answers[1] = first;
    }
    const struct answer first = answers[0];
    answers[0] = answers[1];
    answers[1] = first;
    free(answers[0].output);
    free(answers[0].scores);
    answers[0] = (struct answer){.q = kernels->q, .versions = now};
    compute_output(kernels);
}

/* Writes where a launch must not. */
static void trespass(const struct kernels *kernels, const char *fault, unsigned char *end)
{
    enum { FAR = 6000 };
    const struct null_buffer *scratch = kernels->scratch;
    if (strcmp(fault, "overrun") == 0)
        memset(end, 0, 4);
    else if (strcmp(fault, "overrun_far") == 0)
        memset(end + FAR, 0, 4);
    else if (strcmp(fault, "overrun_scratch") == 0 && scratch)
        memset(scratch->memory + scratch->base.guard + (scratch->base.bytes + 3) / 4 * 4, 0, 4);
    else if (strcmp(fault, "tamper") == 0)
        kernels->k->memory[kernels->k->base.guard] ^= 1;
}

static void write_output(struct session *session, struct kernels *kernels, const char *fault)
{
    const struct problem_sizes sizes = problem_sizes(&kernels->problem);
    const enum dtype dtype = (enum dtype)kernels->problem.dtype;
    unsigned char *out = kernels->o->memory + kernels->o->base.guard;
    find_answer(kernels, strcmp(fault, "stale") == 0);
    const float *output = kernels->answers[0].output;
    if (strcmp(fault, "unwritten") == 0)
        return;
    dtype_encode(dtype, output, out, sizes.o);
    if (kernels->returns)
        memcpy(kernels->returns->memory + kernels->returns->base.guard, kernels->answers[0].scores,
               (size_t)(sizes.o / kernels->problem.d_v * kernels->problem.n_kv) * sizeof(float));
    const size_t element = (size_t)dtype_bytes(dtype);
    float first = output[0];
    if (strcmp(fault, "nan") == 0)
        first = NAN;
    else if (strcmp(fault, "wrong") == 0)
        first = first * 1.01f + 0.01f;
    else if (strcmp(fault, "flaky") == 0)
        first = nextafterf(first, session->launches % 2 ? 1e30f : -1e30f);
    dtype_encode(dtype, &first, out, 1);
    trespass(kernels, fault, out + (size_t)sizes.o * element);
}

static void null_distrust(struct session *session, struct kernels *kernels)
{
    (void)session, (void)kernels;
}

static int null_evict(struct session *session, struct failure *failure)
{
    return suffer(null_script_fault(&script, "evict", session->device, session->variant,
                                    session->cell, session->tuning),
                  "evict", failure);
}

static int null_launch(struct session *session, struct kernels *kernels, const struct handover *how,
                       struct launch_times *times, struct failure *failure)
{
    const char *fault =
        null_script_fault(&script, "launch", session->device, kernels->variant->name, kernels->cell,
                          kernels->tuning_text);
    snprintf(session->variant, sizeof session->variant, "%s", kernels->variant->name);
    snprintf(session->cell, sizeof session->cell, "%s", kernels->cell);
    snprintf(session->tuning, sizeof session->tuning, "%s", kernels->tuning_text);
    if (suffer(fault, "launch", failure))
        return -1;
    double seconds = 0;
    failure->kind = FAILURE_ERROR;
    if (null_script_time(&script, kernels->variant->name, &kernels->problem, &kernels->tuning,
                         &seconds, &failure->err))
        return -1;
    write_output(session, kernels, fault);
    const double pause_s = script.pause_s + script.pause * seconds;
    const struct timespec pause = {(time_t)pause_s, (long)(1e9 * fmod(pause_s, 1))};
    if (pause_s > 0)
        (void)nanosleep(&pause, NULL);
    const double unit =
        (double)(inputs_hash((uint64_t)script.noise_seed, session->launches++) >> 11) * 0x1p-53;
    seconds *= 1 + script.noise * (2 * unit - 1);
    *times = (struct launch_times){.host_s = seconds + 1e-6 * script.launch_us / how->launches,
                                   .device_s = how->profiling ? seconds : NAN};
    if (!how->profiling)
        snprintf(times->gate, sizeof times->gate, "%s", TIMER_GATE_OFF);
    for (int i = 0; i < kernels->variant->pass_count; ++i)
        times->pass_s[i] = seconds / kernels->variant->pass_count;
    if (strcmp(fault, "bad_timer") == 0) {
        times->device_s = NAN;
        strcpy(times->gate, "event 0: ended before started (20 ns, 10 ns)");
    }
    return 0;
}

static int null_peak(struct session *session, const struct device_info *device, enum peak peak,
                     const char *program, struct peak_rate *rate, struct arena *arena,
                     struct failure *failure)
{
    (void)session, (void)program, (void)arena;
    const char *fault = null_script_fault(&script, "peak", device->id, peak_name(peak), NULL, NULL);
    if (suffer(fault, "peak", failure))
        return -1;
    *rate = script.peaks.rates[peak];
    rate->how = "scripted";
    return 0;
}

const struct backend null_backend = {
    .name = "null",
    .enumerate = null_enumerate,
    .open = null_open,
    .close = null_close,
    .buffer_create = null_buffer_create,
    .buffer_free = null_buffer_free,
    .buffer_write = null_write,
    .buffer_read = null_read,
    .buffer_fill = null_fill,
    .copy = null_copy,
    .compare = null_compare,
    .digest = null_digest,
    .build = null_build,
    .distrust = null_distrust,
    .bind = null_bind,
    .launch = null_launch,
    .evict = null_evict,
    .kernels_free = null_kernels_free,
    .peak = null_peak,
};
