#include "store/merge.h"

#include "store/part.h"
#include "store/run_options.h"
#include "util/file.h"
#include "util/sha256.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- do they belong together? ---------------------------------------------------------------- */

static const char *known(const char *text)
{
    return text ? text : "unknown";
}

static const char *option_of(const struct text_list *argv, const struct run_option *option)
{
    for (int i = 0; i < argv->count; ++i)
        if (text_starts(argv->values[i], "--") && run_option_find(argv->values[i]) == option)
            return argv->values[i];
    return NULL;
}

/* Options that change what is measured and are not in the plan's id. */
static int compare_options(const struct text_list *a, const struct text_list *b, struct err *err)
{
    const struct run_option *option = NULL;
    for (int i = 0; (option = run_option_at(i)); ++i) {
        if (!((int)option->scope & SCOPE_ROWS))
            continue;
        const char *x = option_of(a, option), *y = option_of(b, option);
        if ((x || y) && !(x && y && strcmp(x, y) == 0))
            return err_set(err, "one was run with %.60s, the other %s%.60s", x ? x : y,
                           x && y ? "with " : "without", x && y ? y : "");
    }
    return 0;
}

static const struct device_info *of_slot(const struct merge *merge, int64_t slot)
{
    for (int d = 0; d < merge->device_names.count; ++d)
        if (merge->devices[d].slot == slot)
            return &merge->devices[d];
    return NULL;
}

/* Why two plans differ, as far as the headers tell. */
static int compare_plans(const struct merge *merge, const struct results *other, struct err *err)
{
    for (int d = 0; d < other->device_count; ++d) {
        const struct device_info *b = &other->devices[d];
        const int64_t slot = b->slot ? b->slot : d + 1;
        const struct device_info *a = of_slot(merge, slot);
        if (!a)
            return err_set(err, "the other has %d devices", other->device_count);
        const struct {
            const char *what, *a, *b;
        } texts[] = {{"name", a->name, b->name},
                     {"platform", a->platform, b->platform},
                     {"driver", a->driver, b->driver}};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
            if (strcmp(texts[i].a, texts[i].b) != 0)
                return err_set(err,
                               "the devices' %ss are '%.100s' and '%.100s'; run a plan for "
                               "each kind of device",
                               texts[i].what, texts[i].a, texts[i].b);
        if (a->compute_units != b->compute_units)
            return err_set(err,
                           "the devices have %lld and %lld compute units; run a plan for each "
                           "kind of device",
                           (long long)a->compute_units, (long long)b->compute_units);
    }
    return err_set(err, "their cells differ in problems, kernels, tunings (--tuning FILE or "
                        "--no-tuning makes them alike) or what fits into memory");
}

static int64_t plan_cells(const struct run_header *run)
{
    return run->shard.plan_cells ? run->shard.plan_cells : run->planned_cells;
}

