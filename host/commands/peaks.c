/* Peaks from the cache folder, or measured: for run and devices.
 *
 * A file a device and driver, peaks/KEY.json: {"format": "attnbench-peaks", "version": 1, "device":
 * NAME, "peaks": {...}}. One that cannot be read is replaced. */
#include "commands/common.h"
#include "util/cache.h"
#include "util/file.h"
#include "util/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CACHE_FORMAT "attnbench-peaks"
enum { CACHE_BYTES_MAX = 1 << 20, CACHE_VERSION = 1, SECONDS_SHOWN = 6 };

static int parse(const char *path, const struct text *text, struct peaks *peaks,
                 struct arena *arena, struct err *err)
{
    struct json json;
    const char *format = NULL;
    const cJSON *node = NULL;
    int64_t version = 0;
    struct err why;
    if (json_load(&json, path, text_get(text), text->length, err))
        return -1;
    int result = json_string(&json, json.root, "format", true, &format, err);
    if (result == 0 && strcmp(format, CACHE_FORMAT) != 0)
        result = json_fail(&json, json.root, err, "format is not \"" CACHE_FORMAT "\"");
    if (result == 0)
        result = json_int(&json, json.root, "version", true, CACHE_VERSION, CACHE_VERSION, &version,
                          err) ||
                         json_node(&json, json.root, "peaks", true, cJSON_Object, &node, err)
                     ? -1
                     : 0;
    if (result == 0 && peaks_from_json(peaks, node, arena, &why))
        result = json_fail(&json, node, err, "%s", why.message);
    if (result == 0 && !peaks->measured_utc)
        result = json_fail(&json, node, err, "the key \"measured_utc\" is missing");
    json_free(&json);
    return result;
}

/* False: there is none, or none that can be believed. */
static bool load(const char *path, struct peaks *peaks, struct arena *arena)
{
    struct text text = {0};
    struct peaks found;
    struct err err;
    if (file_read(path, CACHE_BYTES_MAX, &text, &err)) {
        if (access(path, F_OK) == 0) /* there, but not to be read; that it is missing is no news */
            fail(EXIT_OK, &err);
        text_free(&text);
        return false;
    }
    const bool valid = parse(path, &text, &found, arena, &err) == 0;
    text_free(&text);
    if (valid) {
        *peaks = found;
    } else {
        err_prefix(&err, "peaks are measured again, as the cached ones are invalid");
        fail(EXIT_OK, &err);
    }
    return valid;
}

static bool any_known(const struct peaks *peaks)
{
    for (int i = 0; i < PEAKS; ++i)
        if (peaks_get(peaks, (enum peak)i) > 0)
            return true;
    return false;
}

/* Without a place for a cache, peaks are measured every time. */
static void save(const char *path, const struct device_info *device)
{
    struct err err;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "format", CACHE_FORMAT);
    cJSON_AddNumberToObject(root, "version", CACHE_VERSION);
    cJSON_AddStringToObject(root, "device", device->name);
    peaks_to_json(&device->peaks, cJSON_AddObjectToObject(root, "peaks"));
    char *text = json_print_pretty(root);
    if (cache_make_folders(path) && file_replace(path, text, strlen(text), &err)) {
        err_prefix(&err, "the peaks are not kept");
        fail(EXIT_OK, &err);
    }
    free(text);
    cJSON_Delete(root);
}

/* Cached peaks may come from a busy moment. Is the first one higher now, beyond noise? Says by how
 * much; NULL: no. */
static const char *beaten(struct setup *setup, const struct suite *suite,
                          struct device_info *device)
{
    struct peaks now;
    const double clearly = 1.05;
    if (!supervisor_peaks(&setup->supervisor, suite, device, 1, &now, &setup->arena) ||
        !(peaks_get(&now, 0) > clearly * peaks_get(&device->peaks, 0)))
        return NULL;
    return arena_print(&setup->arena, "%s is %.3g %s now, %.2f times the cached %.3g",
                       peak_title((enum peak)0), peaks_get(&now, 0), peak_unit((enum peak)0),
                       peaks_get(&now, 0) / peaks_get(&device->peaks, 0),
                       peaks_get(&device->peaks, 0));
}

/* Why a device's peaks are to be measured; NULL: they are known now. */
static const char *why_measure(struct setup *setup, const struct suite *suite,
                               struct device_info *device, const char *path, bool fresh,
                               bool verify)
{
    if (device->peaks.measured_utc)
        return NULL;
    if (fresh)
        return "--peaks fresh";
    if (!path)
        return "there is no cache folder to keep them in";
    if (access(path, F_OK) != 0)
        return "the first time with this driver; they are kept";
    if (!load(path, &device->peaks, &setup->arena))
        return "the kept ones are invalid";
    return verify ? beaten(setup, suite, device) : NULL;
}

void setup_kept_peaks(struct setup *setup, struct device_info *devices, int count)
{
    for (int i = 0; i < count; ++i) {
        const char *name =
            arena_print(&setup->arena, "%s.json", device_info_key(&devices[i], &setup->arena));
        const char *path = cache_path(&setup->arena, "peaks", name);
        struct peaks peaks;
        if (path && access(path, F_OK) == 0 && load(path, &peaks, &setup->arena))
            devices[i].peaks = peaks;
    }
}

bool setup_peaks(struct setup *setup, struct device_info *devices, int count, const char *mode,
                 bool verify, bool quiet)
{
    if (mode && strcmp(mode, "none") == 0)
        return true;
    const bool fresh = mode && strcmp(mode, "fresh") == 0;
    const struct suite standard = suite_default();
    const struct suite *suite = setup->suite_count ? setup->suites : &standard;
    for (int i = 0; i < count; ++i) {
        struct device_info *device = &devices[i];
        const char *name =
            arena_print(&setup->arena, "%s.json", device_info_key(device, &setup->arena));
        const char *path = cache_path(&setup->arena, "peaks", name);
        const char *why = why_measure(setup, suite, device, path, fresh, verify);
        if (!why)
            continue;
        if (!quiet)
            fprintf(stderr, "measuring peaks of %s, about %d s (%s)\n", device->id, SECONDS_SHOWN,
                    why);
        if (!supervisor_peaks(&setup->supervisor, suite, device, PEAKS, &device->peaks,
                              &setup->arena))
            return false;
        char now[32];
        text_utc((int64_t)time(NULL), now);
        device->peaks.measured_utc = arena_copy(&setup->arena, now);
        if (path && any_known(&device->peaks))
            save(path, device);
    }
    return true;
}
