/* attnbench tune: for each variant and class of a suite's problems, the best tuning on a device.
 *
 * The file is brought up to date after each class, so that an interrupt loses one class at most;
 * the next call goes on with the classes that are not in it. */
#include "commands/common.h"
#include "commands/interrupt.h"
#include "commands/progress.h"
#include "problem/search.h"
#include "store/tuning_file.h"
#include "util/cache.h"
#include "util/clock.h"
#include "worker/tuner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Problems that run without a pilot measurement, and long enough to be told apart. */
static const double large_enough_flops = 2e10;

/* A variant and a class, with the problem that stands for it. */
struct target {
    const struct cell *cell;
    struct problem_class class;
    bool known; /* from an earlier call */
    bool done;
    int avoided; /* candidates that crashed, hung or were slow in an earlier call */
    struct tuner_result result;
};

struct tune_state {
    struct setup setup;
    struct target *targets; /* of all devices, in plan order */
    int target_count, to_do, done;
    struct tunings known;  /* of the device's file */
    const char *path;      /* that file */
    double start_s, end_s; /* end_s: of the budget; 0: none */
    struct progress progress;
    const volatile sig_atomic_t *stop;
};

/* ---- targets --------------------------------------------------------------------------------- */

static bool is_better_example(const struct cell *cell, const struct cell *than)
{
    const bool small = cell->flops <= large_enough_flops;
    if (small != (than->flops <= large_enough_flops))
        return small;
    return small ? cell->flops > than->flops : cell->flops < than->flops;
}

static void add_target(struct tune_state *state, const struct cell *cell)
{
    const struct problem_class class = problem_class(&cell->problem);
    for (int t = 0; t < state->target_count; ++t) {
        struct target *target = &state->targets[t];
        if (target->cell->variant == cell->variant && target->cell->device == cell->device &&
            problem_class_distance(&target->class, &class) == 0) {
            if (is_better_example(cell, target->cell))
                target->cell = cell;
            return;
        }
    }
    struct target *target = &state->targets[state->target_count++];
    memset(target, 0, sizeof *target); /* too large to be copied from the stack */
    target->cell = cell;
    target->class = class;
}

static void find_targets(struct tune_state *state)
{
    const struct plan *plan = &state->setup.plan;
    state->targets =
        arena_array(&state->setup.arena, (size_t)plan->count + 1, sizeof *state->targets);
    for (int c = 0; c < plan->count; ++c)
        /* Classes are those of attention; other operations take its tunings. */
        if (plan->cells[c].problem.op == OP_ATTENTION && plan->cells[c].fate == CELL_RUN &&
            search_combinations(plan->cells[c].variant) > 1)
            add_target(state, &plan->cells[c]);
}

/* Has the device's file a tuning of exactly this class, for the present kernel? */
static bool is_known(const struct tunings *known, const struct target *target)
{
    for (int i = 0; i < known->count; ++i)
        if (known->items[i].variant == target->cell->variant &&
            problem_class_distance(&known->items[i].class, &target->class) == 0)
            return true;
    return false;
}

/* ---- progress -------------------------------------------------------------------------------- */

/* What is left, by the budget or by what the classes before have cost. */
static double eta(const struct tune_state *state, double part)
{
    const double now_s = clock_now_s();
    if (state->end_s > 0)
        return fmax(state->end_s - now_s, 0);
    const double done = fmax(state->done + part, 0.01);
    return (now_s - state->start_s) * (state->to_do - done) / done;
}

static void on_progress(void *context, const struct cell *cell, const char *phase, int candidates)
{
    struct tune_state *state = context;
    const double part = fmin((double)candidates / TUNER_CANDIDATES, 0.99);
    progress_step(&state->progress, cell, phase, NAN, eta(state, part));
}

static void add_comparison(const struct tuner_result *result, struct text *out)
{
    text_add_seconds(out, result->default_s);
    text_add(out, " -> ");
    text_add_seconds(out, result->tuned_s);
}

static const char *bad_name(const struct tuner_bad *bad)
{
    return bad->status == ROW_SKIPPED ? "slow" : row_status_name(bad->status);
}

/* Those that took a worker down by name; of the slow ones only how many. */
static void add_bad(const struct tuner_result *result, struct text *out, struct arena *arena)
{
    int slow = 0;
    for (int i = 0; i < result->bad_count; ++i) {
        const struct tuner_bad *bad = &result->bad[i];
        slow += bad->status == ROW_SKIPPED;
        if (bad->status != ROW_SKIPPED)
            text_print(out, "\n    avoided from now on: %s (%s: %s)",
                       tuning_text(&bad->tuning, arena), bad_name(bad), bad->reason);
    }
    if (slow)
        text_print(out, "\n    and %d slow ones of this class", slow);
}

