#include "commands/common.h"
#include "commands/suite_path.h"

#include "util/cache.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/host.h"
#include "util/limits.h"
#include "util/lock.h"
#include "util/standard.h"
#include "worker/drivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUITE_BYTES_MAX = 4 << 20, TUNING_BYTES_MAX = 16 << 20, RESULTS_BYTES_MAX = 1 << 30 };

int fail(int status, const struct err *err)
{
    struct text safe = {0};
    text_add_printable(&safe, err->message, true);
    fprintf(stderr, "attnbench: %s\n", text_get(&safe));
    text_free(&safe);
    return status;
}

static void warn(const char *message)
{
    struct text safe = {0};
    text_add_printable(&safe, message, false);
    fprintf(stderr, "attnbench: %s\n", text_get(&safe));
    text_free(&safe);
}

/* ---- suites ---------------------------------------------------------------------------------- */

/* Says what a shorthand did to keys that had values of their own. */
static int set_key(struct setup *setup, struct suite *suite, const char *assignment, bool quiet,
                   struct err *err)
{
    struct text notes = {0}, safe = {0};
    const int result = suite_set(suite, assignment, &notes, &setup->arena, err);
    text_add_printable(&safe, text_get(&notes), true);
    for (const char *line = text_get(&safe); *line && !quiet && result == 0;
         line += strcspn(line, "\n") + 1)
        fprintf(stderr, "attnbench: --set %.100s: %.*s\n", assignment, (int)strcspn(line, "\n"),
                line);
    text_free(&notes);
    text_free(&safe);
    return result ? err_prefix(err, "--set %.100s", assignment) : 0;
}

int setup_suites(struct setup *setup, const struct options *options)
{
    struct err err;
    setup->suites =
        arena_array(&setup->arena, (size_t)options->arg_count + 1, sizeof *setup->suites);
    for (int i = 0; i < options->arg_count; ++i) {
        const char *path = suite_path(&setup->arena, options->args[i], &err);
        struct text text = {0};
        if (!path || file_read_named(path, SUITE_BYTES_MAX, &text, &err)) {
            text_free(&text);
            return fail(EXIT_BAD_INPUT, &err);
        }
        struct suite *suite = &setup->suites[setup->suite_count];
        const int status =
            suite_load(suite, path, text_get(&text), text.length, &setup->arena, &err);
        text_free(&text);
        if (status)
            return fail(EXIT_BAD_INPUT, &err);
        ++setup->suite_count;
        for (int s = 0; s < options->set_count; ++s)
            if (set_key(setup, suite, options->sets[s], options->quiet, &err))
                return fail(EXIT_USAGE, &err);
    }
    return EXIT_OK;
}

