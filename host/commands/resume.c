/* Going on with a run that did not end. */
#include "commands/run_state.h"
#include "commands/shard.h"
#include "report/compare/changes.h"
#include "store/run_options.h"
#include "util/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *resume_out(struct arena *arena, const char *path)
{
    return text_ends(path, ".journal")
               ? arena_copy_bytes(arena, path, strlen(path) - strlen(".journal"))
               : path;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* A pattern from a file is never compiled: what it let through stands beside it. Only journals of
 * earlier versions need it on the command line again. */
static int check_filter(const char *journal, const char *recorded, const char *given, bool known)
{
    struct text word = {0};
    struct err err;
    if (same(recorded, given) || (known && !given))
        return EXIT_OK;
    add_shell_word(&word, recorded ? recorded : "");
    if (recorded)
        err_set(&err, "--resume: %.800s was begun with another filter; give that, --filter %.800s",
                journal, text_get(&word));
    else
        err_set(&err, "--resume: %.800s was begun without --filter; leave it out", journal);
    text_free(&word);
    return fail(EXIT_USAGE, &err);
}

int resume_argv(struct run_state *state, const struct results *old, const struct options *given,
                struct options *options)
{
    struct options recorded;
    struct err err;
    if (options_parse(&recorded, command_find("run"), old->run.argv.count, old->run.argv.values,
                      &state->setup.arena, &err)) {
        err_prefix(&err, "the journal's command line");
        return fail(EXIT_BAD_INPUT, &err);
    }
    const int status = check_filter(state->journal_path, recorded.filter, given->filter,
                                    old->run.selection != NULL);
    state->setup.selection = recorded.filter && !given->filter ? old->run.selection : NULL;
    options_take(&recorded, given, SCOPE_SESSION);
    *options = recorded;
    return status;
}

int resume_read(struct run_state *state, struct results *old, size_t *valid_bytes)
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

/* BASE and NEW are the words of comparisons: what was begun, and what is asked for now. */
static void explain_plans(const struct run_state *state, const struct results *old,
                          const char *path, struct err *err)
{
    struct text why = {0};
    changes_of_plans(&old->run, &state->results.run, &why);
    err_set(err,
            "%.300s belongs to another plan: %.900s; use the same suites, kernels, options, device "
            "and version, or start afresh with another --out",
            path, why.length ? text_get(&why) : "its cells, tunings or devices are others");
    text_free(&why);
}

int resume_check(const struct run_state *state, const struct results *old, const char *path)
{
    const struct setup *setup = &state->setup;
    const struct plan *plan = &setup->plan;
    struct err err;
    bool same_devices = old->device_count == setup->device_count;
    for (int d = 0; d < old->device_count && same_devices; ++d)
        same_devices = strcmp(old->devices[d].id, setup->devices[d].id) == 0;
    if (!old->run.plan_id || strcmp(old->run.plan_id, plan->id) != 0)
        explain_plans(state, old, path, &err);
    else if (old->run.shard.index != setup->shard.index ||
             old->run.shard.count != setup->shard.count)
        err_set(&err, "%s belongs to shard %lld/%lld, this is %lld/%lld (0/0: the whole plan)",
                path, (long long)old->run.shard.index, (long long)old->run.shard.count,
                (long long)setup->shard.index, (long long)setup->shard.count);
    else if (!same_devices)
        err_set(&err, "%s belongs to another device (%s, this is %s); give it with --device", path,
                old->device_count ? old->devices[0].id : "none", setup->devices[0].id);
    else
        return EXIT_OK;
    err_prefix(&err, "--resume");
    return fail(EXIT_USAGE, &err);
}

void resume_mark(struct run_state *state, const struct results *old, bool keep)
{
    const struct plan *plan = &state->setup.plan;
    for (int r = 0; r < old->row_count; ++r)
        for (int c = 0; c < plan->count; ++c) {
            const struct cell *cell = &plan->cells[c];
            const struct row *row = &old->rows[r];
            if (!state->done[c] && strcmp(cell->variant->name, row->variant) == 0 &&
                strcmp(plan->devices[cell->device].id, row->device) == 0 &&
                strcmp(cell->id, row->cell) == 0) {
                state->done[c] = true;
                if (keep) {
                    state->cell_of[state->results.row_count] = c;
                    state->results.rows[state->results.row_count++] = *row;
                }
                break;
            }
        }
    if (keep)
        adopt_peaks(state, old);
}

/* ---- --continue ------------------------------------------------------------------------------ */

/* A journal of another node or device stays as it is, under a name that merge finds: rows of two
 * devices are two series. What it holds is not run again. */
static int set_aside(struct run_state *state, const struct results *old, size_t valid_bytes)
{
    struct err err;
    const size_t stem = strlen(state->out) - (text_ends(state->out, ".json") ? strlen(".json") : 0);
    const char *aside =
        arena_print(&state->setup.arena, "%.*s-%.8s.journal", (int)stem, state->out, old->run.id);
    if (journal_reopen(&state->journal, state->journal_path, valid_bytes, &err))
        return fail(EXIT_IO, &err);
    const int failed = rename(state->journal_path, aside);
    journal_close(&state->journal);
    if (failed) {
        err_set(&err, "cannot rename '%s' to '%s': %s", state->journal_path, aside,
                strerror(errno));
        return fail(EXIT_IO, &err);
    }
    fprintf(stderr, "attnbench: %s was begun on %s; what is done stays in %s\n", state->out,
            old->run.host_name ? old->run.host_name : "another host", aside);
    state->cells = 0;
    resume_mark(state, old, false);
    for (int c = 0; c < state->setup.plan.count; ++c)
        state->cells += !state->done[c];
    return EXIT_OK;
}

int resume_find(struct run_state *state, struct options *options, struct results *old,
                size_t *valid_bytes, bool *finished)
{
    struct err err;
    if (!options->out) {
        err_set(&err, "--continue needs --out FILE, where it looks for what was done");
        return fail(EXIT_USAGE, &err);
    }
    if (access(state->journal_path, F_OK) == 0) {
        int status = resume_read(state, old, valid_bytes);
        if (status != EXIT_OK)
            return status;
        const struct setup *setup = &state->setup;
        const char *host = host_name(&state->setup.arena);
        const bool here = old->run.host_name && strcmp(old->run.host_name, host) == 0 &&
                          old->device_count == setup->device_count &&
                          strcmp(old->devices[0].id, setup->devices[0].id) == 0;
        if (here)
            options->resume = state->out;
        return here ? EXIT_OK : set_aside(state, old, *valid_bytes);
    }
    if (access(state->out, F_OK) != 0)
        return EXIT_OK;
    struct results there;
    int status = load_results(state->out, &there);
    run_fill_header(state, options); /* to say what differs */
    if (status == EXIT_OK)
        status = resume_check(state, &there, state->out);
    *finished = status == EXIT_OK && there.run.finished_utc;
    if (*finished) {
        fprintf(stderr, "attnbench: %s is finished already\n", state->out);
        status = run_exit_status(&there, NULL);
    }
    results_free(&there);
    return status;
}

int resume_protect(const struct run_state *state, const struct options *options)
{
    struct err err;
    struct results there;
    if (options->resume || options->go_on || options->force ||
        access(state->journal_path, F_OK) == 0 || access(state->out, F_OK) != 0)
        return EXIT_OK;
    if (read_results(state->out, &there, &err))
        return EXIT_OK; /* no results file: nothing was measured there */
    err_set(&err,
            "--out: '%.300s' holds a run of %.100s from %.40s with %d rows; name another file, or "
            "use --force to replace it, or --continue to keep it",
            state->out, there.run.suite_name, there.run.started_utc, there.row_count);
    const bool keep = there.row_count > 0;
    results_free(&there);
    return keep ? fail(EXIT_USAGE, &err) : EXIT_OK;
}
