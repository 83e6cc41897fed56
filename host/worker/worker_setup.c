/* The worker's steps that open a device, make inputs and build variants. */
#include "device/icd.h"
#include "problem/compose.h"
#include "store/npy.h"
#include "util/clock.h"
#include "worker/worker_parts.h"

#include <stdlib.h>
#include <string.h>

int worker_number(const cJSON *request, const char *key, int low, int high, int *value,
                  struct failure *failure)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(request, key);
    if (!cJSON_IsNumber(node) || node->valuedouble < low || node->valuedouble > high)
        return failure_set(failure, FAILURE_ERROR, "request without a valid \"%s\"", key);
    *value = (int)node->valuedouble;
    return 0;
}

void worker_drop_problem(struct served *s)
{
    for (int j = 0; j <= NEEDLE_ROUNDS_MAX; ++j)
        judgement_drop(&s->judgements[j]);
    free(s->output);
    free(s->previous);
    free(s->scores);
    s->output = s->previous = s->scores = NULL;
    s->read_slot = -1;
    s->rounds = 0;
    s->view = s->read_view = (struct view){INPUTS_MAIN, 0};
    arena_free(&s->problem_memory);
    s->have_problem = false;
    if (s->have_case)
        test_case_free(&s->test_case);
    s->have_case = false;
}

/* Drivers whose library the loader has passed over in silence. */
static void add_missing(cJSON *reply, struct arena *arena)
{
    struct icds icds;
    cJSON *list = cJSON_AddArrayToObject(reply, "missing");
    icds_find(&icds, arena);
    for (int i = 0; i < icds.count; ++i) {
        const char *reason = icd_missing(&icds.items[i], arena);
        if (!reason)
            continue;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddStringToObject(item, "file", icds.items[i].file);
        cJSON_AddStringToObject(item, "library", icds.items[i].library);
        cJSON_AddStringToObject(item, "reason", reason);
    }
}

int worker_enumerate(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
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
    if (result == 0 && backend == &opencl_backend)
        add_missing(reply, &arena);
    arena_free(&arena);
    return result;
}

int worker_open(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    s->backend = backend_find(json_peek_string(request, "backend"));
    if (!s->backend)
        return failure_set(failure, FAILURE_ERROR, "unknown backend");
    worker_drop_problem(s);
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

int worker_peak(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
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

/* The rows of the other inputs are fewer: they need not tell again what the main ones did. */
static const double other_flops = 5e8;

static int other_inputs(struct served *s, struct failure *failure)
{
    struct needles needles = {.rounds = 1};
    if (s->problem.op == OP_ATTENTION)
        needles = needles_plan(&s->problem, judgement_rows(&s->problem, s->seed, other_flops));
    s->rounds = needles.rounds;
    return runner_other_inputs(s->runner, &needles, s->seed + 1, failure);
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

int worker_problem(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(request, "seed");
    int kind = 0;
    worker_drop_problem(s);
    failure->kind = FAILURE_ERROR;
    if (problem_from_json(&s->problem, cJSON_GetObjectItemCaseSensitive(request, "problem"),
                          &s->problem_memory, &failure->err) ||
        worker_number(request, "inputs", 0, INPUT_KINDS - 1, &kind, failure))
        return -1;
    s->seed = cJSON_IsNumber(seed) ? (uint64_t)seed->valuedouble : 0;
    if (reserve_outputs(s, failure))
        return -1;
    if (runner_problem(s->runner, &s->problem, NULL, (enum input_kind)kind, s->seed, failure) ||
        (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "other")) &&
         other_inputs(s, failure)))
        return -1;
    cJSON_AddNumberToObject(reply, "rounds", s->rounds);
    return 0;
}

int worker_case(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)reply;
    int returns = 0;
    worker_drop_problem(s);
    failure->kind = FAILURE_ERROR;
    if (worker_number(request, "returns", RETURNS_NONE, RETURNS_SCORES, &returns, failure) ||
        test_case_load(&s->test_case, json_peek_string(request, "folder"), &failure->err))
        return -1;
    s->have_case = true;
    s->problem = s->test_case.problem;
    s->problem.returns = returns;
    if (reserve_outputs(s, failure))
        return -1;
    return runner_problem(s->runner, &s->problem, &s->test_case.inputs, INPUT_RANDOM, 0, failure);
}

int worker_save(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)reply;
    const struct problem *p = &s->problem;
    const int64_t shape[] = {p->batch, p->heads_q, p->n_q, p->n_kv};
    if (!s->scores)
        return failure_set(failure, FAILURE_ERROR, "nothing was read that could be saved");
    failure->kind = FAILURE_ERROR;
    return npy_write(json_peek_string(request, "path"), s->scores, shape, 4, &failure->err);
}

/* The tree that the request's variant is of. A second one is loaded once and stays: its variants
 * are held by slots. */
static struct kernel_tree *choose_tree(struct served *s, const cJSON *request,
                                       struct failure *failure)
{
    const char *folder = json_peek_string(request, "kernels");
    if (!*folder)
        return &s->kernels;
    if (s->other_folder && strcmp(s->other_folder, folder) == 0)
        return &s->other_kernels;
    failure->kind = FAILURE_ERROR;
    if (s->other_folder) {
        failure_set(failure, FAILURE_ERROR, "a third kernel tree, \"%.200s\"", folder);
        return NULL;
    }
    if (kernel_tree_load(&s->other_kernels, folder, &failure->err))
        return NULL;
    s->other_folder = arena_copy(&s->other_kernels.arena, folder);
    return &s->other_kernels;
}

int worker_prepare(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0, output_of = -1;
    struct tuning tuning;
    const struct kernel_tree *tree = choose_tree(s, request, failure);
    if (!tree || worker_number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure) ||
        (cJSON_HasObjectItem(request, "output_of") &&
         worker_number(request, "output_of", 0, SLOTS_MAX - 1, &output_of, failure)))
        return -1;
    const struct variant *variant = kernel_tree_find(tree, json_peek_string(request, "variant"));
    variant = variant ? compose_for(tree->variants, tree->count, variant, &s->problem, &s->device,
                                    &s->problem_memory)
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
    if (runner_prepare(s->runner, slot, variant, &tuning, &origin, failure) ||
        (output_of >= 0 && runner_share_output(s->runner, slot, output_of, failure)))
        return -1;
    s->variants[slot] = variant;
    s->launches[slot] = s->timed[slot] = 0;
    s->launch_s[slot] = 0;
    s->pools[slot] = (struct tally){0};
    memset(s->pooled[slot], 0, sizeof s->pooled[slot]);
    cJSON_AddStringToObject(reply, "origin", build_origin_name(origin));
    cJSON_AddNumberToObject(reply, "build_s", clock_now_s() - start);
    return 0;
}

int worker_release(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    (void)request, (void)reply, (void)failure;
    runner_release(s->runner);
    worker_drop_problem(s);
    return 0;
}
