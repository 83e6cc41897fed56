#include "worker/worker.h"

#include "device/runner.h"
#include "problem/compose.h"
#include "store/kernels.h"
#include "store/npy.h"
#include "store/test_case.h"
#include "util/clock.h"
#include "util/file.h"
#include "verify/verdict.h"
#include "worker/judgement.h"
#include "worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

struct served {
    const struct backend *backend;
    struct runner *runner;
    struct kernel_tree kernels;
    struct arena device_memory, problem_memory;
    struct device_info device;
    struct problem problem;
    bool have_problem;
    uint64_t seed;
    int64_t output_count;
    float *output, *previous;   /* of the slot that was read last */
    float *scores;              /* its second output, or NULL */
    int read_slot;              /* -1: none */
    bool negated;               /* the last launch saw inputs of the other sign */
    struct judgement judgement; /* the reference for the present problem */
    struct test_case test_case; /* the user's tensors, when the problem came as a case */
    bool have_case;
    bool have_evicted; /* once on this device: the first time compiles and allocates */
};

static int number(const cJSON *request, const char *key, int low, int high, int *value,
                  struct failure *failure)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(request, key);
    if (!cJSON_IsNumber(node) || node->valuedouble < low || node->valuedouble > high)
        return failure_set(failure, FAILURE_ERROR, "request without a valid \"%s\"", key);
    *value = (int)node->valuedouble;
    return 0;
}

static void drop_problem(struct served *s)
{
    judgement_drop(&s->judgement);
    free(s->output);
    free(s->previous);
    free(s->scores);
    s->output = s->previous = s->scores = NULL;
    s->read_slot = -1;
    arena_free(&s->problem_memory);
    s->have_problem = false;
    if (s->have_case)
        test_case_free(&s->test_case);
    s->have_case = false;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int do_enumerate(struct served *s, const cJSON *request, cJSON *reply,
                        struct failure *failure)
{
    (void)s;
    const struct backend *backend = backend_find(json_peek_string(request, "backend"));
    struct arena arena = {0};
    struct device_info *devices = NULL;
    int count = 0;
    if (!backend)
        return failure_set(failure, FAILURE_ERROR, "unknown backend");
    const int result = backend->enumerate(&arena, &devices, &count, failure);
    cJSON *list = cJSON_AddArrayToObject(reply, "devices");
    for (int i = 0; i < count && result == 0; ++i)
        cJSON_AddItemToArray(list, device_info_to_json(&devices[i]));
    arena_free(&arena);
    return result;
}

static int do_open(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    s->backend = backend_find(json_peek_string(request, "backend"));
    if (!s->backend)
        return failure_set(failure, FAILURE_ERROR, "unknown backend");
    drop_problem(s);
    runner_close(s->runner); /* --isolate none: one worker for several devices */
    s->runner = NULL;
    s->have_evicted = false;
    failure->kind = FAILURE_ERROR;
    if (device_info_from_json(&s->device, cJSON_GetObjectItemCaseSensitive(request, "device"),
                              &s->device_memory, &failure->err))
        return -1;
    s->runner = runner_open(s->backend, &s->device, failure);
    if (!s->runner)
        return -1;
    cJSON_AddNumberToObject(reply, "launch_us", s->device.launch_us);
    return 0;
}

static int do_peak(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    struct peak_rate rate;
    const int peak = peak_find(json_peek_string(request, "peak"));
    if (peak < 0)
        return failure_set(failure, FAILURE_ERROR, "request without a valid \"peak\"");
    if (runner_peak(s->runner, &s->device, (enum peak)peak, s->kernels.peaks, &rate,
                    &s->device_memory, failure))
        return -1;
    json_add_number(reply, "value", rate.value);
    cJSON_AddStringToObject(reply, "how", rate.how ? rate.how : "");
    return 0;
}

static int reserve_outputs(struct served *s, struct failure *failure)
{
    s->output_count = problem_sizes(&s->problem).o;
    s->output = malloc((size_t)s->output_count * sizeof *s->output);
    s->previous = malloc((size_t)s->output_count * sizeof *s->previous);
    if (s->problem.returns != RETURNS_NONE)
        s->scores = malloc((size_t)problem_scores(&s->problem) * sizeof *s->scores);
    if (!s->output || !s->previous || (s->problem.returns != RETURNS_NONE && !s->scores))
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    s->have_problem = true;
    return 0;
}

static int do_problem(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)reply;
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(request, "seed");
    int kind = 0;
    drop_problem(s);
    failure->kind = FAILURE_ERROR;
    if (problem_from_json(&s->problem, cJSON_GetObjectItemCaseSensitive(request, "problem"),
                          &s->problem_memory, &failure->err) ||
        number(request, "inputs", 0, INPUT_KINDS - 1, &kind, failure))
        return -1;
    s->seed = cJSON_IsNumber(seed) ? (uint64_t)seed->valuedouble : 0;
    if (reserve_outputs(s, failure))
        return -1;
    return runner_problem(s->runner, &s->problem, NULL, (enum input_kind)kind, s->seed, failure);
}

