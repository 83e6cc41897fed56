#include "store/results.h"

#include "store/fields.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct run_header, member)
static const struct field run_fields[] = {
    {"id", FIELD_NAME, AT(id)},
    {"started_utc", FIELD_NAME, AT(started_utc)},
    {"finished_utc", FIELD_STRING, AT(finished_utc)},
    {"argv", FIELD_TEXTS, AT(argv)},
    {"tool_version", FIELD_NAME, AT(tool_version)},
    {"git_commit", FIELD_STRING, AT(git_commit)},
    {"seed", FIELD_COUNT, AT(seed)},
    {"plan_id", FIELD_NAME, AT(plan_id)},
    {"planned_cells", FIELD_COUNT, AT(planned_cells)},
    {"shard.index", FIELD_NEW_COUNT, AT(shard.index)},
    {"shard.count", FIELD_NEW_COUNT, AT(shard.count)},
    {"shard.source", FIELD_NEW_STRING, AT(shard.source)},
    {"shard.plan_cells", FIELD_NEW_COUNT, AT(shard.plan_cells)},
    {"suite.name", FIELD_NAME, AT(suite_name)},
    {"suite.sha256", FIELD_NAME, AT(suite_sha256)},
    {"host.name", FIELD_STRING, AT(host_name)},
    {"host.os", FIELD_STRING, AT(host_os)},
    {"host.cpu", FIELD_STRING, AT(host_cpu)},
    {"host.cpus", FIELD_COUNT, AT(host_cpus)},
    {"host.memory_bytes", FIELD_COUNT, AT(host_memory_bytes)},
    {"time_s.measure", FIELD_REAL, AT(time_s[ACTIVITY_MEASURE])},
    {"time_s.check", FIELD_REAL, AT(time_s[ACTIVITY_CHECK])},
    {"time_s.warmup", FIELD_REAL, AT(time_s[ACTIVITY_WARMUP])},
    {"time_s.build", FIELD_REAL, AT(time_s[ACTIVITY_BUILD])},
    {"time_s.inputs", FIELD_REAL, AT(time_s[ACTIVITY_INPUTS])},
    {"time_s.peaks", FIELD_REAL, AT(time_s[ACTIVITY_PEAKS])},
    {"time_s.start", FIELD_REAL, AT(time_s[ACTIVITY_START])},
    {"time_s.other", FIELD_REAL, AT(time_s[ACTIVITY_OTHER])},
};
#undef AT

#define AT(member) offsetof(struct run_part, member)
static const struct field part_fields[] = {
    {"id", FIELD_NAME, AT(id)},
    {"index", FIELD_NEW_COUNT, AT(index)},
    {"count", FIELD_NEW_COUNT, AT(count)},
    {"source", FIELD_STRING, AT(source)},
    {"cells", FIELD_COUNT, AT(cells)},
    {"host", FIELD_STRING, AT(host)},
    {"started_utc", FIELD_NAME, AT(started_utc)},
    {"finished_utc", FIELD_STRING, AT(finished_utc)},
};
#undef AT

#define AT(member) offsetof(struct scaling_fit, member)
static const struct field scaling_fields[] = {
    {"device", FIELD_NAME, AT(device)},
    {"variant", FIELD_NAME, AT(variant)},
    {"sweep", FIELD_NAME, AT(sweep)},
    {"fixed", FIELD_NAME, AT(fixed)},
    {"n", FIELD_NUMBERS, AT(n)},
    {"median_s", FIELD_NUMBERS, AT(median_s)},
    {"total_bytes", FIELD_NUMBERS, AT(total_bytes)},
    {"fitted_from", FIELD_INT, AT(fitted_from)},
    {"exponent", FIELD_SIGNED, AT(exponent)},
    {"exponent_ci95", FIELD_REAL, AT(exponent_ci95)},
    {"r2", FIELD_REAL, AT(r2)},
    {"memory_exponent", FIELD_SIGNED, AT(memory_exponent)},
    {"ps_per_pair", FIELD_REAL, AT(ps_per_pair)},
};
#undef AT
enum {
    RUN_FIELDS = sizeof run_fields / sizeof *run_fields,
    PART_FIELDS = sizeof part_fields / sizeof *part_fields,
    SCALING_FIELDS = sizeof scaling_fields / sizeof *scaling_fields
};

