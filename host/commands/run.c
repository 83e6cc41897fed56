/* attnbench run: suites -> plan -> supervisor -> journal -> results.
 *
 * The journal beside the results file gets every row the moment it is known; the results file is
 * brought up to date every few seconds and at the end, when the journal is removed. */
#include "commands/forecast.h"
#include "commands/interrupt.h"
#include "commands/run_order.h"
#include "commands/run_state.h"
#include "commands/shard.h"
#include "report/report.h"
#include "util/cache.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/terminal.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const double rewrite_every_s = 5;

/* ---- rows ------------------------------------------------------------------------------------ */

static int write_results(struct run_state *state, struct err *err)
{
    results_derive(&state->results);
    char *text = results_print(&state->results);
    const int result = file_replace(state->out, text, strlen(text), err);
    free(text);
    state->written_s = clock_now_s();
    return result;
}

static int on_row(void *context, const struct cell *cell, const struct row *row, struct err *err)
{
    struct run_state *state = context;
    struct results *results = &state->results;
    if (results->row_count == state->row_capacity)
        return err_set(err, "more rows than cells"); /* cannot happen: one row a cell */
    state->cell_of[results->row_count] = (int)(cell - state->setup.plan.cells);
    results->rows[results->row_count++] = *row;
    if (journal_add_row(&state->journal, row, err))
        return -1;
    progress_row(&state->progress, cell, row);
    return clock_now_s() - state->written_s > rewrite_every_s ? write_results(state, err) : 0;
}

static int on_device(void *context, int device, struct err *err)
{
    struct run_state *state = context;
    (void)device;
    return journal_add_devices(&state->journal, state->results.devices, state->results.device_count,
                               err);
}

static void on_progress(void *context, const struct cell *cell, const char *phase, double median_s,
                        double eta_s)
{
    struct run_state *state = context;
    progress_step(&state->progress, cell, phase, median_s, eta_s);
}

/* ---- the run --------------------------------------------------------------------------------- */

static const char *default_out(struct run_state *state)
{
    const char *shard = state->setup.shard.count ? "--{shard}" : "";
    char stamp[32];
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    const struct setup *setup = &state->setup;
    return arena_print(&state->setup.arena, "%s--%s%s--%s.json",
                       setup->device_count > 1 ? "all" : setup->devices[0].id,
                       setup->suites[0].name, shard, stamp);
}

/* What is to be done: the shard's cells that have no row yet. */
static void begin_rows(struct run_state *state)
{
    struct results *results = &state->results;
    const struct plan *plan = &state->setup.plan;
    state->row_capacity = plan->count;
    results->rows = arena_array(&state->setup.arena, (size_t)plan->count + 1, sizeof(struct row));
    state->cell_of = arena_array(&state->setup.arena, (size_t)plan->count + 1, sizeof(int));
    state->done = arena_array(&state->setup.arena, (size_t)plan->count + 1, sizeof(bool));
    for (int c = 0; c < plan->count; ++c) {
        state->done[c] = !shard_has(&state->setup, c);
        state->cells += !state->done[c];
    }
    results->devices = state->setup.devices;
    results->device_count = state->setup.device_count;
}

/* On what does not work out the journal goes again: a journal says that there is something to go on
 * with. */
static int begin_results(struct run_state *state, bool is_new)
{
    struct err err;
    file_remove_temporaries(state->out); /* the journal is ours, so nobody else writes it */
    if (write_results(state, &err) == 0)
        return EXIT_OK;
    if (is_new) {
        journal_close(&state->journal);
        unlink(state->journal_path);
    }
    return fail(EXIT_IO, &err);
}

static int open_journal(struct run_state *state, const struct options *options, struct results *old,
                        size_t valid_bytes)
{
    struct err err;
    struct results *results = &state->results;
    if (options->resume) {
        const int status = resume_check(state, old, state->journal_path);
        if (status != EXIT_OK)
            return status;
        resume_mark(state, old, true);
        results->run.started_utc = old->run.started_utc;
        results->run.id = old->run.id;
        results->run.shard.source = old->run.shard.source;
        if (journal_reopen(&state->journal, state->journal_path, valid_bytes, &err))
            return fail(EXIT_IO, &err);
    } else if (journal_create(&state->journal, state->journal_path, results, &err)) {
        return fail(EXIT_IO, &err);
    }
    return begin_results(state, !options->resume);
}

