/* attnbench merge: the results of shards, and journals of those that did not end, become one file.
 *
 * What is missing is found by making the plan again from the recorded command line; where that
 * gives another plan (a suite or tuning that is not here), the shards that are not whole are told
 * instead. */
#include "store/merge.h"

#include "commands/common.h"
#include "commands/shard.h"
#include "util/limits.h"
#include "util/standard.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void report(void *context, const char *message)
{
    struct text safe = {0};
    (void)context;
    text_add_printable(&safe, message, false);
    fprintf(stderr, "attnbench: %s\n", text_get(&safe));
    text_free(&safe);
}

/* ---- which files ----------------------------------------------------------------------------- */

struct paths {
    struct arena *arena;
    const char **items;
    int count, capacity;
};

static void add_path(struct paths *paths, const char *path)
{
    if (paths->count == paths->capacity) {
        const int more = paths->capacity ? 2 * paths->capacity : 64;
        paths->items = arena_grow(paths->arena, paths->items, (size_t)paths->count, (size_t)more,
                                  sizeof *paths->items);
        paths->capacity = more;
    }
    paths->items[paths->count++] = path;
}

/* A folder stands for its results files and journals. */
static void add_paths(struct paths *paths, const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        add_path(paths, path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (text_ends(entry->d_name, ".json") || text_ends(entry->d_name, ".journal"))
            add_path(paths, arena_print(paths->arena, "%s/%s", path, entry->d_name));
    closedir(folder);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int find_paths(struct paths *paths, const struct options *options)
{
    struct err err;
    for (int i = 0; i < options->arg_count; ++i)
        add_paths(paths, options->args[i]);
    if (!paths->count) {
        err_set(&err, "no .json and no .journal in '%s'", options->args[0]);
        return fail(EXIT_BAD_INPUT, &err);
    }
    qsort(paths->items, (size_t)paths->count, sizeof *paths->items, by_text);
    return EXIT_OK;
}

static int add_all(struct merge *merge, const struct paths *paths)
{
    struct err err;
    bool foreign = false;
    for (int i = 0; i < paths->count; ++i)
        if (merge_add(merge, paths->items[i], &foreign, &err))
            return fail(foreign ? EXIT_USAGE : EXIT_BAD_INPUT, &err);
    return EXIT_OK;
}

/* What `attnbench check` refuses is told of, and taken out of the paths. */
static void leave_out(const struct merge *merge, struct paths *paths)
{
    paths->count = 0;
    for (int i = 0; i < merge->input_count; ++i) {
        const struct merge_input *input = &merge->inputs[i];
        struct err err;
        if (!input->broken) {
            add_path(paths, arena_copy(paths->arena, input->path));
            continue;
        }
        err_set(&err,
                "'%.400s' is left out: it breaks %d rule%s of attnbench check, the first: %.600s; "
                "run that part again, or put the file that was written by run in its place",
                input->path, input->broken, input->broken == 1 ? "" : "s", input->why);
        (void)fail(EXIT_INCOMPLETE, &err);
    }
}

/* Merges the parts, or those of them that can be believed. */
static int merge_all(struct merge *merge, struct paths *paths, const char *out, bool *left_out)
{
    struct err err;
    bool bad_input = false;
    int status = add_all(merge, paths);
    const int result =
        status == EXIT_OK ? merge_write(merge, out, report, NULL, &bad_input, &err) : 0;
    if (result == MERGE_BROKEN) {
        *left_out = true;
        leave_out(merge, paths);
        merge_free(merge);
        if (paths->count)
            return merge_all(merge, paths, out, left_out);
        err_set(&err, "no part is left; '%.400s' is not written", out);
        return fail(EXIT_INCOMPLETE, &err);
    }
    return result == 0 ? status : fail(bad_input ? EXIT_BAD_INPUT : EXIT_IO, &err);
}

/* ---- what is missing ------------------------------------------------------------------------- */

/* Into how many shards the plan was cut; 0: none was. With several answers the largest. */
static int64_t shard_count(const struct merge *merge)
{
    int64_t count = 0;
    for (int p = 0; p < merge->results.run.part_count; ++p)
        if (merge->results.run.parts[p].count > count)
            count = merge->results.run.parts[p].count;
    return count;
}

static const struct device_info *device_of_slot(const struct results *results, int64_t slot)
{
    for (int d = 0; d < results->device_count; ++d)
        if (results->devices[d].slot == slot)
            return &results->devices[d];
    return NULL;
}

static int rebuild_devices(struct setup *setup, const struct results *results)
{
    int64_t slots = 0;
    for (int d = 0; d < results->device_count; ++d)
        if (results->devices[d].slot > slots)
            slots = results->devices[d].slot;
    if (slots > results->device_count)
        return EXIT_BAD_INPUT;
    setup->devices = arena_array(&setup->arena, (size_t)slots, sizeof *setup->devices);
    for (int64_t s = 1; s <= slots; ++s) {
        const struct device_info *device = device_of_slot(results, s);
        if (!device)
            return EXIT_BAD_INPUT;
        setup->devices[s - 1] = *device;
    }
    setup->device_count = (int)slots;
    struct quirk_list quirks;
    struct err err;
    if (kernel_tree_quirks(&quirks, &setup->arena, &err))
        return fail(EXIT_BAD_INPUT, &err);
    quirks_attach(&quirks, setup->devices, setup->device_count, &setup->arena);
    return EXIT_OK;
}

/* The plan that the parts were made from, by their command line. */
static bool rebuild(struct setup *setup, const struct results *results)
{
    struct options options;
    struct err err;
    const struct text_list *argv = &results->run.argv;
    if (options_parse(&options, command_find("run"), argv->count, argv->values, &setup->arena,
                      &err) ||
        (options.filter && !results->run.selection))
        return false; /* an expression in a file is never compiled */
    setup->selection = options.filter ? results->run.selection : NULL;
    setup->host_bytes = results->run.host_memory_bytes;
    return setup_suites(setup, &options) == EXIT_OK && setup_kernels(setup, &options) == EXIT_OK &&
           rebuild_devices(setup, results) == EXIT_OK && setup_plan(setup, &options) == EXIT_OK &&
           strcmp(setup->plan.id, results->run.plan_id) == 0;
}

/* By the rows alone: whole[s] of the shards that have all of theirs. */
static void find_whole(const struct merge *merge, int64_t count, bool *whole)
{
    const struct run_header *run = &merge->results.run;
    for (int p = 0; p < run->part_count; ++p) {
        const struct run_part *part = &run->parts[p];
        if (part->count == count && part->index >= 1 && part->index <= count &&
            merge_part_rows(merge, p) >= part->cells)
            whole[part->index - 1] = true;
    }
}

/* By the plan: lists the missing cells, and whole[s] of the shards that lack none. */
static void list_missing(const struct merge *merge, struct setup *setup, int64_t count, bool *whole,
                         struct text *out)
{
    if (count)
        setup_shares(setup, count);
    for (int64_t s = 0; s < count; ++s)
        whole[s] = true;
    for (int c = 0; c < setup->plan.count; ++c) {
        const struct cell *cell = &setup->plan.cells[c];
        if (merge_has(merge, cell->id, cell->variant->name, cell->device + 1))
            continue;
        text_print(out, "missing %s@%s", cell->id, cell->variant->name);
        if (setup->device_count > 1)
            text_print(out, "@%s", setup->devices[cell->device].id);
        if (count) {
            text_print(out, " shard %d/%lld", setup->shards.of_cell[c] + 1, (long long)count);
            whole[setup->shards.of_cell[c]] = false;
        }
        text_add(out, "\n");
    }
}

/* Did array task s run shard s? Then some of them can be submitted again by their ids. */
static bool from_array(const struct merge *merge)
{
    const struct run_header *run = &merge->results.run;
    for (int p = 0; p < run->part_count; ++p)
        if (!run->parts[p].source || !text_starts(run->parts[p].source, "SLURM_ARRAY_TASK_ID=") ||
            strstr(run->parts[p].source, " of "))
            return false;
    return true;
}

static void print_command(const struct run_header *run, int64_t index, int64_t count)
{
    struct text line = {0};
    text_add(&line, "    attnbench");
    for (int i = 0; i < run->argv.count; ++i) {
        text_add(&line, " ");
        add_shell_word(&line, run->argv.values[i]);
    }
    if (count)
        text_print(&line, " --shard %lld/%lld --out %lld-of-%lld.json --continue", (long long)index,
                   (long long)count, (long long)index, (long long)count);
    fprintf(stderr, "%s\n", text_get(&line));
    text_free(&line);
}

static void print_commands(const struct merge *merge, int64_t count, const bool *whole)
{
    const struct run_header *run = &merge->results.run;
    fprintf(stderr, "attnbench: to run what is missing:\n");
    if (count && from_array(merge)) {
        bool any = false;
        fprintf(stderr, "    sbatch --array=");
        for (int64_t s = 0; s < count; ++s)
            if (!whole[s]) {
                fprintf(stderr, "%s%lld", any ? "," : "", (long long)s + 1);
                any = true;
            }
        fprintf(stderr, " JOB        # the script of these results; or one by one:\n");
    }
    for (int64_t s = 0; s < count; ++s)
        if (!whole[s])
            print_command(run, s + 1, count);
    for (int i = 0; i < merge->input_count && !count; ++i)
        if (text_ends(merge->inputs[i].path, ".journal"))
            fprintf(stderr, "    attnbench run --resume %s\n", merge->inputs[i].path);
    if (!count)
        print_command(run, 0, 0);
    fprintf(stderr, "and merge again, with the new files\n");
}

/* Words go to stdout, unless that is where the file goes. */
static void tell(const struct options *options, const struct text *words)
{
    struct place place;
    if (place_find(&place, options->out, PLACE_ANY, NULL) == 0 && place.kind == PLACE_STDOUT)
        fputs(text_get(words), stderr);
    else
        standard_write(text_get(words), words->length);
}

static void tell_missing(const struct merge *merge, const struct options *options)
{
    struct setup setup = {0};
    const int64_t count = shard_count(merge);
    bool *whole = arena_array(&setup.arena, (size_t)count, sizeof *whole);
    if (rebuild(&setup, &merge->results)) {
        struct text list = {0};
        list_missing(merge, &setup, count, whole, &list);
        tell(options, &list);
        text_free(&list);
    } else {
        fprintf(stderr, "attnbench: the missing cells cannot be named: this command line does not "
                        "give the same plan here (its suites, kernels, tunings or memory)\n");
        find_whole(merge, count, whole);
    }
    print_commands(merge, count, whole);
    setup_free(&setup);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A cell that failed on a device and was right in another run is right. */
static int exit_status(const struct merge *merge)
{
    const int64_t *counts = merge->results.counts;
    const struct merge_record *first = NULL;
    bool failed = (int64_t)merge->covered_count < merge->results.run.planned_cells;
    for (size_t i = 0; i < merge->record_count; ++i) {
        const struct merge_record *record = &merge->records[i];
        if (first && first->device == record->device && first->cell == record->cell &&
            first->variant == record->variant)
            continue;
        first = record;
        failed |= record->status >= ROW_BUILD_FAILED;
    }
    return counts[ROW_WRONG] ? EXIT_WRONG : failed ? EXIT_INCOMPLETE : EXIT_OK;
}

static int finish(const struct merge *merge, const struct options *options)
{
    const struct run_header *run = &merge->results.run;
    const bool whole = (int64_t)merge->covered_count == run->planned_cells;
    if (!whole)
        tell_missing(merge, options);
    if (!options->quiet) {
        struct text words = {0};
        text_print(&words, "%zu of %lld cells, %zu rows of %d runs on %d devices",
                   merge->covered_count, (long long)run->planned_cells, merge->record_count,
                   run->part_count, merge->results.device_count);
        if (merge->repeats)
            text_print(&words, "; %lld measured again, %lld of these disagree",
                       (long long)merge->repeats, (long long)merge->disagreements);
        text_print(&words, "\nresults: %s\n", options->out);
        tell(options, &words);
        text_free(&words);
    }
    return exit_status(merge);
}

int command_merge(const struct options *options)
{
    struct merge merge = {0};
    struct arena arena = {0};
    struct paths paths = {.arena = &arena};
    struct err err;
    bool left_out = false;
    if (!options->out) {
        err_set(&err, "'merge' needs --out FILE; see attnbench merge --help");
        return fail(EXIT_USAGE, &err);
    }
    enum { DESCRIPTORS = 8 };
    int status = limits_descriptors(DESCRIPTORS, &err)
                     ? fail(EXIT_IO, &err)
                     : check_output(options, options->out, PLACE_ANY, "--out");
    if (status == EXIT_OK)
        status = find_paths(&paths, options);
    if (status == EXIT_OK)
        status = merge_all(&merge, &paths, options->out, &left_out);
    if (status == EXIT_OK)
        status = finish(&merge, options);
    if (status == EXIT_OK && left_out)
        status = EXIT_INCOMPLETE;
    merge_free(&merge);
    arena_free(&arena);
    return status;
}
