/* attnbench run: suites -> plan -> supervisor -> journal -> results.
 *
 * The journal beside the results file gets every row the moment it is known; the results file is
 * brought up to date every few seconds and at the end, when the journal is removed. */
#include "commands/common.h"
#include "commands/interrupt.h"
#include "commands/progress.h"
#include "report/report.h"
#include "store/journal.h"
#include "util/cache.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/terminal.h"
#include "version.h"

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

struct run_state {
    struct setup setup;
    struct results results; /* rows and devices borrow from the setup's arena */
    struct journal journal;
    const char *out, *journal_path;
    bool *done;
    int row_capacity;
    double written_s;
    struct progress progress;
    struct account account;
    double begun_s;
};

/* ---- the header ------------------------------------------------------------------------------ */

static const char *random_id(struct arena *arena)
{
    unsigned char bytes[16] = {0};
    const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, bytes, sizeof bytes) != sizeof bytes) {
        const uint64_t fallback[2] = {(uint64_t)time(NULL), (uint64_t)getpid()};
        memcpy(bytes, fallback, sizeof bytes);
    }
    if (fd >= 0)
        close(fd);
    struct text hex = {0};
    for (size_t i = 0; i < sizeof bytes; ++i)
        text_print(&hex, "%02x", bytes[i]);
    const char *id = arena_copy(arena, text_get(&hex));
    text_free(&hex);
    return id;
}

static const char *cpu_name(struct arena *arena)
{
    struct text info = {0};
    const char *name = "";
    if (file_read("/proc/cpuinfo", 1 << 22, &info, NULL) == 0) {
        const char *line = strstr(text_get(&info), "model name");
        const char *colon = line ? strchr(line, ':') : NULL;
        if (colon)
            name = arena_copy_bytes(arena, colon + 2, strcspn(colon + 2, "\n"));
    }
    text_free(&info);
    return name;
}

static const char *utc_now(struct arena *arena)
{
    char text[32];
    text_utc((int64_t)time(NULL), text);
    return arena_copy(arena, text);
}

static const char *join(struct arena *arena, const struct setup *setup, bool hashes)
{
    const char *all = "";
    for (int i = 0; i < setup->suite_count; ++i)
        all = arena_print(arena, "%s%s%s", all, i ? "+" : "",
                          hashes ? setup->suites[i].sha256 : setup->suites[i].name);
    return all;
}

/* The command line without what only says where to continue. */
static struct text_list recorded_argv(struct arena *arena, const struct setup *setup,
                                      const struct options *options)
{
    /* The device that was chosen, not how: ATTNBENCH_DEVICE may say something else next time. */
    const bool scripted = strcmp(setup->supervisor.backend, "null") == 0;
    const char *all = scripted ? "null-all" : "all";
    const char *device = setup->all_devices ? all : setup->devices[0].id;
    const char **list = arena_array(arena, (size_t)options->arg_count + 64, sizeof *list);
    int n = 0;
    list[n++] = "run";
    for (int i = 0; i < options->arg_count; ++i)
        list[n++] = options->args[i];
    const struct {
        const char *name, *value;
    } strings[] = {{"--device", device},
                   {"--variants", options->variants},
                   {"--filter", options->filter},
                   {"--check", options->check},
                   {"--kernels", options->kernels},
                   {"--isolate", options->isolate},
                   {"--inputs", options->inputs},
                   {"--cache", options->cache},
                   {"--peaks", options->peaks && !*options->peaks ? "cached" : options->peaks},
                   {"--tuning", options->tuning}};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; ++i)
        if (strings[i].value)
            list[n++] = arena_print(arena, "%s=%s", strings[i].name, strings[i].value);
    for (int i = 0; i < options->set_count; ++i)
        list[n++] = arena_print(arena, "--set=%s", options->sets[i]);
    if (options->no_program_cache)
        list[n++] = "--no-program-cache";
    if (options->no_tuning)
        list[n++] = "--no-tuning";
    list[n++] = arena_print(arena, "--seed=%lld", (long long)options->seed);
    return (struct text_list){n, list};
}

static void fill_header(struct run_state *state, const struct options *options)
{
    struct arena *arena = &state->setup.arena;
    struct run_header *run = &state->results.run;
    struct utsname os;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    *run =
        (struct run_header){.id = random_id(arena),
                            .started_utc = utc_now(arena),
                            .argv = recorded_argv(arena, &state->setup, options),
                            .tool_version = ATTNBENCH_VERSION,
                            .git_commit = ATTNBENCH_COMMIT,
                            .seed = (uint64_t)options->seed,
                            .plan_id = state->setup.plan.id,
                            .planned_cells = state->setup.plan.count,
                            .suite_name = join(arena, &state->setup, false),
                            .suite_sha256 = join(arena, &state->setup, true),
                            .host_name = "",
                            .host_os = "",
                            .host_cpu = cpu_name(arena),
                            .host_cpus = sysconf(_SC_NPROCESSORS_ONLN),
                            .host_memory_bytes = pages > 0 && page > 0 ? (int64_t)pages * page : 0};
    for (int i = 0; i < ACTIVITIES; ++i)
        run->time_s[i] = NAN;
    if (uname(&os) == 0) {
        run->host_name = arena_copy(arena, os.nodename);
        run->host_os = arena_print(arena, "%s %s %s", os.sysname, os.release, os.machine);
    }
}

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

