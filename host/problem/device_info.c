#include "problem/device_info.h"

#include "problem/quirk.h"
#include "util/json.h"
#include "util/sha256.h"
#include "util/text.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* FIELD_INT_OR_0: files of older versions lack it. FIELD_..._KNOWN: only there when it is known. */
enum field_type {
    FIELD_TEXT,
    FIELD_TEXT_KNOWN,
    FIELD_INT,
    FIELD_INT_OR_0,
    FIELD_INT_KNOWN,
    FIELD_BOOL
};

#define AT(member) offsetof(struct device_info, member)
static const struct field {
    const char *name;
    enum field_type type;
    size_t offset;
} fields[] = {
    {"id", FIELD_TEXT, AT(id)},
    {"index", FIELD_TEXT, AT(index)},
    {"platform", FIELD_TEXT, AT(platform)},
    {"name", FIELD_TEXT, AT(name)},
    {"vendor", FIELD_TEXT, AT(vendor)},
    {"driver", FIELD_TEXT, AT(driver)},
    {"opencl_c", FIELD_TEXT, AT(opencl_c)},
    {"type", FIELD_TEXT, AT(type)},
    {"compute_units", FIELD_INT, AT(compute_units)},
    {"clock_mhz", FIELD_INT, AT(clock_mhz)},
    {"global_bytes", FIELD_INT, AT(global_bytes)},
    {"local_bytes", FIELD_INT, AT(local_bytes)},
    {"max_alloc_bytes", FIELD_INT, AT(max_alloc_bytes)},
    {"max_work_group", FIELD_INT, AT(max_work_group)},
    {"max_work_item_0", FIELD_INT, AT(max_work_item[0])},
    {"max_work_item_1", FIELD_INT, AT(max_work_item[1])},
    {"max_work_item_2", FIELD_INT, AT(max_work_item[2])},
    {"vector_width", FIELD_INT_OR_0, AT(vector_width)},
    {"clblast", FIELD_BOOL, AT(has_clblast)},
    {"extensions", FIELD_TEXT, AT(extensions)},
    {"uuid", FIELD_TEXT_KNOWN, AT(uuid)},
    {"visible", FIELD_TEXT_KNOWN, AT(visible)},
    {"host", FIELD_TEXT_KNOWN, AT(host)},
    {"host_os", FIELD_TEXT_KNOWN, AT(host_os)},
    {"host_cpu", FIELD_TEXT_KNOWN, AT(host_cpu)},
    {"slot", FIELD_INT_KNOWN, AT(slot)},
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static bool is_optional(enum field_type type)
{
    return type == FIELD_INT_OR_0 || type == FIELD_INT_KNOWN || type == FIELD_TEXT_KNOWN;
}

cJSON *device_info_to_json(const struct device_info *device)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < FIELD_COUNT; ++i) {
        const void *at = (const char *)device + fields[i].offset;
        switch (fields[i].type) {
        case FIELD_TEXT:
        case FIELD_TEXT_KNOWN: {
            const char *text = *(const char *const *)at;
            if (text || fields[i].type == FIELD_TEXT)
                cJSON_AddStringToObject(object, fields[i].name, text ? text : "");
            break;
        }
        case FIELD_INT:
        case FIELD_INT_OR_0:
        case FIELD_INT_KNOWN:
            if (*(const int64_t *)at || fields[i].type != FIELD_INT_KNOWN)
                cJSON_AddNumberToObject(object, fields[i].name, (double)*(const int64_t *)at);
            break;
        case FIELD_BOOL:
            cJSON_AddBoolToObject(object, fields[i].name, *(const bool *)at);
            break;
        }
    }
    cJSON *quirks = device->quirk_count ? cJSON_AddArrayToObject(object, "quirks") : NULL;
    for (int i = 0; i < device->quirk_count; ++i) {
        cJSON *quirk = cJSON_CreateObject();
        cJSON_AddStringToObject(quirk, "name", device->quirks[i]->name);
        cJSON_AddStringToObject(quirk, "reason", device->quirks[i]->reason);
        cJSON_AddItemToArray(quirks, quirk);
    }
    cJSON *peaks = cJSON_AddObjectToObject(object, "peaks");
    peaks_to_json(&device->peaks, peaks);
    json_add_number(peaks, "launch_us", device->launch_us > 0 ? device->launch_us : NAN);
    return object;
}

static char *printable(const char *foreign, struct arena *arena)
{
    struct text safe = {0};
    text_add_printable(&safe, foreign, false);
    char *copy = arena_copy(arena, text_get(&safe));
    text_free(&safe);
    return copy;
}

