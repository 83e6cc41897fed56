#include "device/null.h"

#include "problem/expr.h"
#include "util/file.h"

#include <stdlib.h>
#include <string.h>

static const char *const root_keys[] = {"devices", "launch_us", "noise",  "noise_seed", "pause_s",
                                        "pause",   "peaks",     "time_s", "faults",     NULL};
static const char *const fault_keys[] = {"at",     "variant", "device", "cell",
                                         "tuning", "do",      "nth",    NULL};

static const struct device_info standard_device = {.id = "null-0",
                                                   .index = "0:0",
                                                   .platform = "null",
                                                   .name = "scripted device",
                                                   .vendor = "attnbench",
                                                   .driver = "1",
                                                   .opencl_c = "OpenCL C 1.2",
                                                   .type = "gpu",
                                                   .extensions = "",
                                                   .compute_units = 8,
                                                   .clock_mhz = 1000,
                                                   .global_bytes = INT64_C(8) << 30,
                                                   .local_bytes = 48 << 10,
                                                   .max_alloc_bytes = INT64_C(2) << 30,
                                                   .max_work_group = 1024,
                                                   .max_work_item = {1024, 1024, 64},
                                                   .has_clblast = true};

static const double standard_peaks[PEAKS] = {
    [PEAK_F32] = 1000, [PEAK_EXP] = 50, [PEAK_COPY] = 80, [PEAK_READ] = 100, [PEAK_LOCAL] = 500};

/* The default peaks with the script's keys over them. */
static int load_peaks(struct null_script *script, const cJSON *node, struct arena *arena,
                      struct err *err)
{
    struct err why;
    for (int i = 0; i < PEAKS; ++i)
        script->peaks.rates[i].value = standard_peaks[i];
    if (!node)
        return 0;
    struct peaks given;
    if (peaks_from_json(&given, node, arena, &why))
        return json_fail(&script->json, node, err, "%s", why.message);
    for (int i = 0; i < PEAKS; ++i)
        if (cJSON_GetObjectItemCaseSensitive(node, peak_name((enum peak)i)))
            script->peaks.rates[i] = given.rates[i];
    return 0;
}

/* The default device with the script's keys over it. */
static int load_device(struct null_script *script, const cJSON *node, int index,
                       struct arena *arena, struct err *err)
{
    struct device_info standard = standard_device;
    standard.id = arena_print(arena, "null-%d", index);
    standard.index = arena_print(arena, "0:%d", index);
    cJSON *merged = device_info_to_json(&standard);
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, node)
    {
        cJSON_DeleteItemFromObjectCaseSensitive(merged, item->string);
        cJSON_AddItemToObject(merged, item->string, cJSON_Duplicate(item, 1));
    }
    struct err why;
    const int result = device_info_from_json(&script->devices[index], merged, arena, &why);
    cJSON_Delete(merged);
    return result ? json_fail(&script->json, node, err, "%s", why.message) : 0;
}

static int load_fields(struct null_script *script, struct arena *arena, struct err *err)
{
    const struct json *json = &script->json;
    const cJSON *devices = NULL, *peaks = NULL, *times = NULL, *faults = NULL, *item = NULL;
    if (json_only_keys(json, json->root, root_keys, err) ||
        json_node(json, json->root, "devices", false, cJSON_Array, &devices, err) ||
        json_node(json, json->root, "peaks", false, cJSON_Object, &peaks, err) ||
        load_peaks(script, peaks, arena, err) ||
        json_node(json, json->root, "time_s", false, cJSON_Object, &times, err) ||
        json_node(json, json->root, "faults", false, cJSON_Array, &faults, err) ||
        json_double(json, json->root, "launch_us", false, 0, 1e9, &script->launch_us, err) ||
        json_double(json, json->root, "noise", false, 0, 0.9, &script->noise, err) ||
        json_double(json, json->root, "pause_s", false, 0, 60, &script->pause_s, err) ||
        json_double(json, json->root, "pause", false, 0, 10, &script->pause, err) ||
        json_int(json, json->root, "noise_seed", false, 0, INT64_C(1) << 53, &script->noise_seed,
                 err))
        return -1;
    cJSON_ArrayForEach(item, faults) if (json_only_keys(json, item, fault_keys, err)) return -1;
    if (devices) {
        script->device_count = cJSON_GetArraySize(devices);
        script->devices =
            arena_array(arena, (size_t)script->device_count + 1, sizeof *script->devices);
    }
    int index = 0;
    cJSON_ArrayForEach(item, devices) if (load_device(script, item, index++, arena, err))
    {
        return -1;
    }
    return 0;
}

