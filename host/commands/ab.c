/* attnbench ab: is B faster than A? Both in one session, launched by turns. */
#include "commands/ab_parts.h"
#include "commands/interrupt.h"
#include "commands/progress.h"
#include "report/duels.h"
#include "util/clock.h"
#include "util/terminal.h"
#include "worker/duel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* For each problem, unless --time says so. */
static const double time_together_s = 5, time_apart_s = 30;

static const struct {
    const char *name;
    void (*write)(const struct duels *duels, struct text *out);
} formats[] = {{"text", NULL}, /* duels_table */
               {"md", duels_markdown},
               {"json", duels_json},
               {"html", duels_html}};
enum { FORMATS = sizeof formats / sizeof *formats };

static int find_format(const char *name)
{
    int f = 0;
    while (name && f < FORMATS && strcmp(formats[f].name, name) != 0)
        ++f;
    return f;
}

struct ab_state {
    struct ab ab;
    struct duels duels;
    struct progress progress;
    double begun_s, time_s;
    const volatile sig_atomic_t *stop;
};

/* ---- progress -------------------------------------------------------------------------------- */

static void on_progress(void *context, const struct cell *cell, const char *phase, double ratio,
                        double rest_s)
{
    struct ab_state *state = context;
    char words[64];
    const int done = state->progress.done, later = state->progress.total - done - 1;
    const double each_s = done ? (clock_now_s() - state->begun_s) / (done + 1) : state->time_s;
    snprintf(words, sizeof words, isfinite(ratio) ? "%s, B/A %.3f" : "%s", phase, ratio);
    progress_step(&state->progress, cell, words, NAN, rest_s + later * each_s);
}