/* Files before 1.1 have none. */
static int read_quirks(struct device_info *device, const cJSON *object, struct arena *arena,
                       struct err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "quirks"), *item = NULL;
    const size_t count = (size_t)cJSON_GetArraySize(list);
    struct quirk *quirks = arena_array(arena, count, sizeof *quirks);
    const struct quirk **found = arena_array(arena, count, sizeof *found);
    if (list && !cJSON_IsArray(list))
        return err_set(err, "device.quirks: expected an array");
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
        const cJSON *reason = cJSON_GetObjectItemCaseSensitive(item, "reason");
        struct quirk *quirk = &quirks[device->quirk_count];
        if (!cJSON_IsString(name) || !cJSON_IsString(reason))
            return err_set(err, "device.quirks[%d]: expected a name and a reason",
                           device->quirk_count);
        quirk->name = printable(name->valuestring, arena);
        quirk->reason = printable(reason->valuestring, arena);
        found[device->quirk_count++] = quirk;
    }
    device->quirks = found;
    return 0;
}

int device_info_from_json(struct device_info *device, const cJSON *object, struct arena *arena,
                          struct err *err)
{
    *device = (struct device_info){0};
    for (size_t i = 0; i < FIELD_COUNT; ++i) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, fields[i].name);
        void *at = (char *)device + fields[i].offset;
        char found[64];
        json_describe(item, found, sizeof found);
        if (!item && is_optional(fields[i].type))
            continue;
        if (!item)
            return err_set(err, "device: the key \"%s\" is missing", fields[i].name);
        if (fields[i].type == FIELD_TEXT || fields[i].type == FIELD_TEXT_KNOWN) {
            if (!cJSON_IsString(item))
                return err_set(err, "device.%s: expected a string, found %s", fields[i].name,
                               found);
            *(const char **)at = printable(item->valuestring, arena);
        } else if (fields[i].type != FIELD_BOOL) {
            if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 0x1p62) ||
                item->valuedouble != floor(item->valuedouble))
                return err_set(err, "device.%s: expected a whole number, found %s", fields[i].name,
                               found);
            *(int64_t *)at = (int64_t)item->valuedouble;
        } else {
            if (!cJSON_IsBool(item))
                return err_set(err, "device.%s: expected true or false, found %s", fields[i].name,
                               found);
            *(bool *)at = cJSON_IsTrue(item);
        }
    }
    const cJSON *peaks = cJSON_GetObjectItemCaseSensitive(object, "peaks");
    const cJSON *launch = cJSON_GetObjectItemCaseSensitive(peaks, "launch_us");
    device->launch_us = cJSON_IsNumber(launch) && launch->valuedouble > 0 ? launch->valuedouble : 0;
    if (peaks_from_json(&device->peaks, peaks, arena, err))
        return err_prefix(err, "device");
    return read_quirks(device, object, arena, err);
}

char *device_info_key(const struct device_info *device, struct arena *arena)
{
    enum { NAME_SHOWN = 40, HASH_SHOWN = 12 };
    char name[NAME_SHOWN + 1] = "", hash[65];
    size_t length = 0;
    for (const char *c = device->name; *c && length < NAME_SHOWN; ++c) {
        const int low = *c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c;
        if ((low >= 'a' && low <= 'z') || (low >= '0' && low <= '9'))
            name[length++] = (char)low;
        else if (length && name[length - 1] != '-')
            name[length++] = '-';
    }
    while (length && name[length - 1] == '-')
        --length;
    name[length] = '\0';
    const char *identity =
        arena_print(arena, "%s\n%s\n%s\n%s\n%lld", device->platform, device->name, device->vendor,
                    device->driver, (long long)device->compute_units);
    sha256_hex(identity, strlen(identity), hash);
    return arena_print(arena, "%s%s%.*s", name, length ? "-" : "", HASH_SHOWN, hash);
}

/* ---- one device among many ------------------------------------------------------------------- */

/* In the order in which drivers apply them: each numbers what the one before left. */
static const struct {
    const char *name, *maker;
} visibility[] = {{"CUDA_VISIBLE_DEVICES", "NVIDIA"},
                  {"ROCR_VISIBLE_DEVICES", "AMD"},
                  {"ROCR_VISIBLE_DEVICES", "Advanced Micro Devices"},
                  {"GPU_DEVICE_ORDINAL", "AMD"},
                  {"GPU_DEVICE_ORDINAL", "Advanced Micro Devices"},
                  {"ZE_AFFINITY_MASK", "Intel"}};

