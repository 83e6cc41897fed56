/* What else differs between two runs: the machine, the program, what was asked of it. */
#include "report/compare/changes.h"

#include <inttypes.h>
#include <string.h>

enum { DIFFERENCES_MAX = 400, HASH_DIGITS = 12 };

static const char *or_unknown(const char *text)
{
    return text && *text ? text : "unknown";
}

/* Each `what` once; a further cell only counts. */
static void differ(struct changes *changes, const char *what, const char *base,
                   const char *new_value, int cells)
{
    base = or_unknown(base);
    new_value = or_unknown(new_value);
    if (strcmp(base, new_value) == 0)
        return;
    for (int i = 0; i < changes->difference_count; ++i)
        if (strcmp(changes->differences[i].what, what) == 0) {
            changes->differences[i].cells += cells;
            return;
        }
    if (changes->difference_count < DIFFERENCES_MAX)
        changes->differences[changes->difference_count++] =
            (struct difference){what, base, new_value, cells, false};
}

/* Of something that is told by its name alone. */
static void differ_in_content(struct changes *changes, const char *what, const char *base,
                              const char *new_value, struct arena *arena)
{
    const int before = changes->difference_count;
    differ(changes, what, arena_print(arena, "%.*s", HASH_DIGITS, or_unknown(base)),
           arena_print(arena, "%.*s", HASH_DIGITS, or_unknown(new_value)), 0);
    if (changes->difference_count > before)
        changes->differences[before].content = true;
}

static const char *number(int64_t value, struct arena *arena)
{
    return arena_print(arena, "%" PRId64, value);
}

static const char *tool_of(const struct run_header *run, struct arena *arena)
{
    return arena_print(arena, "%s (%s)", or_unknown(run->tool_version),
                       or_unknown(run->git_commit));
}

static const char *rows_of(const struct results *results, struct arena *arena)
{
    return arena_print(arena, "%d of %" PRId64 "%s", results->row_count, results->run.planned_cells,
                       results->run.finished_utc ? "" : ", unfinished");
}

static const char *shard_of(const struct run_header *run, struct arena *arena)
{
    return run->shard.count
               ? arena_print(arena, "%" PRId64 "/%" PRId64, run->shard.index, run->shard.count)
               : "all";
}

/* The next of texts that are joined by "+"; NULL: there are no more. */
static const char *next_part(const char **at, struct arena *arena)
{
    const size_t length = strcspn(*at, "+");
    const char *part = **at ? arena_copy_bytes(arena, *at, length) : NULL;
    *at += length + ((*at)[length] == '+');
    return part;
}

/* Suites of the same names, which of them have other content? */
static void compare_suites(struct changes *changes, const struct run_header *a,
                           const struct run_header *b, struct arena *arena)
{
    const char *names = or_unknown(a->suite_name);
    const char *ours = or_unknown(a->suite_sha256), *theirs = or_unknown(b->suite_sha256);
    differ(changes, "suite", a->suite_name, b->suite_name, 0);
    if (strcmp(names, or_unknown(b->suite_name)) != 0)
        return;
    for (const char *name = next_part(&names, arena); name; name = next_part(&names, arena)) {
        const char *before = next_part(&ours, arena), *after = next_part(&theirs, arena);
        differ_in_content(changes, arena_print(arena, "the file of suite %s", name), before, after,
                          arena);
    }
}

static const struct source_file *find_file(const struct run_header *run, const char *name)
{
    for (int i = 0; i < run->file_count; ++i)
        if (strcmp(run->files[i].name, name) == 0)
            return run->files + i;
    return NULL;
}

/* Of a variant that both ran? What is shared shows in the files that include it. */
static bool has_folder(const struct run_header *run, const char *name)
{
    const char *slash = strrchr(name, '/');
    const size_t length = slash ? (size_t)(slash - name) + 1 : 0;
    for (int i = 0; i < run->file_count; ++i)
        if (strncmp(run->files[i].name, name, length) == 0)
            return strncmp(name, "kernels/include/", length) != 0;
    return false;
}

/* The files that kernels were made of; not where one run does not say. */
static void compare_files(struct changes *changes, const struct run_header *a,
                          const struct run_header *b, struct arena *arena)
{
    if (!a->file_count || !b->file_count)
        return;
    for (int i = 0; i < a->file_count; ++i) {
        const struct source_file *file = a->files + i, *other = find_file(b, file->name);
        if (other)
            differ_in_content(changes, file->name, file->sha256, other->sha256, arena);
        else if (has_folder(b, file->name))
            differ(changes, file->name, "present", "absent", 0);
    }
    for (int i = 0; i < b->file_count; ++i)
        if (!find_file(a, b->files[i].name) && has_folder(a, b->files[i].name))
            differ(changes, b->files[i].name, "absent", "present", 0);
}

static bool has_argument(const struct run_header *run, const char *argument)
{
    for (int i = 0; i < run->argv.count; ++i)
        if (strcmp(run->argv.values[i], argument) == 0)
            return true;
    return false;
}

/* Options of `run` that `other` was not given, but for those that are told elsewhere. */
static const char *own_options(const struct run_header *run, const struct run_header *other,
                               struct arena *arena)
{
    static const char *const told[] = {"--seed=", "--device=", "--cache=", "--shard=", "--peaks="};
    const char *all = "";
    for (int i = 0; i < run->argv.count; ++i) {
        const char *argument = run->argv.values[i];
        bool skipped = !text_starts(argument, "--") || has_argument(other, argument);
        for (size_t t = 0; t < sizeof told / sizeof *told; ++t)
            skipped = skipped || text_starts(argument, told[t]);
        if (!skipped)
            all = arena_print(arena, "%s%s%s", all, *all ? " " : "", argument);
    }
    return *all ? all : "none";
}