/* ---- resume ---------------------------------------------------------------------------------- */

/* What --resume was given, as the results file's path: it may also name the journal. */
static const char *resumed_out(struct arena *arena, const char *path)
{
    return text_ends(path, ".journal")
               ? arena_copy_bytes(arena, path, strlen(path) - strlen(".journal"))
               : path;
}

/* A run without suites takes its command line from the journal. */
static int adopt_argv(const struct results *old, const struct options *given,
                      struct options *options, struct err *err)
{
    struct options recorded;
    if (options_parse(&recorded, command_find("run"), old->run.argv.count, old->run.argv.values,
                      err))
        return err_prefix(err, "the journal's command line");
    recorded.resume = given->resume;
    recorded.quiet = given->quiet;
    recorded.progress = given->progress;
    recorded.budget_s = given->budget_s;
    recorded.deadline_s = given->deadline_s;
    recorded.quarantine = given->quarantine;
    recorded.no_lock = given->no_lock;
    *options = recorded;
    return 0;
}

static int read_journal(struct run_state *state, struct results *old, size_t *valid_bytes)
{
    struct err err;
    struct text text = {0};
    bool torn = false;
    int status = EXIT_OK;
    if (file_read(state->journal_path, JOURNAL_BYTES_MAX, &text, &err)) {
        err_prefix(&err, "--resume: nothing to continue (a finished run has no journal)");
        status = fail(EXIT_BAD_INPUT, &err);
    } else if (journal_read(old, state->journal_path, text_get(&text), text.length, &torn,
                            valid_bytes, &err)) {
        status = fail(EXIT_BAD_INPUT, &err);
    }
    if (torn)
        fprintf(stderr, "attnbench: %s: the last line was cut off and is dropped\n",
                state->journal_path);
    text_free(&text);
    return status;
}

/* The rows there stand under these roofs, so the others must too. */
static void adopt_peaks(struct run_state *state, const struct results *old)
{
    for (int i = 0; i < state->setup.device_count; ++i)
        for (int k = 0; k < old->device_count; ++k) {
            struct device_info *device = &state->setup.devices[i];
            if (strcmp(device->id, old->devices[k].id) == 0 && old->devices[k].launch_us > 0) {
                device->peaks = old->devices[k].peaks;
                device->launch_us = old->devices[k].launch_us;
            }
        }
}

/* Cells with a row in the journal are done; the rows are taken over. */
static int mark_done(struct run_state *state, const struct results *old)
{
    const struct plan *plan = &state->setup.plan;
    struct err err;
    if (!old->run.plan_id || strcmp(old->run.plan_id, plan->id) != 0) {
        err_set(&err,
                "--resume: %s belongs to another plan (%.12s..., this one is %.12s...); use the "
                "same suites, options, device and version, or start afresh without --resume",
                state->journal_path, old->run.plan_id ? old->run.plan_id : "?", plan->id);
        return fail(EXIT_USAGE, &err);
    }
    for (int r = 0; r < old->row_count; ++r)
        for (int c = 0; c < plan->count; ++c) {
            const struct cell *cell = &plan->cells[c];
            const struct row *row = &old->rows[r];
            if (!state->done[c] && strcmp(cell->variant->name, row->variant) == 0 &&
                strcmp(plan->devices[cell->device].id, row->device) == 0 &&
                strcmp(cell->id, row->cell) == 0) {
                state->done[c] = true;
                state->results.rows[state->results.row_count++] = *row;
                break;
            }
        }
    return EXIT_OK;
}

/* ---- the run --------------------------------------------------------------------------------- */

static const char *default_out(struct run_state *state)
{
    char stamp[32];
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    const struct setup *setup = &state->setup;
    return arena_print(&state->setup.arena, "%s--%s--%s.json",
                       setup->device_count > 1 ? "all" : setup->devices[0].id,
                       setup->suites[0].name, stamp);
}