static void show_row(struct ab_state *state, const struct duel_row *row)
{
    struct text line = {0}, safe = {0};
    ++state->progress.done;
    if (state->progress.mode != PROGRESS_PLAIN)
        return;
    text_print(&line, "[%d/%d] %s ", state->progress.done, state->progress.total,
               duel_kind_name(duel_kind(row)));
    duel_ratio(row->pairing.ratio, &line);
    text_print(&line, "%s%s", isfinite(row->pairing.ratio) ? "x " : "", row->cell);
    struct text reason = {0};
    duel_reason(row, &reason);
    text_print(&line, "%s%s", reason.length ? ": " : "", text_get(&reason));
    text_add_printable(&safe, text_get(&line), false);
    fprintf(stderr, "%s\n", text_get(&safe));
    text_free(&reason);
    text_free(&line);
    text_free(&safe);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void run_duel(struct ab_state *state, const struct ab_pair *pair)
{
    struct ab *ab = &state->ab;
    const struct supervisor *supervisors[2] = {&ab->sides[0].setup.supervisor,
                                               &ab->sides[1].setup.supervisor};
    /* The tree of a worker that holds both; what another folder brings comes beside it. */
    struct supervisor shared = *supervisors[0];
    shared.kernels_dir = supervisors[1]->kernels_dir ? supervisors[0]->kernels_dir : NULL;
    struct duel duel = {.apart = ab->apart,
                        .threshold = state->duels.threshold,
                        .time_s = state->time_s,
                        .stop = state->stop,
                        .on_progress = on_progress,
                        .context = state};
    struct duel_result result;
    struct duel_row *row = &state->duels.rows[state->duels.count];
    for (int s = 0; s < 2; ++s) {
        const char *folder = supervisors[s]->kernels_dir, *own = shared.kernels_dir;
        duel.sides[s] = (struct duel_side){
            .supervisor = ab->apart ? supervisors[s] : &shared,
            .cell = pair->cells[s],
            .device = &ab->sides[s].setup.devices[pair->cells[s]->device],
            .kernels = !ab->apart && folder && (!own || strcmp(folder, own) != 0) ? folder : NULL};
    }
    duel_run(&duel, &ab->arena, &result);
    *row = (struct duel_row){.cell = pair->cells[0]->id,
                             .pairing = result.pairing,
                             .clock = result.clock,
                             .sessions = result.sessions,
                             .session_ratios = result.session_ratios,
                             .launches = result.launches};
    for (int s = 0; s < 2; ++s)
        row->ends[s] =
            (struct duel_end){.variant = pair->cells[s]->variant->name,
                              .tuning = tuning_text(&pair->cells[s]->tuning, &ab->arena),
                              .device = ab->sides[s].setup.devices[pair->cells[s]->device].id,
                              .status = result.sides[s].status,
                              .reason = result.sides[s].reason,
                              .phase = result.sides[s].phase,
                              .median_s = result.sides[s].median_s};
    state->duels.interrupted = result.interrupted;
    const bool anything = result.sessions > 0 || !result.interrupted;
    state->duels.count += anything;
    if (anything)
        show_row(state, row);
}

static void run_duels(struct ab_state *state, const struct options *options)
{
    struct ab *ab = &state->ab;
    struct duels *duels = &state->duels;
    duels->names[0] = ab->sides[0].name;
    duels->names[1] = ab->sides[1].name;
    duels->suite = ab->sides[0].options.args[0];
    duels->apart = ab->apart;
    duels->threshold = options->threshold;
    duels->left_out = ab->left_out;
    duels->rows = arena_array(&ab->arena, (size_t)ab->count, sizeof *duels->rows);
    state->begun_s = clock_now_s();
    state->time_s = options->time_s > 0 ? options->time_s
                    : ab->apart         ? time_apart_s
                                        : time_together_s;
    progress_start(&state->progress, progress_choose(NULL, options->quiet), ab->count, 0);
    for (int p = 0; p < ab->count && !*state->stop; ++p)
        run_duel(state, &ab->pairs[p]);
    duels->interrupted = *state->stop > 0;
    progress_end(&state->progress);
    duels_finish(duels, &ab->arena);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int write_duels(const struct duels *duels, const struct options *options)
{
    struct text out = {0};
    const int format = find_format(options->format);
    if (formats[format].write)
        formats[format].write(duels, &out);
    else
        duels_table(duels, options->out ? 80 : terminal_width(STDOUT_FILENO), &out);
    const int status = write_output(options->out, text_get(&out), out.length);
    text_free(&out);
    return status;
}

static int verdict_status(const struct duels *duels)
{
    if (duels->interrupted)
        return EXIT_INTERRUPTED;
    if (duels->counts[DUEL_SLOWER] || duels->counts[DUEL_WRONG])
        return EXIT_WRONG;
    return duels->counts[DUEL_FAILED] ? EXIT_INCOMPLETE : EXIT_OK;
}

static int lock_devices(struct ab *ab, const struct options *options)
{
    struct setup *a = &ab->sides[0].setup, *b = &ab->sides[1].setup;
    int status = setup_locks(a, options);
    if (status == EXIT_OK && strcmp(a->devices->id, b->devices->id) != 0)
        status = setup_locks(b, options);
    return status;
}

static int measure(struct ab_state *state, const struct options *options)
{
    struct ab *ab = &state->ab;
    state->stop = interrupt_catch();
    for (int s = 0; s < 2; ++s) {
        struct supervisor *supervisor = &ab->sides[s].setup.supervisor;
        supervisor->deadline_s = options->deadline_s;
        supervisor->seed = (uint64_t)options->seed;
        supervisor->stop = state->stop;
    }
    int status = lock_devices(ab, options);
    if (status != EXIT_OK)
        return status;
    run_duels(state, options);
    status = write_duels(&state->duels, options);
    return status == EXIT_OK ? verdict_status(&state->duels) : status;
}

int command_ab(const struct options *options)
{
    struct ab_state state = {0};
    struct err err;
    if (find_format(options->format) == FORMATS) {
        err_set(&err, "--format: expected text, md, json or html, found '%.40s'", options->format);
        return fail(EXIT_USAGE, &err);
    }
    int status = check_output(options, options->out, PLACE_ANY, "--out");
    if (status == EXIT_OK)
        status = ab_sides(&state.ab, options);
    if (status == EXIT_OK)
        status = ab_pairs(&state.ab);
    if (status == EXIT_OK)
        status = measure(&state, options);
    ab_free(&state.ab);
    return status;
}