static int compare_runs(const struct merge *merge, const struct results *other, struct err *err)
{
    const struct run_header *a = &merge->results.run, *b = &other->run;
    const struct {
        const char *what, *a, *b;
    } texts[] = {{"tool version", a->tool_version, b->tool_version},
                 {"commit", known(a->git_commit), known(b->git_commit)},
                 {"suite", a->suite_name, b->suite_name},
                 {"suite's SHA-256", a->suite_sha256, b->suite_sha256}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
        if (strcmp(texts[i].a, texts[i].b) != 0)
            return err_set(err, "the %s is %.80s and %.80s", texts[i].what, texts[i].a, texts[i].b);
    if (a->seed != b->seed)
        return err_set(err, "the seed is %llu and %llu", (unsigned long long)a->seed,
                       (unsigned long long)b->seed);
    if (compare_options(&a->argv, &b->argv, err))
        return -1;
    if (strcmp(a->plan_id, b->plan_id) != 0 || a->planned_cells != plan_cells(b))
        return compare_plans(merge, other, err);
    return 0;
}

/* ---- the header ------------------------------------------------------------------------------ */

static int add_part(struct merge *merge, const struct run_part *part)
{
    const int number = names_add(&merge->run_names, part->id);
    if (number == merge->part_capacity) {
        const int more = merge->part_capacity ? 2 * merge->part_capacity : 64;
        merge->parts = arena_grow(&merge->arena, merge->parts, (size_t)number, (size_t)more,
                                  sizeof *merge->parts);
        merge->part_capacity = more;
    }
    struct run_part *mine = &merge->parts[number];
    const char *finished = mine->finished_utc;
    if (mine->id &&
        (!part->finished_utc || (finished && strcmp(finished, part->finished_utc) >= 0)))
        return number; /* the same run, seen at an earlier time */
    struct arena *arena = &merge->arena;
    *mine = *part;
    mine->id = merge->run_names.items[number];
    mine->source = part->source ? arena_copy(arena, part->source) : NULL;
    mine->host = part->host ? arena_copy(arena, part->host) : NULL;
    mine->started_utc = arena_copy(arena, part->started_utc);
    mine->finished_utc = part->finished_utc ? arena_copy(arena, part->finished_utc) : NULL;
    return number;
}

/* Any order will do that does not depend on which comes first: the latest peaks, then by text. */
static bool is_better(const struct device_info *a, const struct device_info *b)
{
    const char *x = a->peaks.measured_utc ? a->peaks.measured_utc : "";
    const char *y = b->peaks.measured_utc ? b->peaks.measured_utc : "";
    int order = strcmp(x, y);
    if (order)
        return order > 0;
    cJSON *left = device_info_to_json(a), *right = device_info_to_json(b);
    char *left_text = json_print(left), *right_text = json_print(right);
    order = strcmp(left_text, right_text);
    free(left_text);
    free(right_text);
    cJSON_Delete(left);
    cJSON_Delete(right);
    return order > 0;
}

/* The number of the device; -1: its description cannot be read again. */
static int add_device(struct merge *merge, const struct run_header *run,
                      const struct device_info *given, int index, struct err *err)
{
    struct device_info device;
    cJSON *json = device_info_to_json(given);
    const int result = device_info_from_json(&device, json, &merge->arena, err);
    cJSON_Delete(json);
    if (result)
        return -1;
    if (!device.host) {
        device.host = run->host_name && *run->host_name ? run->host_name : "unknown";
        device.host = arena_copy(&merge->arena, device.host);
        device.host_os = run->host_os ? arena_copy(&merge->arena, run->host_os) : NULL;
        device.host_cpu = run->host_cpu ? arena_copy(&merge->arena, run->host_cpu) : NULL;
        device.slot = index + 1;
        device.id =
            arena_print(&merge->arena, "%s@%s", device_unit(&device, &merge->arena), device.host);
        /* What differs between ranks that see the same device in different places. */
        device.index = "";
        device.visible = NULL;
    }
    const int number = names_add(&merge->device_names, device.id);
    if (number == merge->device_capacity) {
        const int more = merge->device_capacity ? 2 * merge->device_capacity : 16;
        merge->devices = arena_grow(&merge->arena, merge->devices, (size_t)number, (size_t)more,
                                    sizeof *merge->devices);
        merge->device_capacity = more;
    }
    if (!merge->devices[number].id || is_better(&device, &merge->devices[number]))
        merge->devices[number] = device;
    return number;
}

static int compare_lists(const struct text_list *a, const struct text_list *b)
{
    for (int i = 0; i < a->count && i < b->count; ++i) {
        const int order = strcmp(a->values[i], b->values[i]);
        if (order)
            return order;
    }
    return a->count - b->count;
}

/* The command line without what belongs to one rank. */
static struct text_list common_argv(const struct text_list *argv, struct arena *arena)
{
    const char **list = arena_array(arena, (size_t)argv->count + 1, sizeof *list);
    int count = 0;
    for (int i = 0; i < argv->count; ++i)
        if (!text_starts(argv->values[i], "--shard=") && !text_starts(argv->values[i], "--device="))
            list[count++] = arena_copy(arena, argv->values[i]);
    return (struct text_list){count, list};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void forget_host(struct run_header *run)
{
    run->host_name = run->host_os = run->host_cpu = NULL;
    run->host_cpus = run->host_memory_bytes = 0;
}

static void add_run(struct merge *merge, const struct run_header *run)
{
    struct run_header *all = &merge->results.run;
    struct arena *arena = &merge->arena;
    const struct text_list argv = common_argv(&run->argv, arena);
    const char *device = option_of(&run->argv, run_option_find("device"));
    if (!merge->input_count) {
        *all = (struct run_header){.tool_version = arena_copy(arena, run->tool_version),
                                   .seed = run->seed,
                                   .plan_id = arena_copy(arena, run->plan_id),
                                   .planned_cells = plan_cells(run),
                                   .suite_name = arena_copy(arena, run->suite_name),
                                   .suite_sha256 = arena_copy(arena, run->suite_sha256),
                                   .argv = argv,
                                   .host_cpus = run->host_cpus,
                                   .host_memory_bytes = run->host_memory_bytes};
        const char *const from[] = {run->git_commit, run->host_name, run->host_os, run->host_cpu,
                                    run->selection};
        const char **const to[] = {&all->git_commit, &all->host_name, &all->host_os, &all->host_cpu,
                                   &all->selection};
        for (size_t i = 0; i < sizeof from / sizeof *from; ++i)
            *to[i] = from[i] ? arena_copy(arena, from[i]) : NULL;
        all->shard.plan_cells = all->planned_cells;
        all->shard.source = "merged";
        for (int i = 0; i < ACTIVITIES; ++i)
            all->time_s[i] = NAN;
        merge->device_option = device ? arena_copy(arena, device) : NULL;
        return;
    }
    if (run->selection && (!all->selection || strcmp(run->selection, all->selection) < 0))
        all->selection = arena_copy(arena, run->selection);
    if (compare_lists(&argv, &all->argv) < 0)
        all->argv = argv;
    if (!same_text(device, merge->device_option))
        merge->device_option = NULL;
    if (!same_text(run->host_name, all->host_name) || !same_text(run->host_os, all->host_os) ||
        !same_text(run->host_cpu, all->host_cpu) || run->host_cpus != all->host_cpus ||
        run->host_memory_bytes != all->host_memory_bytes)
        forget_host(all);
}

static void prepare(struct merge *merge)
{
    struct names *const names[] = {&merge->device_names, &merge->run_names, &merge->cell_names,
                                   &merge->variant_names};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        names[i]->arena = &merge->arena;
}

static int add_header(struct merge *merge, const char *path, const struct results *header,
                      struct err *err)
{
    struct arena *arena = &merge->arena;
    const struct run_header *run = &header->run;
    add_run(merge, run);
    if (merge->input_count == merge->input_capacity) {
        const int more = merge->input_capacity ? 2 * merge->input_capacity : 64;
        merge->inputs = arena_grow(arena, merge->inputs, (size_t)merge->input_count, (size_t)more,
                                   sizeof *merge->inputs);
        merge->input_capacity = more;
    }
    struct merge_input *input = &merge->inputs[merge->input_count++];
    const size_t devices = (size_t)header->device_count;
    *input = (struct merge_input){.path = path,
                                  .run = run->part_count ? NULL : arena_copy(arena, run->id),
                                  .device_count = header->device_count,
                                  .devices = arena_array(arena, devices, sizeof(int)),
                                  .device_ids = arena_array(arena, devices, sizeof(char *))};
    const struct run_part whole = {.id = run->id,
                                   .index = run->shard.index,
                                   .count = run->shard.count,
                                   .source = run->shard.source,
                                   .cells = run->planned_cells,
                                   .host = run->host_name,
                                   .started_utc = run->started_utc,
                                   .finished_utc = run->finished_utc};
    for (int i = 0; i < (run->part_count ? run->part_count : 1); ++i)
        (void)add_part(merge, run->part_count ? &run->parts[i] : &whole);
    for (int d = 0; d < header->device_count; ++d) {
        input->devices[d] = add_device(merge, run, &header->devices[d], d, err);
        input->device_ids[d] = arena_copy(arena, header->devices[d].id);
        if (input->devices[d] < 0)
            return -1;
    }
    return 0;
}

int merge_add(struct merge *merge, const char *path, bool *foreign, struct err *err)
{
    struct part_reader reader;
    *foreign = false;
    prepare(merge);
    if (part_open(&reader, path, err))
        return -1;
    int result = 0;
    if (merge->input_count && compare_runs(merge, &reader.header, err)) {
        *foreign = true;
        result = err_prefix(err, "%.200s and %.200s do not belong together", merge->inputs[0].path,
                            path);
    }
    if (result == 0)
        result = add_header(merge, path, &reader.header, err);
    part_close(&reader);
    return result;
}

/* ---- the whole file -------------------------------------------------------------------------- */

/* What the parts' times and ids come to. */
static void finish_header(struct merge *merge)
{
    struct run_header *run = &merge->results.run;
    const char *last = NULL;
    struct text ids = {0};
    char hex[65];
    for (int i = 0; i < merge->run_names.count; ++i) {
        const struct run_part *part = &merge->parts[i];
        const char *end = part->finished_utc ? part->finished_utc : part->started_utc;
        text_print(&ids, "%s\n", part->id);
        if (!run->started_utc || strcmp(part->started_utc, run->started_utc) < 0)
            run->started_utc = part->started_utc;
        if (!last || strcmp(end, last) > 0)
            last = end;
    }
    sha256_hex(text_get(&ids), ids.length, hex);
    text_free(&ids);
    run->id = arena_copy_bytes(&merge->arena, hex, 32);
    run->finished_utc = (int64_t)merge->covered_count == run->planned_cells ? last : NULL;
    run->parts = merge->parts;
    run->part_count = merge->run_names.count;
    if (merge->device_option) {
        const size_t count = (size_t)run->argv.count;
        const char **argv =
            arena_grow(&merge->arena, run->argv.values, count, count + 1, sizeof *argv);
        argv[count] = merge->device_option;
        run->argv = (struct text_list){(int)count + 1, argv};
    }
    merge->results.devices = merge->devices;
    merge->results.device_count = merge->device_names.count;
}

int merge_write(struct merge *merge, const char *out, merge_report *report, void *context,
                bool *bad_input, struct err *err)
{
    struct file_writer writer;
    FILE *spool = file_open_spool(out, err);
    *bad_input = false;
    if (!spool)
        return -1;
    int result = merge_read_rows(merge, spool, report, context, err);
    *bad_input = result != 0 && !ferror(spool);
    if (result == 0 && merge->broken)
        result = MERGE_BROKEN;
    if (result == 0)
        result = file_begin(&writer, out, err);
    if (result == 0) {
        finish_header(merge);
        result = merge_write_rows(merge, spool, writer.file, report, context, err);
        if (file_end(&writer, result == 0, result ? NULL : err))
            result = -1;
    }
    fclose(spool);
    return result;
}

int64_t merge_part_rows(const struct merge *merge, int part)
{
    int64_t rows = 0;
    for (size_t i = 0; i < merge->record_count; ++i)
        rows += merge->records[i].part == part;
    return rows;
}

void merge_free(struct merge *merge)
{
    arena_free(&merge->results.arena);
    arena_free(&merge->arena);
    free(merge->records);
    free(merge->covered);
    *merge = (struct merge){0};
}