int null_script_load(struct null_script *script, struct arena *arena, struct err *err)
{
    *script = (struct null_script){.launch_us = 5, .noise_seed = 7, .device_count = 1};
    script->devices = arena_alloc(arena, sizeof *script->devices);
    script->devices[0] = standard_device;
    load_peaks(script, NULL, arena, err);
    const char *path = getenv("ATTNBENCH_NULL_SCRIPT");
    if (!path || !*path)
        return 0;
    if (file_read(path, 1 << 20, &script->text, err))
        return -1;
    return json_load(&script->json, path, text_get(&script->text), script->text.length, err)
               ? -1
               : load_fields(script, arena, err);
}

struct sizes {
    const struct problem *problem;
    const struct tuning *tuning;
};

static bool lookup(const void *context, const char *name, double *value)
{
    const struct sizes *sizes = context;
    for (int i = 0; i < sizes->tuning->count; ++i)
        if (strcmp(sizes->tuning->items[i].name, name) == 0) {
            *value = (double)sizes->tuning->items[i].value;
            return true;
        }
    return problem_value(sizes->problem, name, value);
}

int null_script_time(const struct null_script *script, const char *variant,
                     const struct problem *problem, const struct tuning *tuning, double *seconds,
                     struct err *err)
{
    const cJSON *times = cJSON_GetObjectItemCaseSensitive(script->json.root, "time_s");
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(times, variant);
    if (!node)
        node = cJSON_GetObjectItemCaseSensitive(times, "*");
    const struct sizes sizes = {problem, tuning};
    const char *expression = cJSON_IsString(node) ? node->valuestring : "1e-9*pairs*heads_q";
    return expr_eval(expression, lookup, &sizes, seconds, err);
}

static bool matches(const cJSON *fault, const char *key, const char *value, bool part)
{
    const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(fault, key);
    if (!cJSON_IsString(wanted))
        return true;
    return value && (part ? strstr(value, wanted->valuestring) != NULL
                          : strcmp(value, wanted->valuestring) == 0);
}

const char *null_script_fault(const struct null_script *script, const char *at, const char *device,
                              const char *variant, const char *cell, const char *tuning)
{
    const cJSON *faults = cJSON_GetObjectItemCaseSensitive(script->json.root, "faults");
    cJSON *fault = NULL;
    cJSON_ArrayForEach(fault, faults)
    {
        if (!matches(fault, "at", at, false) || !matches(fault, "device", device, false) ||
            !matches(fault, "variant", variant, false) || !matches(fault, "cell", cell, true) ||
            !matches(fault, "tuning", tuning, true))
            continue;
        cJSON *nth = cJSON_GetObjectItemCaseSensitive(fault, "nth");
        if (nth &&
            cJSON_IsNumber(nth)) { /* counts down in place: the script is this process's own copy */
            cJSON_SetNumberValue(nth, nth->valuedouble - 1);
            if (nth->valuedouble < -0.5 || nth->valuedouble > 0.5)
                continue;
        }
        const cJSON *what = cJSON_GetObjectItemCaseSensitive(fault, "do");
        return cJSON_IsString(what) ? what->valuestring : "";
    }
    return "";
}