static int do_case(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)reply;
    int returns = 0;
    drop_problem(s);
    failure->kind = FAILURE_ERROR;
    if (number(request, "returns", RETURNS_NONE, RETURNS_SCORES, &returns, failure) ||
        test_case_load(&s->test_case, json_peek_string(request, "folder"), &failure->err))
        return -1;
    s->have_case = true;
    s->problem = s->test_case.problem;
    s->problem.returns = returns;
    if (reserve_outputs(s, failure))
        return -1;
    return runner_problem(s->runner, &s->problem, &s->test_case.inputs, INPUT_RANDOM, 0, failure);
}

static int do_save(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)reply;
    const struct problem *p = &s->problem;
    const int64_t shape[] = {p->batch, p->heads_q, p->n_q, p->n_kv};
    if (!s->scores)
        return failure_set(failure, FAILURE_ERROR, "nothing was read that could be saved");
    failure->kind = FAILURE_ERROR;
    return npy_write(json_peek_string(request, "path"), s->scores, shape, 4, &failure->err);
}

static int do_prepare(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0;
    struct tuning tuning;
    const struct variant *variant =
        kernel_tree_find(&s->kernels, json_peek_string(request, "variant"));
    if (number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure))
        return -1;
    variant = variant ? compose_for(s->kernels.variants, s->kernels.count, variant, &s->problem,
                                    &s->device, &s->problem_memory)
                      : NULL;
    if (!variant)
        return failure_set(failure, FAILURE_ERROR, "unknown variant");
    failure->kind = FAILURE_ERROR;
    if (tuning_from_json(&tuning, cJSON_GetObjectItemCaseSensitive(request, "tuning"),
                         &s->problem_memory, &failure->err))
        return -1;
    cJSON_AddStringToObject(
        reply, "options", variant_cell_options(variant, &s->problem, &tuning, &s->problem_memory));
    enum build_origin origin = BUILD_SOURCE;
    const double start = clock_now_s();
    if (runner_prepare(s->runner, slot, variant, &tuning, &origin, failure))
        return -1;
    cJSON_AddStringToObject(reply, "origin", build_origin_name(origin));
    cJSON_AddNumberToObject(reply, "build_s", clock_now_s() - start);
    return 0;
}

static int do_launch(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0;
    struct launch_times times;
    s->negated = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "negated"));
    if (number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure) ||
        runner_negate(s->runner, s->negated, failure) || runner_poison(s->runner, slot, failure) ||
        runner_launch(s->runner, slot, &times, failure))
        return -1;
    json_add_number(reply, "host_s", times.host_s);
    json_add_number(reply, "device_s", times.device_s);
    return 0;
}

static int do_read(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0;
    struct err overrun;
    if (number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure))
        return -1;
    float *swap = s->previous;
    s->previous = s->output;
    s->output = swap;
    if (runner_read(s->runner, slot, s->output, failure))
        return -1;
    for (int64_t i = 0; s->negated && i < s->output_count; ++i)
        s->output[i] = -s->output[i];
    cJSON_AddBoolToObject(
        reply, "repeatable",
        s->read_slot == slot &&
            memcmp(s->output, s->previous, (size_t)s->output_count * sizeof *s->output) == 0);
    s->read_slot = slot;
    if (s->problem.returns != RETURNS_NONE &&
        runner_read_scores(s->runner, slot, s->scores, failure))
        return -1;
    const int guards = runner_guards(s->runner, slot, &overrun, failure);
    if (guards > 0)
        cJSON_AddStringToObject(reply, "overrun", overrun.message);
    return guards < 0 ? -1 : 0;
}

/* How far the softmax is from uniform and from a single key: what dividing by sqrt(d_k) is for. */
static void add_saturation(const struct served *s, cJSON *reply)
{
    const int64_t n = s->problem.n_kv, rows = problem_scores(&s->problem) / n;
    double entropy = 0, largest = 0;
    for (int64_t r = 0; r < rows; ++r) {
        double top = 0;
        for (int64_t j = 0; j < n; ++j) {
            const double p = (double)s->scores[r * n + j];
            entropy -= p > 0 ? p * log(p) : 0;
            top = fmax(top, p);
        }
        largest += top;
    }
    json_add_number(reply, "weights_entropy", entropy / (double)rows);
    json_add_number(reply, "weights_largest", largest / (double)rows);
}

