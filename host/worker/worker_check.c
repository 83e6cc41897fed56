/* The worker's steps of checking: a launch, what it left, and the verdict on it. */
#include "worker/worker_parts.h"

#include <math.h>
#include <string.h>

static void add_time(cJSON *list, double seconds)
{
    cJSON_AddItemToArray(list,
                         isfinite(seconds) ? cJSON_CreateNumber(seconds) : cJSON_CreateNull());
}

void worker_add_sample(cJSON *samples, const struct launch_times *times, int passes)
{
    cJSON *sample = cJSON_CreateArray();
    add_time(sample, times->host_s);
    add_time(sample, times->device_s);
    for (int p = 0; p < passes; ++p)
        add_time(sample, times->pass_s[p]);
    cJSON_AddItemToArray(samples, sample);
}

int worker_launch(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0, other = 0, passes = 0;
    struct launch_times times;
    if (worker_number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure) ||
        (cJSON_HasObjectItem(request, "passes") &&
         worker_number(request, "passes", 1, PASSES_MAX, &passes, failure)) ||
        (cJSON_HasObjectItem(request, "other") &&
         worker_number(request, "other", 0, s->rounds, &other, failure)))
        return -1;
    s->last_set[slot] = other ? INPUTS_OTHER : INPUTS_MAIN;
    s->view = (struct view){other ? INPUTS_OTHER : INPUTS_MAIN, other ? other - 1 : 0};
    if (runner_use(s->runner, s->view.set, s->view.round, failure) ||
        runner_poison(s->runner, slot, failure) ||
        runner_launch(s->runner, slot, 1, &times, failure))
        return -1;
    s->launch_s[slot] = times.host_s;
    json_add_number(reply, "host_s", times.host_s);
    json_add_number(reply, "device_s", times.device_s);
    if (passes)
        worker_add_sample(cJSON_AddArrayToObject(reply, "samples"), &times, passes);
    cJSON_AddStringToObject(reply, "gate", times.gate);
    cJSON_AddNumberToObject(reply, "host_span_s",
                            0); /* one launch says nothing of a clock's pace */
    cJSON_AddNumberToObject(reply, "device_span_s", 0);
    return 0;
}

int worker_take_output(struct served *s, int slot, struct failure *failure)
{
    float *swap = s->previous;
    s->previous = s->output;
    s->output = swap;
    s->read_slot = slot;
    s->read_view = s->view;
    if (runner_read(s->runner, slot, s->output, failure))
        return -1;
    return s->problem.returns != RETURNS_NONE
               ? runner_read_scores(s->runner, slot, s->scores, failure)
               : 0;
}

/* 1: something but the output has changed, and the reply says what. */
static int add_trespass(struct served *s, int slot, bool inputs, cJSON *reply,
                        struct failure *failure)
{
    struct err what;
    int found = runner_guards(s->runner, slot, &what, failure);
    if (found == 0 && inputs)
        found = runner_inputs_intact(s->runner, &what, failure);
    if (found > 0)
        cJSON_AddStringToObject(reply, "trespass", what.message);
    return found < 0 ? -1 : 0;
}

int worker_read(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0;
    if (worker_number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure))
        return -1;
    const bool again = s->read_slot == slot && s->read_view.set == s->view.set &&
                       s->read_view.round == s->view.round;
    if (worker_take_output(s, slot, failure))
        return -1;
    cJSON_AddBoolToObject(
        reply, "repeatable",
        again && memcmp(s->output, s->previous, (size_t)s->output_count * sizeof *s->output) == 0);
    return add_trespass(s, slot, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "inputs")),
                        reply, failure);
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