static void show_target(struct tune_state *state, const struct target *target)
{
    const struct tuner_result *result = &target->result;
    struct arena arena = {0};
    struct text line = {0};
    if (state->progress.mode == PROGRESS_NONE)
        return;
    text_print(&line, "[%d/%d] %s %s: ", state->done, state->to_do, target->cell->variant->name,
               problem_class_text(&target->class, &arena));
    if (result->found && isfinite(result->default_s))
        add_comparison(result, &line);
    else if (result->found)
        text_add_seconds(&line, result->tuned_s);
    else
        text_print(&line, "no tuning was right: %s", result->reason);
    text_print(&line, ", %d candidates", result->candidates);
    if (result->search_s > 0)
        text_print(&line, " (%.3g a minute)", 60 * result->candidates / result->search_s);
    if (target->avoided)
        text_print(&line, ", %d passed over that were bad before", target->avoided);
    if (result->found && result->failed + result->wrong > 0)
        text_print(&line, " (%d failed or wrong, the first: %s)", result->failed + result->wrong,
                   result->reason);
    add_bad(result, &line, &arena);
    progress_clear(&state->progress);
    struct text safe = {0};
    text_add_printable(&safe, text_get(&line), true);
    fprintf(stderr, "%s\n", text_get(&safe));
    text_free(&safe);
    text_free(&line);
    arena_free(&arena);
}

/* ---- one target ------------------------------------------------------------------------------ */

static int save(const struct tune_state *state, const struct target *target)
{
    struct err err;
    const struct tuner_result *result = &target->result;
    const struct tuning_entry entry = {.variant = target->cell->variant,
                                       .problem = &target->cell->problem,
                                       .tuning = &result->tuning,
                                       .default_s = result->default_s,
                                       .tuned_s = result->tuned_s,
                                       .candidates = result->candidates,
                                       .failed = result->failed,
                                       .wrong = result->wrong};
    const struct device_info *device = &state->setup.devices[target->cell->device];
    return tuning_file_add(state->path, device, &entry, &err) ? fail(EXIT_IO, &err) : EXIT_OK;
}

/* What was bad stays known for the driver, whatever else came out. */
static int save_bad(const struct tune_state *state, const struct target *target)
{
    struct err err;
    const struct tuner_result *result = &target->result;
    struct tuning_avoided avoided[TUNER_BAD_MAX];
    for (int i = 0; i < result->bad_count; ++i)
        avoided[i] = (struct tuning_avoided){.variant = target->cell->variant,
                                             .problem = &target->cell->problem,
                                             .tuning = &result->bad[i].tuning,
                                             .status = bad_name(&result->bad[i]),
                                             .reason = result->bad[i].reason};
    const struct device_info *device = &state->setup.devices[target->cell->device];
    if (result->bad_count &&
        tuning_file_avoid(state->path, device, avoided, result->bad_count, &err))
        return fail(EXIT_IO, &err);
    return EXIT_OK;
}