static int do_judge(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    enum check_mode mode = CHECK_AUTO;
    struct verdict verdict;
    if (check_mode_parse(json_peek_string(request, "mode"), &mode) || mode == CHECK_NONE)
        return failure_set(failure, FAILURE_ERROR, "request without a valid \"mode\"");
    const struct judged judged = {.problem = &s->problem,
                                  .inputs = runner_inputs(s->runner),
                                  .test_case = s->have_case ? &s->test_case : NULL,
                                  .output = s->output,
                                  .scores = s->scores,
                                  .seed = s->seed};
    if (judgement_make(&s->judgement, &judged, mode, &verdict))
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    if (!verdict.ok)
        runner_distrust(s->runner, s->read_slot);
    cJSON_AddBoolToObject(reply, "ok", verdict.ok);
    cJSON_AddStringToObject(reply, "reason", verdict.reason);
    cJSON_AddStringToObject(reply, "mode", check_mode_name(s->judgement.mode));
    cJSON_AddNumberToObject(reply, "rows_checked", (double)verdict.rows_checked);
    json_add_number(reply, "max_abs_err", verdict.max_abs_err);
    json_add_number(reply, "max_rel_err", verdict.max_rel_err);
    json_add_number(reply, "nmse", verdict.nmse);
    json_add_number(reply, "tolerance", verdict.tolerance);
    json_add_number(reply, "err_over_tolerance", verdict.err_over_tolerance);
    if (s->problem.returns == RETURNS_WEIGHTS)
        add_saturation(s, reply);
    return 0;
}

static void add_time(cJSON *list, double seconds)
{
    cJSON_AddItemToArray(list,
                         isfinite(seconds) ? cJSON_CreateNumber(seconds) : cJSON_CreateNull());
}

/* Launches until slice_s of host time are spent. The output is spoiled before each of them,
 * outside of its time: any of them may be the last one, whose output is judged, and a launch that
 * did nothing must not pass with the output of the one before. */
static int do_measure(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0, launches = 0, passes = 0;
    const cJSON *slice = cJSON_GetObjectItemCaseSensitive(request, "slice_s");
    if (number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure) ||
        number(request, "launches", 1, 1 << 20, &launches, failure) ||
        number(request, "passes", 1, PASSES_MAX, &passes, failure))
        return -1;
    const double slice_s = cJSON_IsNumber(slice) ? slice->valuedouble : 0;
    const bool cold = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "cold"));
    char gate[TIMER_GATE_REASON] = "";
    s->negated = false;
    if (runner_negate(s->runner, false, failure) ||
        (cold && !s->have_evicted && runner_evict(s->runner, failure)))
        return -1;
    s->have_evicted |= cold;
    cJSON *samples = cJSON_AddArrayToObject(reply, "samples");
    double spent_s = 0, evict_s = 0;
    struct launch_times first = {0}, times = {0};
    for (int i = 0; i < launches && (i == 0 || spent_s + evict_s < slice_s); ++i) {
        const double start = clock_now_s();
        if (runner_spoil_output(s->runner, slot, failure) ||
            (cold && runner_evict(s->runner, failure)))
            return -1;
        evict_s += cold ? clock_now_s() - start : 0;
        if (runner_launch(s->runner, slot, &times, failure))
            return -1;
        cJSON *sample = cJSON_CreateArray();
        add_time(sample, times.host_s);
        add_time(sample, times.device_s);
        for (int p = 0; p < passes; ++p)
            add_time(sample, times.pass_s[p]);
        cJSON_AddItemToArray(samples, sample);
        if (times.gate[0])
            memcpy(gate, times.gate, sizeof gate);
        spent_s += times.host_s;
        first = i ? first : times;
    }
    cJSON_AddNumberToObject(reply, "evict_s", evict_s);
    cJSON_AddStringToObject(reply, "gate", gate);
    json_add_number(reply, "host_span_s", times.host_end_s - first.host_end_s);
    json_add_number(reply, "device_span_s",
                    times.device_end_ns && first.device_end_ns
                        ? (double)(int64_t)(times.device_end_ns - first.device_end_ns) * 1e-9
                        : NAN);
    return 0;
}

static int do_release(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)request, (void)reply, (void)failure;
    runner_release(s->runner);
    drop_problem(s);
    return 0;
}