const char *device_visible(const struct device_info *device, const char *(*lookup)(const char *),
                           struct arena *arena)
{
    const char *all = NULL, *last = "";
    for (size_t i = 0; i < sizeof visibility / sizeof *visibility; ++i) {
        const char *value = lookup(visibility[i].name);
        if (!value || strcmp(device->type, "cpu") == 0 || strcmp(visibility[i].name, last) == 0 ||
            !(text_contains(device->platform, visibility[i].maker) ||
              text_contains(device->vendor, visibility[i].maker)))
            continue;
        last = visibility[i].name;
        all = arena_print(arena, "%s%s%s=%s", all ? all : "", all ? " " : "", last, value);
    }
    return all ? printable(all, arena) : NULL;
}

/* The entry at `index` of the list after the `=` at `list`, up to a space; NULL: there is none. */
static const char *list_entry(const char *list, int64_t index, struct arena *arena)
{
    const size_t end = strcspn(list, " ");
    for (size_t at = 0; at < end; ++at) {
        const size_t length = strcspn(list + at, ", ");
        if (index-- == 0)
            return length ? arena_copy_bytes(arena, list + at, length) : NULL;
        at += length;
    }
    return NULL;
}

const char *device_unit(const struct device_info *device, struct arena *arena)
{
    enum { UUID_SHOWN = 8 };
    const char *dash = strrchr(device->id, '-');
    int64_t index = 0;
    if (!dash || !text_to_int64(dash + 1, &index) || index < 0)
        return device->id;
    const int stem = (int)(dash - device->id);
    if (device->uuid)
        return arena_print(arena, "%.*s-%.*s", stem, device->id, UUID_SHOWN, device->uuid);
    const char *entry = NULL;
    /* From the last list to the first, as each numbers what the one before left. */
    for (const char *at = device->visible ? device->visible + strlen(device->visible) : NULL;
         at && at > device->visible; --at)
        if (at[-1] == '=') {
            const char *found = list_entry(at, index, arena);
            if (!found)
                break;
            entry = found;
            if (!text_to_int64(found, &index))
                break;
        }
    return entry ? arena_print(arena, "%.*s-%s", stem, device->id, entry) : device->id;
}

bool device_has_extension(const struct device_info *device, const char *extension)
{
    const size_t length = strlen(extension);
    for (const char *at = device->extensions; at && *at;) {
        const size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, extension, length) == 0)
            return true;
        at += word + strspn(at + word, " ");
    }
    return false;
}

/* Part of what it is called by anyone: its id, its own name, its platform's or vendor's. */
static bool is_called(const struct device_info *device, const char *wanted)
{
    const char *const names[] = {device->id, device->name, device->platform, device->vendor};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        if (names[i] && text_contains(names[i], wanted))
            return true;
    return false;
}

int device_select(const struct device_info *devices, int count, const char *wanted, struct err *err)
{
    for (int i = 0; i < count; ++i)
        if (strcmp(devices[i].id, wanted) == 0 || strcmp(devices[i].index, wanted) == 0)
            return i;
    int found = -1, matches = 0;
    for (int i = 0; i < count; ++i)
        if (is_called(&devices[i], wanted)) {
            found = i;
            ++matches;
        }
    if (matches == 1)
        return found;
    struct text list = {0};
    for (int i = 0; i < count; ++i)
        text_print(&list, "%s%s (%s, %s)", i ? "; " : "", devices[i].id, devices[i].index,
                   devices[i].name);
    struct text safe = {0};
    text_add_printable(&safe, text_get(&list), false);
    err_set(err, "%s device matches '%.100s'; there %s%s", matches ? "more than one" : "no", wanted,
            count ? "are: " : "are none", text_get(&safe));
    text_free(&list);
    text_free(&safe);
    return -1;
}

static int rank(const struct device_info *device)
{
    static const char *const order[] = {"gpu", "accelerator", "cpu"};
    for (int i = 0; i < 3; ++i)
        if (strcmp(device->type, order[i]) == 0)
            return 3 - i;
    return 0;
}

/* A rough measure, for choosing a default only: software renderers report many slow units. */
static double speed(const struct device_info *device)
{
    const double mhz = device->clock_mhz > 0 ? (double)device->clock_mhz : 1000; /* unknown */
    return (double)device->compute_units * mhz;
}

int device_best(const struct device_info *devices, int count)
{
    int best = 0;
    for (int i = 1; i < count; ++i) {
        const int by_type = rank(&devices[i]) - rank(&devices[best]);
        if (by_type > 0 || (by_type == 0 && speed(&devices[i]) > speed(&devices[best])))
            best = i;
    }
    return best;
}