int setup_kernels(struct setup *setup, const struct options *options)
{
    struct err err;
    return kernel_tree_load(&setup->kernels, options->kernels, &err) ? fail(EXIT_BAD_INPUT, &err)
                                                                     : EXIT_OK;
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Ranks on one node share out the devices of one model: `index` stands for all that are like it. */
static int choose_by_rank(struct setup *setup, int index)
{
    const struct device_info *found = setup->found;
    const char *model = device_info_key(&found[index], &setup->arena);
    int alike = 0;
    for (int d = 0; d < setup->found_count; ++d)
        alike += strcmp(device_info_key(&found[d], &setup->arena), model) == 0;
    int64_t nth = alike ? setup->shard.local % alike : 0;
    for (int d = 0; d < setup->found_count; ++d)
        if (strcmp(device_info_key(&found[d], &setup->arena), model) == 0 && nth-- == 0)
            return d;
    return index;
}

static int choose(struct setup *setup, const char *wanted)
{
    struct err err;
    if (setup->found_count == 0) {
        err_set(&err, "no OpenCL device found; install a driver (a GPU vendor's, or "
                      "pocl-opencl-icd for the CPU), or use --device null");
        return fail(EXIT_NO_DEVICE, &err);
    }
    setup->all_devices = wanted && (strcmp(wanted, "all") == 0 || strcmp(wanted, "null-all") == 0);
    if (setup->all_devices) {
        setup->devices = setup->found;
        setup->device_count = setup->found_count;
        return EXIT_OK;
    }
    const bool any_null = wanted && strcmp(wanted, "null") == 0;
    int index = any_null ? 0
                : wanted ? device_select(setup->found, setup->found_count, wanted, &err)
                         : device_best(setup->found, setup->found_count);
    if (index < 0)
        return fail(EXIT_NO_DEVICE, &err);
    if (setup->shard.count && setup->shard.local >= 0 && (!wanted || any_null))
        index = choose_by_rank(setup, index);
    setup->devices = &setup->found[index];
    setup->device_count = 1;
    return EXIT_OK;
}

static const char *lookup(const char *name)
{
    return getenv(name);
}

int setup_devices(struct setup *setup, const struct options *options)
{
    enum { DESCRIPTORS = 12, DRIVER_DESCRIPTORS = 24 }; /* pipes, files; and what drivers open */
    struct err err;
    const char *wanted = options->device ? options->device : getenv("ATTNBENCH_DEVICE");
    if (wanted && !*wanted)
        wanted = NULL;
    const bool scripted = wanted && text_starts(wanted, "null");
    if (limits_descriptors(scripted ? DESCRIPTORS : DRIVER_DESCRIPTORS, &err))
        return fail(EXIT_IO, &err);
    if (options->no_program_cache)
        setenv("ATTNBENCH_PROGRAM_CACHE", "off", 1); /* the workers inherit it */
    setup->supervisor.program = program_path(&setup->arena);
    setup->supervisor.backend = scripted ? "null" : "opencl";
    setup->supervisor.kernels_dir = options->kernels;
    const double deadline_s = setup->suite_count ? setup->suites[0].deadlines.enumerate_s : 30;
    if (drivers_enumerate(&setup->supervisor, deadline_s, &setup->arena, &setup->found,
                          &setup->found_count, warn, &err))
        return fail(EXIT_NO_DEVICE, &err);
    for (int d = 0; d < setup->found_count; ++d)
        if (!setup->found[d].visible)
            setup->found[d].visible = device_visible(&setup->found[d], lookup, &setup->arena);
    if (!options->no_quirks) {
        struct quirk_list quirks;
        if (kernel_tree_quirks(&quirks, &setup->arena, &err))
            return fail(EXIT_BAD_INPUT, &err);
        quirks_attach(&quirks, setup->found, setup->found_count, &setup->arena);
    }
    return choose(setup, wanted);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void tell_waiting(void *context, long holder)
{
    const struct device_info *device = context;
    fprintf(stderr,
            "attnbench: %s is in use by another run (process %ld); waiting for it to end "
            "(--wait TIME: so long at most; --no-lock: don't)\n",
            device->id, holder);
}

int setup_locks(struct setup *setup, const struct options *options)
{
    struct arena *arena = &setup->arena;
    const volatile sig_atomic_t *stop = setup->supervisor.stop;
    const double start_s = clock_now_s();
    int status = EXIT_OK;
    for (int d = 0; d < setup->device_count && !options->no_lock && status == EXIT_OK; ++d) {
        struct device_info *device = &setup->devices[d];
        struct err err;
        /* Two boards of one kind are told apart, whatever part of them a scheduler shows; and so
         * are nodes, whose home folder may be one. */
        char *name = arena_print(arena, "%s-%s@%s", device_info_key(device, arena),
                                 device_unit(device, arena), host_name(arena));
        for (char *c = strchr(name, '/'); c; c = strchr(c, '/'))
            *c = '_';
        const char *path = cache_path(arena, "locks", name);
        if (!path || !cache_make_folders(path))
            continue;
        const double left_s = options->wait_s - (clock_now_s() - start_s);
        const int lock = lock_take(path, left_s, tell_waiting, device, stop, &err);
        if (lock == LOCK_HELD) {
            err_prefix(&err, "%s is in use by another run, for longer than --wait %g s", device->id,
                       options->wait_s);
            status = fail(EXIT_NO_DEVICE, &err);
        } else if (lock < 0 && !*stop) {
            err_prefix(&err, "%s is measured without a lock", device->id);
            (void)fail(EXIT_OK, &err);
        }
    }
    setup->waited_s = clock_now_s() - start_s;
    return status;
}

/* ---- tunings --------------------------------------------------------------------------------- */

const char *tuning_path(const struct device_info *device, struct arena *arena)
{
    return cache_path(arena, "tuning",
                      arena_print(arena, "%s.json", device_info_key(device, arena)));
}

void load_tunings(struct tunings *tunings, const char *path, const struct kernel_tree *kernels,
                  struct arena *arena)
{
    struct err err;
    struct text text = {0};
    if (path && access(path, F_OK) == 0) {
        if (file_read(path, TUNING_BYTES_MAX, &text, &err)) {
            warn(err.message);
        } else {
            const struct tuning_document document = {.file_name = path,
                                                     .text = text_get(&text),
                                                     .length = text.length,
                                                     .source = TUNING_TUNED,
                                                     .warn = warn};
            (void)tunings_load(tunings, &document, kernels->variants, kernels->count, arena, NULL);
        }
    }
    text_free(&text);
}

/* --tuning FILE is used alone, and a mistake in it ends the command. */
static int given_tunings(struct setup *setup, const char *path)
{
    struct err err;
    struct text text = {0};
    int result = file_read_named(path, TUNING_BYTES_MAX, &text, &err);
    const struct tuning_document document = {.file_name = path,
                                             .text = text_get(&text),
                                             .length = text.length,
                                             .source = TUNING_GIVEN,
                                             .strict = true,
                                             .warn = warn};
    if (result == 0)
        result = tunings_load(&setup->tunings, &document, setup->kernels.variants,
                              setup->kernels.count, &setup->arena, &err);
    text_free(&text);
    bool used = setup->tunings.count == 0;
    for (int d = 0; d < setup->device_count && !used; ++d)
        used = tuned_is_for(&setup->tunings.items[0], &setup->devices[d]);
    if (result == 0 && !used)
        result =
            err_set(&err, "%s: device: this is not %s; remove the keys that differ to use it here",
                    path, setup->devices[0].id);
    return result ? fail(EXIT_BAD_INPUT, &err) : EXIT_OK;
}

static int setup_tunings(struct setup *setup, const struct options *options)
{
    if (options->no_tuning)
        return EXIT_OK;
    if (options->tuning)
        return given_tunings(setup, options->tuning);
    const struct tunings *shipped = &setup->kernels.tunings;
    const size_t count = (size_t)shipped->count;
    setup->tunings = (struct tunings){
        .items = arena_grow(&setup->arena, shipped->items, count, count, sizeof *shipped->items),
        .count = shipped->count,
        .capacity = shipped->count};
    for (int d = 0; d < setup->device_count; ++d) {
        const char *path = tuning_path(&setup->devices[d], &setup->arena);
        bool read = !path; /* devices of one model and driver share a file */
        for (int e = 0; e < d && !read; ++e)
            read = strcmp(path, tuning_path(&setup->devices[e], &setup->arena)) == 0;
        if (!read)
            load_tunings(&setup->tunings, path, &setup->kernels, &setup->arena);
    }
    return EXIT_OK;
}

void setup_show_quirks(const struct setup *setup)
{
    for (int d = 0; d < setup->device_count; ++d)
        for (int q = 0; q < setup->devices[d].quirk_count; ++q)
            fprintf(stderr, "%s: known quirk %s: %s\n", setup->devices[d].id,
                    setup->devices[d].quirks[q]->name, setup->devices[d].quirks[q]->reason);
}

int setup_plan(struct setup *setup, const struct options *options)
{
    struct err err;
    const int status = setup_tunings(setup, options);
    if (status != EXIT_OK)
        return status;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    const struct plan_request request = {.suites = setup->suites,
                                         .suite_count = setup->suite_count,
                                         .variants = setup->kernels.variants,
                                         .variant_count = setup->kernels.count,
                                         .devices = setup->devices,
                                         .device_count = setup->device_count,
                                         .only_variants = options->variants,
                                         .filter = options->filter,
                                         .selection = setup->selection,
                                         .tunings = &setup->tunings,
                                         .host_bytes = setup->host_bytes ? setup->host_bytes
                                                       : pages > 0 && page > 0
                                                           ? (int64_t)pages * page
                                                           : 0};
    if (plan_check_suites(&request, &err))
        return fail(EXIT_BAD_INPUT, &err);
    return plan_build(&setup->plan, &request, &err) ? fail(EXIT_USAGE, &err) : EXIT_OK;
}

/* ---- cases ----------------------------------------------------------------------------------- */

int setup_run_case(struct setup *setup, const struct options *options, const struct case_run *run)
{
    struct err err;
    struct plan plan;
    struct suite rules = suite_default();
    struct problem problem = run->test_case->problem;
    const enum check_mode mode = CHECK_FULL;
    bool interrupted = false;
    problem.returns = run->returns;
    const struct plan_request request = {.suites = &rules,
                                         .suite_count = 1,
                                         .problem = &problem,
                                         .variants = setup->kernels.variants,
                                         .variant_count = setup->kernels.count,
                                         .devices = setup->devices,
                                         .device_count = setup->device_count,
                                         .only_variants = options->variants};
    if (plan_build(&plan, &request, &err))
        return fail(EXIT_USAGE, &err);
    struct supervisor supervisor = setup->supervisor;
    supervisor.case_folder = run->test_case->folder;
    supervisor.weights_path = run->weights_path;
    supervisor.check = &mode;
    supervisor.deadline_s = options->deadline_s;
    supervisor.on_row = run->on_row;
    supervisor.context = run->context;
    const int result =
        supervisor_run(&supervisor, &plan, setup->devices, NULL, &plan.arena, &interrupted, &err);
    plan_free(&plan);
    return result ? fail(EXIT_IO, &err) : EXIT_OK;
}

void setup_free(struct setup *setup)
{
    plan_free(&setup->plan);
    for (int i = 0; i < setup->suite_count; ++i)
        suite_free(&setup->suites[i]);
    kernel_tree_free(&setup->kernels);
    arena_free(&setup->arena);
}

/* ---- files ----------------------------------------------------------------------------------- */

int read_results(const char *path, struct results *results, struct err *err)
{
    struct text text = {0};
    *results = (struct results){0};
    int result = file_read_named(path, RESULTS_BYTES_MAX, &text, err);
    if (result == 0)
        result = results_load(results, path, text_get(&text), text.length, err);
    text_free(&text);
    return result;
}

int load_results(const char *path, struct results *results)
{
    struct err err;
    return read_results(path, results, &err) ? fail(EXIT_BAD_INPUT, &err) : EXIT_OK;
}

int write_output(const char *path, const char *text, size_t length)
{
    struct err err;
    if (path)
        return file_write(path, text, length, &err) ? fail(EXIT_IO, &err) : EXIT_OK;
    standard_write(text, length);
    return standard_lost(&err) ? EXIT_IO : EXIT_OK; /* main says so */
}