/* What a step needs before it may be asked for. */
enum need { NEED_NOTHING, NEED_DEVICE, NEED_PROBLEM };

static const struct {
    const char *name;
    int (*run)(struct served *, const cJSON *, cJSON *, struct failure *);
    enum need need;
} steps[] = {{"enumerate", do_enumerate, NEED_NOTHING},
             {"open", do_open, NEED_NOTHING},
             {"peak", do_peak, NEED_DEVICE},
             {"problem", do_problem, NEED_DEVICE},
             {"case", do_case, NEED_DEVICE},
             {"save", do_save, NEED_PROBLEM},
             {"prepare", do_prepare, NEED_PROBLEM},
             {"launch", do_launch, NEED_PROBLEM},
             {"read", do_read, NEED_PROBLEM},
             {"judge", do_judge, NEED_PROBLEM},
             {"measure", do_measure, NEED_PROBLEM},
             {"release", do_release, NEED_DEVICE}};

static int run_step(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    const char *name = json_peek_string(request, "do");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
        if (strcmp(steps[i].name, name) == 0) {
            if ((steps[i].need >= NEED_DEVICE && !s->runner) ||
                (steps[i].need == NEED_PROBLEM && !s->have_problem))
                return failure_set(failure, FAILURE_ERROR, "\"%s\" came too early", name);
            return steps[i].run(s, request, reply, failure);
        }
    return failure_set(failure, FAILURE_ERROR, "unknown step \"%.40s\"", name);
}

/* ---- the conversation ------------------------------------------------------------------------ */

static int answer(const cJSON *reply)
{
    struct text line = {0};
    char *printed = json_print(reply);
    text_add(&line, printed);
    text_add(&line, "\n");
    free(printed);
    const int result = file_write_all(PROCESS_REPLY_FD, line.data, line.length, NULL);
    text_free(&line);
    return result;
}

/* Returns false when the process must end. */
static bool serve_line(struct served *s, const char *line, size_t length)
{
    static const char *const kinds[] = {"error", "build_failed", "oom", "unsupported"};
    struct failure failure = {0};
    cJSON *request = json_parse(line, length);
    cJSON *reply = cJSON_CreateObject();
    if (run_step(s, request, reply, &failure)) {
        struct text reason = {0};
        text_add_printable(&reason, failure.err.message, true);
        cJSON_Delete(reply);
        reply = cJSON_CreateObject();
        cJSON_AddStringToObject(reply, "failure", kinds[failure.kind]);
        cJSON_AddStringToObject(reply, "reason", text_get(&reason));
        cJSON_AddBoolToObject(reply, "fatal", failure.fatal);
        if (failure.work_group_limit)
            cJSON_AddNumberToObject(reply, "work_group_limit", (double)failure.work_group_limit);
        text_free(&reason);
    }
    const bool sent = answer(reply) == 0;
    cJSON_Delete(request);
    cJSON_Delete(reply);
    if (failure.fatal) /* any further call into the driver may hang: leave without releasing */
        _exit(0);
    return sent;
}

/* A compiler that a driver starts must not hold the pipes of a worker that has died. */
static void keep_pipes(void)
{
    fcntl(PROCESS_REQUEST_FD, F_SETFD, FD_CLOEXEC);
    fcntl(PROCESS_REPLY_FD, F_SETFD, FD_CLOEXEC);
}

static void die_with_parent(void)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1)
        _exit(1);
#endif
}

int worker_serve(const char *kernels_dir)
{
    static struct served served = {.read_slot = -1};
    struct err err;
    die_with_parent();
    keep_pipes();
    signal(SIGPIPE, SIG_IGN);
    if (kernel_tree_load(&served.kernels, kernels_dir, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 5;
    }
    struct text received = {0};
    bool more = true;
    while (more) {
        char *newline = received.length ? memchr(received.data, '\n', received.length) : NULL;
        if (newline) {
            const size_t line = (size_t)(newline - received.data) + 1;
            more = serve_line(&served, received.data, line - 1);
            memmove(received.data, received.data + line, received.length - line);
            received.length -= line;
            continue;
        }
        char chunk[8192];
        const ssize_t got = read(PROCESS_REQUEST_FD, chunk, sizeof chunk);
        if (got > 0)
            text_add_bytes(&received, chunk, (size_t)got);
        else if (got == 0 || errno != EINTR)
            more = false;
    }
    text_free(&received);
    drop_problem(&served);
    runner_close(served.runner);
    arena_free(&served.device_memory);
    kernel_tree_free(&served.kernels);
    return 0;
}
