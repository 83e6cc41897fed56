#include "problem/quirk.h"

#include "util/text.h"

#include <string.h>

static int copy_string(const struct json *json, const cJSON *object, const char *key, bool need,
                       const char **out, struct arena *arena, struct err *err)
{
    const char *text = NULL;
    if (json_string(json, object, key, need, &text, err))
        return -1;
    *out = text ? arena_copy(arena, text) : NULL;
    return 0;
}

static int load_variants(struct quirk *quirk, const struct json *json, const cJSON *object,
                         struct arena *arena, struct err *err)
{
    const cJSON *list = NULL, *item = NULL;
    if (json_node(json, object, "variants", false, cJSON_Array, &list, err))
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        const char *name = NULL;
        if (quirk->variant_count == QUIRK_VARIANTS_MAX)
            return json_fail(json, list, err, "more than %d variants", QUIRK_VARIANTS_MAX);
        if (json_as_string(json, item, &name, err))
            return -1;
        quirk->variants[quirk->variant_count++] = arena_copy(arena, name);
    }
    return 0;
}

static int load_quirk(struct quirk *quirk, const struct json *json, const cJSON *object,
                      struct arena *arena, struct err *err)
{
    static const char *const keys[] = {"name",   "reason", "platform", "device",   "vendor",
                                       "driver", "type",   "variants", "requires", NULL};
    const struct {
        const char *key, **out;
    } strings[] = {{"name", &quirk->name},         {"reason", &quirk->reason},
                   {"platform", &quirk->platform}, {"device", &quirk->device},
                   {"vendor", &quirk->vendor},     {"driver", &quirk->driver},
                   {"type", &quirk->type},         {"requires", &quirk->requires}};
    if (json_only_keys(json, object, keys, err))
        return -1;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; ++i)
        if (copy_string(json, object, strings[i].key, i < 2, strings[i].out, arena, err))
            return -1;
    if (!quirk->platform && !quirk->device && !quirk->vendor && !quirk->driver)
        return json_fail(json, object, err, "expected a pattern: platform, device, vendor, driver");
    if (quirk->requires && !cJSON_GetObjectItemCaseSensitive(object, "variants"))
        return json_fail(json, object, err, "the key \"variants\" is missing: whose tunables?");
    return load_variants(quirk, json, object, arena, err);
}

static int load_list(struct quirk_list *quirks, const struct json *json, struct arena *arena,
                     struct err *err)
{
    static const char *const keys[] = {"format", "version", "quirks", NULL};
    const cJSON *list = NULL, *item = NULL;
    const char *format = NULL;
    int64_t version = 0;
    if (json_only_keys(json, json->root, keys, err) ||
        json_string(json, json->root, "format", true, &format, err) ||
        json_int(json, json->root, "version", true, 1, 1, &version, err) ||
        json_node(json, json->root, "quirks", true, cJSON_Array, &list, err))
        return -1;
    if (strcmp(format, "attnbench-quirks") != 0)
        return json_fail(json, json->root, err, "expected the format \"attnbench-quirks\"");
    struct quirk *items = arena_array(arena, (size_t)cJSON_GetArraySize(list), sizeof *items);
    cJSON_ArrayForEach(item, list) if (load_quirk(items + quirks->count++, json, item, arena, err))
    {
        return -1;
    }
    quirks->items = items;
    return 0;
}

int quirks_load(struct quirk_list *quirks, const char *file_name, const char *text, size_t length,
                struct arena *arena, struct err *err)
{
    struct json json;
    *quirks = (struct quirk_list){0};
    if (json_load(&json, file_name, text, length, err))
        return -1;
    const int result = load_list(quirks, &json, arena, err);
    json_free(&json);
    return result;
}

static bool fits(const char *pattern, const char *text)
{
    return !pattern || (text && text_contains(text, pattern));
}

bool quirk_applies(const struct quirk *quirk, const struct device_info *device)
{
    return fits(quirk->platform, device->platform) && fits(quirk->device, device->name) &&
           fits(quirk->vendor, device->vendor) && fits(quirk->driver, device->driver) &&
           fits(quirk->type, device->type);
}

void quirks_attach(const struct quirk_list *quirks, struct device_info *devices, int count,
                   struct arena *arena)
{
    for (int d = 0; d < count; ++d) {
        const struct quirk **found = arena_array(arena, (size_t)quirks->count, sizeof(void *));
        devices[d].quirk_count = 0;
        for (int q = 0; q < quirks->count; ++q)
            if (quirk_applies(&quirks->items[q], &devices[d]))
                found[devices[d].quirk_count++] = &quirks->items[q];
        devices[d].quirks = found;
    }
}

bool quirk_concerns(const struct quirk *quirk, const char *variant)
{
    for (int i = 0; i < quirk->variant_count; ++i)
        if (strcmp(quirk->variants[i], variant) == 0)
            return true;
    return quirk->variant_count == 0;
}