const char *activity_name(enum activity activity)
{
    return strchr(run_fields[RUN_FIELDS - ACTIVITIES + (int)activity].path, '.') + 1;
}

cJSON *results_devices_to_json(const struct device_info *devices, int count)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < count; ++i)
        fields_add(array, NULL, device_info_to_json(devices + i));
    return array;
}

static cJSON *run_to_json(const struct run_header *run)
{
    cJSON *object = fields_to_json(run_fields, RUN_FIELDS, run);
    cJSON *shard = cJSON_GetObjectItemCaseSensitive(object, "shard");
    if (!shard)
        fields_add(object, "shard", cJSON_CreateNull());
    cJSON *files = run->file_count ? cJSON_CreateArray() : NULL;
    for (int i = 0; i < run->file_count; ++i) {
        cJSON *file = cJSON_CreateObject();
        fields_add(file, "name", cJSON_CreateString(run->files[i].name));
        fields_add(file, "sha256", cJSON_CreateString(run->files[i].sha256));
        fields_add(files, NULL, file);
    }
    if (files)
        fields_add(object, "files", files);
    cJSON *parts = run->part_count ? cJSON_CreateArray() : NULL;
    for (int i = 0; i < run->part_count; ++i)
        fields_add(parts, NULL, fields_to_json(part_fields, PART_FIELDS, run->parts + i));
    if (parts)
        fields_add(object, "parts", parts);
    if (run->selection)
        fields_add(object, "selection", cJSON_CreateString(run->selection));
    return object;
}

cJSON *results_header_to_json(const struct results *results, const char *format)
{
    cJSON *header = cJSON_CreateObject();
    fields_add(header, "format", cJSON_CreateString(format));
    fields_add(header, "version", cJSON_CreateString(RESULTS_VERSION));
    fields_add(header, "run", run_to_json(&results->run));
    fields_add(header, "devices", results_devices_to_json(results->devices, results->device_count));
    return header;
}

static cJSON *summary_to_json(const struct results *results)
{
    cJSON *summary = cJSON_CreateObject();
    int64_t cells = 0;
    for (int i = 0; i < ROW_STATUSES; ++i)
        cells += results->counts[i];
    fields_add(summary, "cells", cJSON_CreateNumber((double)cells));
    for (int i = 0; i < ROW_STATUSES; ++i)
        fields_add(summary, row_status_name((enum row_status)i),
                   cJSON_CreateNumber((double)results->counts[i]));
    return summary;
}

/* Laid out for diffs: the header a key a line, then a row or a fit a line. */
void results_print_head(const struct results *results, struct text *out)
{
    cJSON *header = results_header_to_json(results, RESULTS_FORMAT);
    text_add(out, "{\n");
    for (cJSON *part = header->child; part; part = part->next) {
        text_print(out, "  \"%s\": ", part->string);
        if (!part->child) {
            char *value = fields_print(part);
            text_print(out, "%s,\n", value);
            free(value);
            continue;
        }
        text_add(out, cJSON_IsArray(part) ? "[\n" : "{\n");
        for (cJSON *item = part->child; item; item = item->next) {
            char *value = fields_print(item);
            if (item->string)
                text_print(out, "    \"%s\": ", item->string);
            else
                text_add(out, "    ");
            text_print(out, "%s%s\n", value, item->next ? "," : "");
            free(value);
        }
        text_add(out, cJSON_IsArray(part) ? "  ],\n" : "  },\n");
    }
    cJSON_Delete(header);
    text_add(out, "  \"rows\": [\n");
}

void results_print_row(const struct row *row, bool last, struct text *out)
{
    fields_write(out, "    ", row_to_json(row), last ? "\n" : ",\n");
}

void results_print_fits(const struct results *results, bool first, struct text *out)
{
    for (int i = 0; i < results->scaling_count; ++i)
        fields_write(out, i || !first ? ",\n    " : "    ",
                     fields_to_json(scaling_fields, SCALING_FIELDS, results->scaling + i), "");
}