static int open_journal(struct run_state *state, const struct options *options, struct results *old,
                        size_t valid_bytes)
{
    struct err err;
    struct results *results = &state->results;
    const struct plan *plan = &state->setup.plan;
    state->row_capacity = plan->count;
    results->rows = arena_array(&state->setup.arena, (size_t)plan->count + 1, sizeof(struct row));
    state->done = arena_array(&state->setup.arena, (size_t)plan->count + 1, sizeof(bool));
    results->devices = state->setup.devices;
    results->device_count = state->setup.device_count;
    if (options->resume) {
        const int status = mark_done(state, old);
        if (status != EXIT_OK)
            return status;
        adopt_peaks(state, old);
        results->run.started_utc = old->run.started_utc;
        results->run.id = old->run.id;
        if (journal_reopen(&state->journal, state->journal_path, valid_bytes, &err))
            return fail(EXIT_IO, &err);
    } else if (journal_create(&state->journal, state->journal_path, results, &err)) {
        return fail(EXIT_IO, &err);
    }
    file_remove_temporaries(state->out); /* the journal is ours, so nobody else writes it */
    return write_results(state, &err) ? fail(EXIT_IO, &err) : EXIT_OK;
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

static int exit_status(const struct results *results)
{
    const int64_t *counts = results->counts;
    if (counts[ROW_WRONG])
        return EXIT_WRONG;
    return counts[ROW_BUILD_FAILED] + counts[ROW_OOM] + counts[ROW_TIMEOUT] + counts[ROW_CRASH] +
                   counts[ROW_ERROR]
               ? EXIT_INCOMPLETE
               : EXIT_OK;
}

static int finish(struct run_state *state, const struct options *options, bool interrupted)
{
    struct err err;
    struct text table = {0};
    if (!interrupted)
        state->results.run.finished_utc = utc_now(&state->setup.arena);
    account_close(&state->account, clock_now_s() - state->begun_s);
    memcpy(state->results.run.time_s, state->account.spent_s, sizeof state->account.spent_s);
    if (write_results(state, &err))
        return fail(EXIT_IO, &err);
    journal_close(&state->journal);
    if (!interrupted)
        unlink(state->journal_path);
    if (!options->quiet)
        report_table(&state->results,
                     (struct looks){.width = terminal_width(STDOUT_FILENO),
                                    .color = terminal_color(STDOUT_FILENO),
                                    .utf8 = terminal_utf8(STDOUT_FILENO)},
                     &table);
    text_print(&table, "results: %s\n", state->out);
    const int status = write_output(NULL, text_get(&table), table.length);
    text_free(&table);
    if (interrupted) {
        fprintf(stderr, "attnbench: interrupted; to go on: attnbench run --resume %s\n",
                state->out);
        return EXIT_INTERRUPTED;
    }
    return status != EXIT_OK ? status : exit_status(&state->results);
}

static int run_plan(struct run_state *state, const struct options *options)
{
    struct err err;
    bool interrupted = false;
    struct supervisor *supervisor = &state->setup.supervisor;
    supervisor->budget_s = options->budget_s;
    supervisor->deadline_s = options->deadline_s;
    supervisor->quarantine = options->quarantine > INT_MAX ? INT_MAX : (int)options->quarantine;
    supervisor->seed = state->results.run.seed;
    setup_locks(&state->setup, options);
    if (!setup_peaks(&state->setup, state->setup.devices, state->setup.device_count, options->peaks,
                     true, options->quiet))
        return finish(state, options, true);
    if (on_device(state, 0, &err))
        return fail(EXIT_IO, &err);
    supervisor->on_row = on_row;
    supervisor->on_device = on_device;
    supervisor->on_progress = on_progress;
    supervisor->context = state;
    progress_start(&state->progress, progress_choose(options->progress, options->quiet),
                   state->setup.plan.count, state->results.row_count);
    const int result = supervisor_run(supervisor, &state->setup.plan, state->setup.devices,
                                      state->done, &state->setup.arena, &interrupted, &err);
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
        status = setup_kernels(&state->setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&state->setup, options);
    if (status == EXIT_OK)
        status = setup_plan(&state->setup, options);
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
    int status = EXIT_OK;
    state.setup.supervisor.account = &state.account;
    if (!options.arg_count && !options.resume) {
        err_set(&err, "'run' needs a SUITE, such as suites/quick.json; see attnbench run --help");
        return fail(EXIT_USAGE, &err);
    }
    if (options.resume) {
        state.out = resumed_out(&state.setup.arena, options.resume);
        state.journal_path = arena_print(&state.setup.arena, "%s.journal", state.out);
        status = read_journal(&state, &old, &valid_bytes);
        if (status == EXIT_OK && !options.arg_count && adopt_argv(&old, given, &options, &err))
            status = fail(EXIT_BAD_INPUT, &err);
    }
    if (status == EXIT_OK)
        status = prepare_setup(&state, &options);
    if (status == EXIT_OK)
        status = parse_modes(&options, &state.setup, &mode);
    state.setup.supervisor.stop = interrupt_catch();
    if (status == EXIT_OK) {
        fill_header(&state, &options);
        if (!state.out)
            state.out = options.out ? options.out : default_out(&state);
        state.journal_path = arena_print(&state.setup.arena, "%s.journal", state.out);
        status = open_journal(&state, &options, &old, valid_bytes);
    }
    if (status == EXIT_OK)
        setup_show_quirks(&state.setup);
    if (status == EXIT_OK)
        status = run_plan(&state, &options);
    journal_close(&state.journal);
    results_free(&old);
    arena_free(&state.results.arena); /* of the derived fits */
    setup_free(&state.setup);
    return status;
}