static int parse_modes(const struct options *options, struct setup *setup, enum check_mode *mode)
{
    struct supervisor *supervisor = &setup->supervisor;
    static const char *const ways[] = {"device", "cell", "none"};
    struct err err;
    if (options->check) {
        if (check_mode_parse(options->check, mode)) {
            err_set(&err, "--check: expected full, sample or none, found '%.40s'", options->check);
            return fail(EXIT_USAGE, &err);
        }
        supervisor->check = mode;
    }
    if (options->inputs && input_kind_parse(options->inputs, &supervisor->inputs)) {
        err_set(&err, "--inputs: expected random, large, dominant, equal or tiny, found '%.40s'",
                options->inputs);
        return fail(EXIT_USAGE, &err);
    }
    for (int i = 0; options->cache && i < setup->suite_count; ++i)
        if (measure_cache_parse(options->cache, &setup->suites[i].measure.cold)) {
            err_set(&err, "--cache: expected hot or cold, found '%.40s'", options->cache);
            return fail(EXIT_USAGE, &err);
        }
    for (int i = 0; options->isolate && i < 3; ++i)
        if (strcmp(ways[i], options->isolate) == 0) {
            supervisor->isolate = (enum isolate)i;
            return EXIT_OK;
        }
    if (options->isolate) {
        err_set(&err, "--isolate: expected cell, device or none, found '%.40s'", options->isolate);
        return fail(EXIT_USAGE, &err);
    }
    return EXIT_OK;
}

/* "8 skipped (over the budget ...), 4 unsupported": nothing measured is not green. */
static void explain_nothing(const struct results *results, struct text *why)
{
    for (int status = 0; status < ROW_STATUSES; ++status) {
        const char *reason = NULL;
        for (int i = 0; i < results->row_count && !reason; ++i)
            if (results->rows[i].status == (enum row_status)status)
                reason = results->rows[i].reason;
        if (results->counts[status])
            text_print(why, "%s%lld %s (%.300s)", why->length ? ", " : "",
                       (long long)results->counts[status], row_status_name((enum row_status)status),
                       reason ? reason : "no reason");
    }
}

int run_exit_status(const struct results *results, struct text *why)
{
    const int64_t *counts = results->counts;
    if (counts[ROW_WRONG])
        return EXIT_WRONG;
    /* A share of a plan may have nothing that runs. */
    const bool nothing = !counts[ROW_OK] && results->row_count > 0 && results->run.shard.count == 0;
    if (nothing && why)
        explain_nothing(results, why);
    return nothing || counts[ROW_BUILD_FAILED] + counts[ROW_OOM] + counts[ROW_TIMEOUT] +
                          counts[ROW_CRASH] + counts[ROW_ERROR]
               ? EXIT_INCOMPLETE
               : EXIT_OK;
}

/* Waiting for a device is not the run's time. */
static int wait_for_devices(struct run_state *state, const struct options *options)
{
    const int status = setup_locks(&state->setup, options);
    state->begun_s += state->setup.waited_s;
    return status;
}

/* For programs that read a benchmark's output by a regular expression. */
static void add_figures(const struct run_state *state, struct text *out)
{
    for (int i = 0; i < state->results.row_count; ++i) {
        const struct row *row = &state->results.rows[i];
        if (row->status == ROW_OK)
            text_print(out, "FOM %s@%s%s%s %.9g s\n", row->cell, row->variant,
                       state->setup.device_count > 1 ? "@" : "",
                       state->setup.device_count > 1 ? row->device : "", row->time.median_s);
    }
}

static int finish(struct run_state *state, const struct options *options, bool interrupted)
{
    struct err err;
    struct text table = {0};
    if (!interrupted)
        state->results.run.finished_utc = run_utc_now(&state->setup.arena);
    account_close(&state->account, clock_now_s() - state->begun_s);
    memcpy(state->results.run.time_s, state->account.spent_s, sizeof state->account.spent_s);
    order_rows(state);
    if (write_results(state, &err))
        return fail(EXIT_IO, &err);
    journal_close(&state->journal);
    if (!interrupted)
        unlink(state->journal_path);
    order_remember(state);
    if (!options->quiet)
        report_table(&state->results,
                     (struct looks){.width = terminal_width(STDOUT_FILENO),
                                    .color = terminal_color(STDOUT_FILENO),
                                    .utf8 = terminal_utf8(STDOUT_FILENO)},
                     &table);
    if (options->fom)
        add_figures(state, &table);
    text_print(&table, "results: %s\n", state->out);
    const int status = write_output(NULL, text_get(&table), table.length);
    text_free(&table);
    if (interrupted) {
        fprintf(stderr, "attnbench: interrupted; to go on: attnbench run --resume %s\n",
                state->out);
        return EXIT_INTERRUPTED;
    }
    if (status != EXIT_OK)
        return status;
    struct text why = {0};
    const int result = run_exit_status(&state->results, &why);
    if (why.length) {
        err_set(&err, "nothing was measured: %.1500s", text_get(&why));
        (void)fail(result, &err);
    }
    text_free(&why);
    return result;
}

