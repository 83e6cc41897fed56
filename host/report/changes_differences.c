/* What else differs between two runs: the machine, the program, what was asked of it. */
#include "report/changes.h"

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
            (struct difference){what, base, new_value, cells};
}

static const char *start_of_hash(const char *hash, struct arena *arena)
{
    return arena_print(arena, "%.*s", HASH_DIGITS, or_unknown(hash));
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

static void compare_runs(struct changes *changes, struct arena *arena)
{
    const struct run_header *a = &changes->base.results->run, *b = &changes->new_side.results->run;
    differ(changes, "suite", a->suite_name, b->suite_name, 0);
    if (strcmp(or_unknown(a->suite_name), or_unknown(b->suite_name)) == 0)
        differ(changes, "content of the suite", start_of_hash(a->suite_sha256, arena),
               start_of_hash(b->suite_sha256, arena), 0);
    differ(changes, "plan (cells, variants, devices)", start_of_hash(a->plan_id, arena),
           start_of_hash(b->plan_id, arena), 0);
    differ(changes, "attnbench", tool_of(a, arena), tool_of(b, arena), 0);
    differ(changes, "seed", number((int64_t)a->seed, arena), number((int64_t)b->seed, arena), 0);
    differ(changes, "shard", a->shard ? a->shard : "all", b->shard ? b->shard : "all", 0);
    if (!a->finished_utc || !b->finished_utc)
        differ(changes, "rows", rows_of(changes->base.results, arena),
               rows_of(changes->new_side.results, arena), 0);
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

static void compare_all_devices(struct changes *changes, struct arena *arena)
{
    const struct results *base = changes->base.results, *new_run = changes->new_side.results;
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
    if (!changes->base.variant)
        differ(changes, "tuning", tuning_text(&a->tuning, arena), tuning_text(&b->tuning, arena),
               1);
}

void changes_find_differences(struct changes *changes, struct arena *arena)
{
    changes->differences = arena_array(arena, DIFFERENCES_MAX, sizeof *changes->differences);
    compare_runs(changes, arena);
    compare_all_devices(changes, arena);
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        if (change->base && change->base->status == ROW_OK && change->new_row &&
            change->new_row->status == ROW_OK)
            compare_cells(changes, change, arena);
    }
}
