/* attnbench ab: is B faster than A? Both in one session, launched by turns. */
#include "commands/ab_parts.h"
#include "commands/interrupt.h"
#include "commands/progress.h"
#include "report/duels/duels.h"
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
    const double spent_s = clock_now_s() - state->begun_s;
    const int done = state->progress.done, left = state->progress.total - done;
    /* At most what all may take; where some are done, by what these have cost. */
    const double most_s = fmax(state->progress.total * state->time_s - spent_s, rest_s);
    const double eta_s = done ? fmin(most_s, spent_s / done * left) : most_s;
    snprintf(words, sizeof words, isfinite(ratio) ? "%s, B/A %.3f" : "%s", phase, ratio);
    progress_step(&state->progress, cell, words, NAN, eta_s);
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

/* A problem on its way. */
struct entry {
    struct duel duel;
    struct duel_result result;
    struct supervisor shared; /* of the worker that holds both sides */
    struct bout *bout;        /* NULL: it is done */
};

static void begin_entry(struct ab_state *state, const struct ab_pair *pair, struct entry *entry)
{
    struct ab *ab = &state->ab;
    const struct supervisor *a = &ab->sides[0].setup.supervisor;
    const struct supervisor *b = &ab->sides[1].setup.supervisor;
    entry->duel = (struct duel){.apart = ab->apart,
                                .threshold = state->duels.threshold,
                                .time_s = state->time_s,
                                .stop = state->stop,
                                .on_progress = on_progress,
                                .context = state};
    /* The tree of a worker that holds both; what another folder brings comes beside it. */
    entry->shared = *a;
    entry->shared.kernels_dir = b->kernels_dir ? a->kernels_dir : NULL;
    for (int s = 0; s < 2; ++s) {
        const char *folder = s ? b->kernels_dir : a->kernels_dir;
        const char *own = entry->shared.kernels_dir;
        entry->duel.sides[s] = (struct duel_side){
            .supervisor = !ab->apart ? &entry->shared
                          : s        ? b
                                     : a,
            .cell = pair->cells[s],
            .device = &ab->sides[s].setup.devices[pair->cells[s]->device],
            .kernels = !ab->apart && folder && (!own || strcmp(folder, own) != 0) ? folder : NULL};
    }
    entry->bout = duel_begin(&entry->duel, &ab->arena, &entry->result);
}

static void end_entry(struct ab_state *state, struct entry *entry, struct duel_row *row)
{
    struct ab *ab = &state->ab;
    const struct duel_result *result = &entry->result;
    duel_end(entry->bout);
    entry->bout = NULL;
    *row = (struct duel_row){.cell = entry->duel.sides[0].cell->id,
                             .pairing = result->pairing,
                             .clock = result->clock,
                             .sessions = result->sessions,
                             .session_ratios = result->session_ratios,
                             .launches = result->launches};
    for (int s = 0; s < 2; ++s) {
        const struct cell *cell = entry->duel.sides[s].cell;
        row->ends[s] = (struct duel_end){.variant = cell->variant->name,
                                         .tuning = tuning_text(&cell->tuning, &ab->arena),
                                         .device = entry->duel.sides[s].device->id,
                                         .status = result->sides[s].status,
                                         .reason = result->sides[s].reason,
                                         .phase = result->sides[s].phase,
                                         .median_s = result->sides[s].median_s};
    }
    if (!result->interrupted)
        show_row(state, row);
}

/* Problems take turns with their sessions, so that those of one are apart in time. */
static void run_entries(struct ab_state *state, struct entry *entries)
{
    const int count = state->ab.count;
    bool any = true;
    while (any && !*state->stop) {
        any = false;
        for (int p = 0; p < count && !*state->stop; ++p) {
            if (!entries[p].bout)
                continue;
            if (duel_session(entries[p].bout))
                any = true;
            else if (!*state->stop)
                end_entry(state, &entries[p], &state->duels.rows[p]);
        }
    }
}

/* After an interrupt only what has a session is told. */
static void run_duels(struct ab_state *state, const struct options *options)
{
    struct ab *ab = &state->ab;
    struct duels *duels = &state->duels;
    struct entry *entries = arena_array(&ab->arena, (size_t)ab->count, sizeof *entries);
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
    for (int p = 0; p < ab->count; ++p)
        begin_entry(state, &ab->pairs[p], &entries[p]);
    progress_start(&state->progress, progress_choose(NULL, options->quiet), ab->count, 0);
    run_entries(state, entries);
    duels->interrupted = *state->stop > 0;
    for (int p = 0; p < ab->count; ++p) {
        if (entries[p].bout)
            end_entry(state, &entries[p], &duels->rows[p]);
        if (!duels->interrupted || entries[p].result.sessions)
            duels->rows[duels->count++] = duels->rows[p];
    }
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