static int tune_target(struct tune_state *state, const struct options *options,
                       struct target *target)
{
    struct err err;
    const double now_s = clock_now_s();
    struct tuning *avoid = NULL;
    target->avoided = tuning_file_avoided(state->path, target->cell->variant,
                                          &target->cell->problem, &avoid, &state->setup.arena);
    const struct tuner tuner = {
        .supervisor = &state->setup.supervisor,
        .cell = target->cell,
        .device = &state->setup.devices[target->cell->device],
        .deadlines = &target->cell->suite->deadlines,
        .seed = (uint64_t)options->seed,
        .avoid = avoid,
        .avoid_count = target->avoided,
        .until_s =
            state->end_s > 0 ? now_s + (state->end_s - now_s) / (state->to_do - state->done) : 0,
        .on_progress = on_progress,
        .context = state};
    if (tuner_run(&tuner, &target->result, &err))
        return fail(EXIT_IO, &err);
    if (save_bad(state, target) != EXIT_OK)
        return EXIT_IO;
    if (target->result.interrupted)
        return EXIT_INTERRUPTED;
    state->progress.done = ++state->done;
    target->done = true;
    show_target(state, target);
    return target->result.found ? save(state, target) : EXIT_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int tune_device(struct tune_state *state, const struct options *options, int device)
{
    struct err err;
    const struct device_info *info = &state->setup.devices[device];
    state->path = options->out ? options->out : tuning_path(info, &state->setup.arena);
    if (!state->path) {
        err_set(&err, "there is no folder for tunings: neither HOME nor ATTNBENCH_CACHE_DIR is "
                      "set; use --out FILE");
        return fail(EXIT_IO, &err);
    }
    if (!options->out && !cache_make_folders(state->path)) {
        err_set(&err, "cannot make the folder of %s; use --out FILE", state->path);
        return fail(EXIT_IO, &err);
    }
    if (tuning_file_check(state->path, info, &err))
        return fail(EXIT_BAD_INPUT, &err);
    state->known = (struct tunings){0};
    if (!options->retune)
        load_tunings(&state->known, state->path, &state->setup.kernels, &state->setup.arena);
    for (int t = 0; t < state->target_count; ++t) {
        struct target *target = &state->targets[t];
        target->known = target->cell->device == device && is_known(&state->known, target);
        state->to_do -= target->known;
    }
    int status = EXIT_OK;
    for (int t = 0; t < state->target_count && status == EXIT_OK; ++t) {
        struct target *target = &state->targets[t];
        if (target->cell->device != device || target->known)
            continue;
        if (*state->stop)
            status = EXIT_INTERRUPTED;
        else if (state->end_s == 0 || clock_now_s() < state->end_s)
            status = tune_target(state, options, target);
    }
    return status;
}

static void add_target_line(const struct target *target, struct text *out)
{
    const struct tuner_result *result = &target->result;
    struct arena arena = {0};
    struct text best = {0}, before = {0}, gain = {0};
    text_print(out, "%-12s %-62s ", target->cell->variant->name,
               problem_class_text(&target->class, &arena));
    text_add_seconds(&best, result->tuned_s);
    if (isfinite(result->default_s)) {
        text_add_seconds(&before, result->default_s);
        text_print(&gain, "%.2fx", result->default_s / result->tuned_s);
    } else {
        text_add(&before, "fails");
    }
    if (target->known)
        text_add(out, "known; --retune searches again");
    else if (!target->done)
        text_add(out, "not tuned: the time was up");
    else if (!result->found)
        text_print(out, "not tuned: %s", result->reason);
    else
        text_print(out, "%9s %9s %6s  %3d tried, %d slow, %d failed, %d wrong  %s",
                   text_get(&before), text_get(&best), text_get(&gain), result->candidates,
                   result->slow, result->failed, result->wrong,
                   tuning_text(&result->tuning, &arena));
    text_add(out, "\n");
    text_free(&before);
    text_free(&best);
    text_free(&gain);
    arena_free(&arena);
}

static int finish(const struct tune_state *state, const struct options *options, int status)
{
    struct text table = {0}, safe = {0};
    bool missing = false;
    if (!options->quiet)
        text_print(&table, "%-12s %-62s %9s %9s %6s\n", "variant", "class", "default", "tuned",
                   "gain");
    for (int t = 0; t < state->target_count; ++t) {
        const struct target *target = &state->targets[t];
        missing = missing || (!target->known && !target->result.found);
        if (!options->quiet)
            add_target_line(target, &table);
    }
    if (!state->target_count)
        text_add(&table, "nothing to tune: no variant with tunables runs a problem of the suite\n");
    if (state->path)
        text_print(&table, "tunings: %s\n", state->path);
    text_add_printable(&safe, text_get(&table), true);
    const int written = write_output(NULL, text_get(&safe), safe.length);
    text_free(&table);
    text_free(&safe);
    if (status == EXIT_INTERRUPTED)
        fprintf(stderr, "attnbench: interrupted; the same command goes on with the classes that "
                        "are left\n");
    return status != EXIT_OK    ? status
           : written != EXIT_OK ? written
           : missing            ? EXIT_INCOMPLETE
                                : EXIT_OK;
}

static int tune(struct tune_state *state, const struct options *options)
{
    struct supervisor *supervisor = &state->setup.supervisor;
    state->stop = interrupt_catch();
    supervisor->deadline_s = options->deadline_s;
    supervisor->stop = state->stop;
    int status = setup_locks(&state->setup, options);
    if (status != EXIT_OK)
        return status;
    find_targets(state);
    state->to_do = state->target_count;
    state->start_s = clock_now_s();
    state->end_s = options->budget_s > 0 ? state->start_s + options->budget_s : 0;
    progress_start(&state->progress, progress_choose(NULL, options->quiet), state->to_do, 0);
    for (int d = 0; d < state->setup.device_count && status == EXIT_OK; ++d)
        status = tune_device(state, options, d);
    progress_end(&state->progress);
    return status == EXIT_OK || status == EXIT_INTERRUPTED ? finish(state, options, status)
                                                           : status;
}

int command_tune(const struct options *options)
{
    struct tune_state state = {0};
    struct options defaults = *options; /* the search starts from the variants' own */
    struct err err;
    defaults.no_tuning = true;
    int status = setup_suites(&state.setup, options);
    if (status == EXIT_OK)
        status = setup_kernels(&state.setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&state.setup, options);
    if (status == EXIT_OK && options->out && state.setup.device_count > 1) {
        err_set(&err, "--out: a tuning file is for one device; choose one with --device");
        status = fail(EXIT_USAGE, &err);
    }
    if (status == EXIT_OK)
        status = check_output(options, options->out, PLACE_FILE, "--out");
    if (status == EXIT_OK)
        status = setup_plan(&state.setup, &defaults);
    if (status == EXIT_OK)
        status = tune(&state, options);
    setup_free(&state.setup);
    return status;
}