void results_print_tail(const struct results *results, struct text *out)
{
    text_add(out, "  ],\n");
    fields_write(out, "  \"summary\": ", summary_to_json(results), "\n");
    text_add(out, "}\n");
}

char *results_print(const struct results *results)
{
    struct text out = {0};
    results_print_head(results, &out);
    for (int i = 0; i < results->row_count; ++i)
        results_print_row(results->rows + i, i + 1 == results->row_count, &out);
    text_add(&out, "  ],\n  \"scaling\": [\n");
    results_print_fits(results, true, &out);
    text_add(&out, results->scaling_count ? "\n" : "");
    results_print_tail(results, &out);
    return out.data;
}

static int check_version(const struct json *json, const char *format, struct err *err)
{
    const char *found = NULL, *version = NULL;
    if (json_string(json, json->root, "format", true, &found, err))
        return -1;
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(json->root, "format");
    if (strcmp(found, format) != 0)
        return json_fail(json, node, err, "expected \"%s\", found \"%.40s\"", format, found);
    if (json_string(json, json->root, "version", true, &version, err))
        return -1;
    node = cJSON_GetObjectItemCaseSensitive(json->root, "version");
    unsigned major = 0, minor = 0, patch = 0;
    int end = -1;
    if (version[strspn(version, "0123456789.")] || strlen(version) > 20 ||
        sscanf(version, "%6u.%6u.%6u%n", &major, &minor, &patch, &end) != 3 || version[end])
        return json_fail(json, node, err,
                         "expected a version such as \"" RESULTS_VERSION "\", found \"%.40s\"",
                         version);
    if (major != 1)
        return json_fail(json, node, err,
                         "made by %s attnbench: results version %s, this one reads 1.x",
                         major > 1 ? "a newer" : "too old an", version);
    return 0;
}

int results_devices_from_json(struct results *results, const struct json *json,
                              const cJSON *devices, struct err *err)
{
    const int count = cJSON_GetArraySize(devices);
    struct device_info *list = arena_array(&results->arena, (size_t)count, sizeof *list);
    int i = 0;
    const cJSON *device = NULL;
    cJSON_ArrayForEach(device, devices)
    {
        struct err inner = {""};
        if (device_info_from_json(list + i++, device, &results->arena, &inner))
            return json_fail(json, device, err, "%s", inner.message);
    }
    results->devices = list;
    results->device_count = count;
    return 0;
}

/* Older files have none. */
static int read_files(struct run_header *run, const struct json *json, const cJSON *node,
                      struct arena *arena, struct err *err)
{
    const cJSON *list = NULL, *item = NULL;
    if (json_node(json, node, "files", false, cJSON_Array, &list, err))
        return -1;
    struct source_file *files = arena_array(arena, (size_t)cJSON_GetArraySize(list), sizeof *files);
    run->files = files;
    cJSON_ArrayForEach(item, list)
    {
        const char *name = NULL, *sha256 = NULL;
        if (!cJSON_IsObject(item))
            return json_fail(json, item, err, "expected an object");
        if (json_string(json, item, "name", true, &name, err) ||
            json_string(json, item, "sha256", true, &sha256, err))
            return -1;
        files[run->file_count++] =
            (struct source_file){arena_copy(arena, name), arena_copy(arena, sha256)};
    }
    return 0;
}

/* Files of one run have none. */
static int read_parts(struct run_header *run, const struct json *json, const cJSON *node,
                      struct arena *arena, struct err *err)
{
    const cJSON *list = NULL, *item = NULL;
    const char *selection = NULL;
    if (json_node(json, node, "parts", false, cJSON_Array, &list, err) ||
        json_string(json, node, "selection", false, &selection, err))
        return -1;
    run->selection = selection ? arena_copy(arena, selection) : NULL;
    struct run_part *parts = arena_array(arena, (size_t)cJSON_GetArraySize(list), sizeof *parts);
    run->parts = parts;
    cJSON_ArrayForEach(item, list)
    {
        struct run_part *part = parts + run->part_count++;
        if (fields_from_json(part_fields, PART_FIELDS, part, json, item, arena, err))
            return -1;
    }
    return 0;
}

