/* The worker's step of measuring: timed launches, each compared with what was judged right. */
#include "util/clock.h"
#include "worker/worker_parts.h"

#include <math.h>
#include <string.h>

/* A slice of launches. */
struct slice {
    int slot, passes;
    int other; /* r + 1: all of them on round r of the other inputs; 0: they are drawn */
    bool cold;
    double spent_s, evict_s, compare_s;
    int compared, changed, others; /* launches: compared, with other bits, on other inputs than the
                                      slot's one before */
};

/* Launches that see the other inputs are drawn. The first two see those that the slot did not see
 * just before (checking ends with the others), and then one in eight the others: so even a variant
 * that is timed once is timed on inputs that it did not see just before. */
static bool draws_other(const struct served *s, int slot)
{
    enum { ONE_IN = 8 };
    const uint64_t number = s->timed[slot];
    return runner_has_kept(s->runner, slot, INPUTS_OTHER) &&
           ((number < 2 && s->last_set[slot] == INPUTS_MAIN) ||
            (number > 1 &&
             inputs_hash(s->seed, number * SLOTS_MAX + (uint64_t)slot) % ONE_IN == 0));
}

/* When inputs have changed, scratch is spoiled every other time: what a launch takes from there is
 * NaN then, and else what the launch before made of other inputs, as the first two find it. */
static bool draws_spoiled(const struct served *s, int slot)
{
    const uint64_t number = s->timed[slot];
    return number >= 2 && inputs_hash(s->seed + 1, number * SLOTS_MAX + (uint64_t)slot) % 2 == 0;
}

/* How many launches are in flight together: some milliseconds of them, so that waiting is little
 * beside them. The number is drawn, even and odd ones, so that the last of them, whose output is
 * judged, is now this one and now that one. A launch so long that waiting is nothing flies alone:
 * the deadline is for one. */
static int draw_flight(const struct served *s, const struct slice *slice)
{
    enum { FLIGHT_MAX = 64, LEAST = 3 };
    static const double flight_s = 5e-3, alone_s = 0.1;
    const double launch_s = s->launch_s[slice->slot];
    if (s->problem.queue == QUEUE_WAIT || slice->cold || !(launch_s > 0) || launch_s > alone_s)
        return 1;
    const double most = flight_s / launch_s;
    const int longest = most < LEAST ? LEAST : most > FLIGHT_MAX ? FLIGHT_MAX : (int)most;
    const uint64_t draw = inputs_hash(s->seed + 2, s->launches[slice->slot]);
    return longest - (int)(draw % (uint64_t)(longest / 2 + 1));
}

static int before_launch(struct served *s, struct slice *slice, struct failure *failure)
{
    const bool other = slice->other || draws_other(s, slice->slot);
    const bool changes = other != (s->last_set[slice->slot] == INPUTS_OTHER);
    const double start_s = clock_now_s();
    const int round = slice->other ? slice->other - 1 : s->rounds ? s->kept_round[slice->slot] : 0;
    s->last_set[slice->slot] = other ? INPUTS_OTHER : INPUTS_MAIN;
    s->view = (struct view){s->last_set[slice->slot], other ? round : 0};
    if (runner_use(s->runner, s->view.set, s->view.round, failure) ||
        (slice->other ? runner_poison(s->runner, slice->slot, failure)
                      : runner_spoil_output(s->runner, slice->slot, failure)) ||
        (changes && draws_spoiled(s, slice->slot) &&
         runner_spoil_scratch(s->runner, slice->slot, failure)))
        return -1;
    slice->others += changes;
    slice->compare_s += clock_now_s() - start_s;
    if (!slice->cold)
        return 0;
    const double evict_start_s = clock_now_s();
    const int result = runner_evict(s->runner, failure);
    slice->evict_s += clock_now_s() - evict_start_s;
    return result;
}

/* Other bits than those that were judged are judged themselves: a variant whose sums have no fixed
 * order may be right each time. */