int worker_verdict(struct served *s, enum check_mode mode, struct verdict *verdict,
                   struct failure *failure)
{
    const bool other = s->read_view.set == INPUTS_OTHER;
    const int inputs = other ? 1 + s->read_view.round : 0, slot = s->read_slot;
    const struct judged judged = {.problem = &s->problem,
                                  .inputs = runner_inputs(s->runner, s->read_view.set),
                                  .test_case = s->have_case ? &s->test_case : NULL,
                                  .output = s->output,
                                  .scores = s->scores,
                                  .precision = s->variants[slot]->precision,
                                  .other = other,
                                  .seed = s->seed};
    if (judgement_make(&s->judgements[inputs], &judged, mode, verdict))
        return failure_set(failure, FAILURE_OOM, "out of memory on the host");
    if (!s->have_case && verdict->ok && !s->pooled[slot][inputs]) {
        verdict_pool(&s->problem, &s->pools[slot], verdict);
        s->pooled[slot][inputs] = true;
    }
    if (!verdict->ok)
        runner_distrust(s->runner, slot);
    return 0;
}

/* Keys that some row of the rounds so far would miss, over those that any row sees. */
static double keys_covered(const struct served *s)
{
    int64_t covered = 0, seen = 0;
    for (int64_t j = 0; j < s->problem.n_kv; ++j) {
        bool any = false, sees = false;
        for (int k = 0; k <= s->rounds; ++k) {
            const struct judgement *judgement = &s->judgements[k];
            if (!judgement->covered)
                continue;
            any = any || judgement->covered[j];
            sees = sees || (judgement->first_key <= j && j < judgement->end_key);
        }
        covered += any;
        seen += sees || any;
    }
    return seen ? (double)covered / (double)seen : NAN;
}

static void add_verdict(const struct served *s, const struct verdict *verdict, cJSON *reply)
{
    const struct judgement *main_one = &s->judgements[0];
    cJSON_AddBoolToObject(reply, "ok", verdict->ok);
    cJSON_AddStringToObject(reply, "reason", verdict->reason);
    cJSON_AddStringToObject(reply, "mode", check_mode_name(main_one->mode));
    cJSON_AddNumberToObject(reply, "rows_checked", (double)verdict->rows_checked);
    cJSON_AddNumberToObject(reply, "rows_unjudged", (double)verdict->rows_unjudged);
    json_add_number(reply, "max_abs_err", verdict->max_abs_err);
    json_add_number(reply, "max_rel_err", verdict->max_rel_err);
    json_add_number(reply, "nmse", verdict->nmse);
    json_add_number(reply, "tolerance", verdict->tolerance);
    json_add_number(reply, "err_over_tolerance", verdict->err_over_tolerance);
    cJSON_AddStringToObject(reply, "scale", scale_name(verdict->nearest));
    cJSON *limits = cJSON_AddObjectToObject(reply, "limits");
    for (int i = 0; i < SCALES; ++i)
        json_add_number(limits, scale_name((enum scale)i), verdict->part[i]);
    cJSON_AddStringToObject(reply, "rounding", verdict->rounding ? verdict->rounding : "");
}

int worker_judge(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    enum check_mode mode = CHECK_AUTO;
    struct verdict verdict;
    if (check_mode_parse(json_peek_string(request, "mode"), &mode) || mode == CHECK_NONE)
        return failure_set(failure, FAILURE_ERROR, "request without a valid \"mode\"");
    if (s->read_slot < 0)
        return failure_set(failure, FAILURE_ERROR, "nothing was read that could be judged");
    if (worker_verdict(s, mode, &verdict, failure))
        return -1;
    add_verdict(s, &verdict, reply);
    json_add_number(reply, "keys_covered", keys_covered(s));
    if (s->problem.returns == RETURNS_WEIGHTS)
        add_saturation(s, reply);
    return 0;
}

int worker_keep(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int slot = 0;
    (void)reply;
    if (worker_number(request, "slot", 0, SLOTS_MAX - 1, &slot, failure))
        return -1;
    if (s->view.set == INPUTS_OTHER)
        s->kept_round[slot] = s->view.round;
    return runner_keep(s->runner, slot, failure);
}