int results_header_from_json(struct results *results, const struct json *json, const char *format,
                             struct err *err)
{
    const cJSON *run = NULL, *devices = NULL;
    fields_default(run_fields, RUN_FIELDS, &results->run);
    if (check_version(json, format, err) ||
        json_node(json, json->root, "run", true, cJSON_Object, &run, err) ||
        fields_from_json(run_fields, RUN_FIELDS, &results->run, json, run, &results->arena, err) ||
        read_files(&results->run, json, run, &results->arena, err) ||
        read_parts(&results->run, json, run, &results->arena, err))
        return -1;
    if (!cJSON_HasObjectItem(run, "shard")) /* null for all of a plan */
        return json_fail(json, run, err, "the key \"shard\" is missing");
    return json_node(json, json->root, "devices", true, cJSON_Array, &devices, err)
               ? -1
               : results_devices_from_json(results, json, devices, err);
}

static int load_rows(struct results *results, const struct json *json, struct err *err)
{
    const cJSON *rows = NULL, *row = NULL;
    if (json_node(json, json->root, "rows", true, cJSON_Array, &rows, err))
        return -1;
    results->rows =
        arena_array(&results->arena, (size_t)cJSON_GetArraySize(rows), sizeof *results->rows);
    cJSON_ArrayForEach(row, rows) if (row_from_json(results->rows + results->row_count++, json, row,
                                                    &results->arena, err)) return -1;
    return 0;
}

static int load_scaling(struct results *results, const struct json *json, struct err *err)
{
    const cJSON *fits = NULL, *node = NULL;
    if (json_node(json, json->root, "scaling", true, cJSON_Array, &fits, err))
        return -1;
    results->scaling =
        arena_array(&results->arena, (size_t)cJSON_GetArraySize(fits), sizeof *results->scaling);
    cJSON_ArrayForEach(node, fits)
    {
        struct scaling_fit *fit = results->scaling + results->scaling_count++;
        fields_default(scaling_fields, SCALING_FIELDS, fit);
        if (fields_from_json(scaling_fields, SCALING_FIELDS, fit, json, node, &results->arena, err))
            return -1;
        if (fit->n.count < 1 || fit->median_s.count != fit->n.count ||
            fit->total_bytes.count != fit->n.count || fit->fitted_from > fit->n.count)
            return json_fail(json, node, err,
                             "expected n, median_s and total_bytes of one length, "
                             "and fitted_from within it");
    }
    return 0;
}

static int load_summary(struct results *results, const struct json *json, struct err *err)
{
    const cJSON *summary = NULL;
    const int64_t max = INT32_MAX;
    int64_t cells = 0, sum = 0;
    if (json_node(json, json->root, "summary", true, cJSON_Object, &summary, err) ||
        json_int(json, summary, "cells", true, 0, max, &cells, err))
        return -1;
    for (int i = 0; i < ROW_STATUSES; ++i) {
        if (json_int(json, summary, row_status_name((enum row_status)i), true, 0, max,
                     results->counts + i, err))
            return -1;
        sum += results->counts[i];
    }
    return sum == cells ? 0
                        : json_fail(json, summary, err, "cells is %lld, but the others sum to %lld",
                                    (long long)cells, (long long)sum);
}

int results_tail_from_json(struct results *results, const struct json *json, struct err *err)
{
    return load_scaling(results, json, err) || load_summary(results, json, err) ? -1 : 0;
}

int results_load(struct results *results, const char *file_name, const char *text, size_t length,
                 struct err *err)
{
    *results = (struct results){0};
    struct json json;
    if (json_load(&json, file_name, text, length, err))
        return -1;
    const int result = results_header_from_json(results, &json, RESULTS_FORMAT, err) ||
                               load_rows(results, &json, err) ||
                               results_tail_from_json(results, &json, err)
                           ? -1
                           : 0;
    json_free(&json);
    if (result)
        results_free(results);
    return result;
}

void results_free(struct results *results)
{
    arena_free(&results->arena);
    *results = (struct results){0};
}