static int judge_again(struct served *s, struct slice *slice, cJSON *reply, struct failure *failure)
{
    struct verdict verdict;
    ++slice->changed;
    if (worker_take_output(s, slice->slot, failure) ||
        worker_verdict(s, CHECK_AUTO, &verdict, failure))
        return -1;
    if (verdict.ok)
        return 0;
    struct err why;
    err_set(&why, "timed launch %llu%s: %.400s", (unsigned long long)s->launches[slice->slot],
            s->view.set == INPUTS_OTHER ? ", on other inputs" : "", verdict.reason);
    cJSON_AddStringToObject(reply, "wrong", why.message);
    return 0;
}

static int after_launch(struct served *s, struct slice *slice, int launches, cJSON *reply,
                        struct failure *failure)
{
    const double start_s = clock_now_s();
    bool same = true;
    s->launches[slice->slot] += (uint64_t)launches;
    ++s->timed[slice->slot];
    const bool same_round =
        s->view.set == INPUTS_MAIN || s->view.round == s->kept_round[slice->slot];
    if (!same_round || !runner_has_kept(s->runner, slice->slot, s->view.set))
        return 0;
    int result = runner_compare(s->runner, slice->slot, &same, failure);
    ++slice->compared;
    if (result == 0 && !same)
        result = judge_again(s, slice, reply, failure);
    slice->compare_s += clock_now_s() - start_s;
    return result;
}

static void add_slice(const struct served *s, const struct slice *slice,
                      const struct launch_times *first, const struct launch_times *last,
                      const char *gate, cJSON *reply)
{
    cJSON_AddNumberToObject(reply, "evict_s", slice->evict_s);
    cJSON_AddNumberToObject(reply, "compare_s", slice->compare_s);
    cJSON_AddNumberToObject(reply, "compared", slice->compared);
    cJSON_AddNumberToObject(reply, "changed", slice->changed);
    cJSON_AddNumberToObject(reply, "others", slice->others);
    cJSON_AddStringToObject(reply, "gate", gate);
    cJSON_AddBoolToObject(reply, "other", s->view.set == INPUTS_OTHER);
    json_add_number(reply, "host_span_s", last->host_end_s - first->host_end_s);
    json_add_number(reply, "device_span_s",
                    last->device_end_ns && first->device_end_ns
                        ? (double)(int64_t)(last->device_end_ns - first->device_end_ns) * 1e-9
                        : NAN);
}

int worker_measure(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    int launches = 0;
    struct slice slice = {.cold = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "cold"))};
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(request, "slice_s");
    if (worker_number(request, "slot", 0, SLOTS_MAX - 1, &slice.slot, failure) ||
        worker_number(request, "launches", 1, 1 << 20, &launches, failure) ||
        worker_number(request, "passes", 1, PASSES_MAX, &slice.passes, failure))
        return -1;
    if (cJSON_HasObjectItem(request, "other") &&
        worker_number(request, "other", 0, s->rounds, &slice.other, failure))
        return -1;
    const double slice_s = cJSON_IsNumber(limit) ? limit->valuedouble : 0;
    if (slice.cold && !s->have_evicted && runner_evict(s->runner, failure))
        return -1;
    s->have_evicted |= slice.cold;
    char gate[TIMER_GATE_REASON] = "";
    cJSON *samples = cJSON_AddArrayToObject(reply, "samples");
    cJSON *flights = cJSON_AddArrayToObject(reply, "launches");
    struct launch_times first = {0}, times = {0};
    for (int i = 0; i < launches && (i == 0 || slice.spent_s + slice.evict_s < slice_s) &&
                    !cJSON_HasObjectItem(reply, "wrong");
         ++i) {
        const int flight = draw_flight(s, &slice);
        if (before_launch(s, &slice, failure) ||
            runner_launch(s->runner, slice.slot, flight, &times, failure))
            return -1;
        cJSON_AddItemToArray(flights, cJSON_CreateNumber(flight));
        s->launch_s[slice.slot] = times.host_s;
        worker_add_sample(samples, &times, slice.passes);
        if (times.gate[0])
            memcpy(gate, times.gate, sizeof gate);
        slice.spent_s += times.host_s * flight;
        first = i ? first : times;
        if (after_launch(s, &slice, flight, reply, failure))
            return -1;
    }
    add_slice(s, &slice, &first, &times, gate, reply);
    return 0;
}