/* What makes a plan, and so explains that plans differ. */
static void compare_sources(struct changes *changes, const struct run_header *a,
                            const struct run_header *b, struct arena *arena)
{
    compare_suites(changes, a, b, arena);
    compare_files(changes, a, b, arena);
    differ(changes, "options", own_options(a, b, arena), own_options(b, a, arena), 0);
    differ(changes, "attnbench", tool_of(a, arena), tool_of(b, arena), 0);
}

static void compare_runs(struct changes *changes, const struct results *base, struct arena *arena)
{
    const struct run_header *a = &base->run, *b = &changes->new_side.results->run;
    differ(changes, "seed", number((int64_t)a->seed, arena), number((int64_t)b->seed, arena), 0);
    differ(changes, "shard", shard_of(a, arena), shard_of(b, arena), 0);
    if (!a->finished_utc || !b->finished_utc)
        differ(changes, "rows", rows_of(base, arena), rows_of(changes->new_side.results, arena), 0);
    differ(changes, "host CPU", a->host_cpu, b->host_cpu, 0);
    differ(changes, "host CPUs", number(a->host_cpus, arena), number(b->host_cpus, arena), 0);
    differ(changes, "host OS", a->host_os, b->host_os, 0);
}

static void compare_devices(struct changes *changes, const struct device_info *a,
                            const struct device_info *b, struct arena *arena)
{
    const struct {
        const char *what, *base, *new_value;
    } texts[] = {{"device id", a->id, b->id},
                 {"device name", a->name, b->name},
                 {"device vendor", a->vendor, b->vendor},
                 {"platform", a->platform, b->platform},
                 {"driver", a->driver, b->driver},
                 {"OpenCL C", a->opencl_c, b->opencl_c}};
    const struct {
        const char *what;
        int64_t base, new_value;
    } numbers[] = {{"compute units", a->compute_units, b->compute_units},
                   {"clock_mhz", a->clock_mhz, b->clock_mhz}};
    const bool many = changes->base.results->device_count > 1;
    const char *of = many ? arena_print(arena, " of %s", a->id) : "";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
        differ(changes, arena_print(arena, "%s%s", texts[i].what, of), texts[i].base,
               texts[i].new_value, 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
        differ(changes, arena_print(arena, "%s%s", numbers[i].what, of),
               number(numbers[i].base, arena), number(numbers[i].new_value, arena), 0);
}

static const struct device_info *find_device(const struct results *results, const char *id)
{
    for (int i = 0; i < results->device_count; ++i)
        if (strcmp(results->devices[i].id, id) == 0)
            return results->devices + i;
    return NULL;
}

static void compare_all_devices(struct changes *changes, const struct results *base,
                                struct arena *arena)
{
    const struct results *new_run = changes->new_side.results;
    const bool single = base->device_count == 1 && new_run->device_count == 1;
    for (int i = 0; i < base->device_count; ++i) {
        const struct device_info *device = base->devices + i;
        const struct device_info *other =
            single ? new_run->devices : find_device(new_run, device->id);
        if (other)
            compare_devices(changes, device, other, arena);
        else
            differ(changes, arena_print(arena, "device %s", device->id), "present", "absent", 0);
    }
    for (int i = 0; i < new_run->device_count && !single; ++i)
        if (!find_device(base, new_run->devices[i].id))
            differ(changes, arena_print(arena, "device %s", new_run->devices[i].id), "absent",
                   "present", 0);
}

static void compare_cells(struct changes *changes, const struct change *change, struct arena *arena)
{
    const struct row *a = change->base, *b = change->new_row;
    differ(changes, "clock", a->time.clock, b->time.clock, 1);
    differ(changes, "caches", a->time.cache, b->time.cache, 1);
    if (!changes->base.variant && !changes->base.device)
        differ(changes, "tuning", tuning_text(&a->tuning, arena), tuning_text(&b->tuning, arena),
               1);
}

void changes_find_differences(struct changes *changes, struct arena *arena)
{
    const struct side *side = &changes->base;
    const struct run_header *new_run = &changes->new_side.results->run;
    changes->differences = arena_array(arena, DIFFERENCES_MAX, sizeof *changes->differences);
    for (int r = 0; r <= side->more_count; ++r) {
        const struct results *base = r ? side->more[r - 1] : side->results;
        compare_sources(changes, &base->run, new_run, arena);
        if (!side->device) /* who names two devices knows that they differ */
            compare_all_devices(changes, base, arena);
    }
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        if (change->base && change->base->status == ROW_OK && change->new_row &&
            change->new_row->status == ROW_OK)
            compare_cells(changes, change, arena);
    }
    for (int r = 0; r <= side->more_count; ++r) {
        const struct results *base = r ? side->more[r - 1] : side->results;
        if (!changes->difference_count) /* the parts of a plan say more than its hash */
            differ_in_content(changes, "plan (cells, variants, devices)", base->run.plan_id,
                              new_run->plan_id, arena);
        compare_runs(changes, base, arena);
    }
}

void changes_of_plans(const struct run_header *before, const struct run_header *now,
                      struct text *out)
{
    enum { SHOWN = 5 };
    struct arena arena = {0};
    struct changes changes = {0};
    changes.differences = arena_array(&arena, DIFFERENCES_MAX, sizeof *changes.differences);
    compare_sources(&changes, before, now, &arena);
    for (int i = 0; i < changes.difference_count && i < SHOWN; ++i) {
        text_add(out, i ? "; " : "");
        changes_difference(changes.differences + i, out);
    }
    if (changes.difference_count > SHOWN)
        text_print(out, "; and %d more", changes.difference_count - SHOWN);
    arena_free(&arena);
}