static int run_plan(struct run_state *state, const struct options *options)
{
    struct err err;
    bool interrupted = false;
    struct supervisor *supervisor = &state->setup.supervisor;
    supervisor->budget_s = options->budget_s;
    supervisor->begun_s = state->begun_s;
    supervisor->build_ahead = true;
    supervisor->deadline_s = options->deadline_s;
    supervisor->quarantine = options->quarantine > INT_MAX ? INT_MAX : (int)options->quarantine;
    supervisor->seed = state->results.run.seed;
    const bool anything = state->results.row_count < state->cells;
    if (anything && !setup_peaks(&state->setup, state->setup.devices, state->setup.device_count,
                                 options->peaks, true, options->quiet))
        return finish(state, options, true);
    if (on_device(state, 0, &err))
        return fail(EXIT_IO, &err);
    supervisor->on_row = on_row;
    supervisor->on_device = on_device;
    supervisor->on_progress = on_progress;
    supervisor->context = state;
    progress_start(&state->progress, progress_choose(options->progress, options->quiet),
                   state->cells, state->results.row_count);
    const int result = order_run(state, &interrupted, &err);
    progress_end(&state->progress);
    if (result) {
        err_prefix(&err, "what was measured until now is kept in %s", state->journal_path);
        return fail(EXIT_IO, &err);
    }
    return finish(state, options, interrupted);
}

static int prepare_setup(struct run_state *state, const struct options *options)
{
    int status = setup_suites(&state->setup, options);
    if (status == EXIT_OK)
        status = setup_shard(&state->setup, options);
    if (status == EXIT_OK)
        status = setup_kernels(&state->setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&state->setup, options);
    if (status == EXIT_OK)
        status = setup_plan(&state->setup, options);
    if (status == EXIT_OK && state->setup.shard.count)
        setup_shares(&state->setup, state->setup.shard.count);
    return status;
}

static void tell_forecast(const struct run_state *state, const struct options *options)
{
    const enum progress_mode mode = progress_choose(options->progress, options->quiet);
    struct forecast forecast;
    struct text line = {0};
    if (mode != PROGRESS_PLAIN && mode != PROGRESS_REWRITE)
        return;
    setup_forecast(&state->setup, state->done, &forecast);
    forecast_words(&forecast, &state->setup, options, &line);
    fprintf(stderr, "%s\n", text_get(&line));
    text_free(&line);
}

/* Takes the devices and opens the files. A run that goes on has its journal before it waits, so
 * that no other one takes it up; a new one leaves nothing behind when it waits in vain. */
static int begin(struct run_state *state, const struct options *options, struct results *old,
                 size_t valid_bytes)
{
    int status = resume_protect(state, options);
    if (status == EXIT_OK && !options->resume)
        status = wait_for_devices(state, options);
    if (status == EXIT_OK) /* meanwhile the run that was waited for may have written it */
        status = resume_protect(state, options);
    if (status == EXIT_OK) {
        run_fill_header(state, options);
        status = open_journal(state, options, old, valid_bytes);
    }
    if (status == EXIT_OK && options->resume)
        status = wait_for_devices(state, options);
    return status;
}

int command_run(const struct options *given)
{
    struct run_state state = {.journal.fd = -1, .begun_s = clock_now_s()};
    struct results old = {0};
    struct options options = *given;
    struct err err;
    enum check_mode mode = CHECK_AUTO;
    size_t valid_bytes = 0;
    bool finished = false;
    int status = EXIT_OK;
    state.setup.supervisor.account = &state.account;
    if (!options.arg_count && !options.resume) {
        err_set(&err, "'run' needs a SUITE, such as suites/quick.json; see attnbench run --help");
        return fail(EXIT_USAGE, &err);
    }
    if (options.resume) {
        state.out = resume_out(&state.setup.arena, options.resume);
        state.journal_path = arena_print(&state.setup.arena, "%s.journal", state.out);
        status = resume_read(&state, &old, &valid_bytes);
        if (status == EXIT_OK && !options.arg_count)
            status = resume_argv(&state, &old, given, &options);
    }
    if (status == EXIT_OK)
        status = prepare_setup(&state, &options);
    if (status == EXIT_OK)
        status = parse_modes(&options, &state.setup, &mode);
    state.setup.supervisor.stop = interrupt_catch();
    if (status == EXIT_OK) {
        begin_rows(&state);
        if (!state.out)
            state.out = shard_path(&state.setup, options.out ? options.out : default_out(&state));
        state.journal_path = arena_print(&state.setup.arena, "%s.journal", state.out);
        status =
            check_output(&options, state.out, PLACE_FILE, options.resume ? "--resume" : "--out");
    }
    if (status == EXIT_OK && options.go_on)
        status = resume_find(&state, &options, &old, &valid_bytes, &finished);
    if (status == EXIT_OK && !finished)
        status = begin(&state, &options, &old, valid_bytes);
    if (status == EXIT_OK && !finished && !options.quiet) {
        shard_tell(&state.setup);
        tell_forecast(&state, &options);
    }
    if (status == EXIT_OK && !finished)
        setup_show_quirks(&state.setup);
    if (status == EXIT_OK && !finished)
        status = run_plan(&state, &options);
    journal_close(&state.journal);
    results_free(&old);
    arena_free(&state.results.arena); /* of the derived fits */
    setup_free(&state.setup);
    return status;
}
