#include "store/tuning_file.h"

#include "util/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 16 << 20 };

static cJSON *device_to_json(const struct device_info *device)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "platform", device->platform);
    cJSON_AddStringToObject(object, "name", device->name);
    cJSON_AddStringToObject(object, "vendor", device->vendor);
    cJSON_AddStringToObject(object, "driver", device->driver);
    cJSON_AddStringToObject(object, "type", device->type);
    return object;
}

static int check(const struct json *json, const cJSON *device, struct err *err)
{
    const cJSON *entries = NULL, *found = NULL;
    if (strcmp(json_peek_string(json->root, "format"), TUNING_FORMAT) != 0)
        return json_fail(json, json->root, err,
                         "this is no tuning file and will not be replaced; remove it, or name "
                         "another with --out");
    if (json_node(json, json->root, "entries", true, cJSON_Array, &entries, err) ||
        json_node(json, json->root, "device", true, cJSON_Object, &found, err))
        return -1;
    return cJSON_Compare(found, device, true)
               ? 0
               : json_fail(json, found, err, "the file holds tunings of another device");
}

/* The file's lists; empty where there is no file. */
struct content {
    cJSON *entries, *avoid;
};

static void free_content(struct content *content)
{
    cJSON_Delete(content->entries);
    cJSON_Delete(content->avoid);
}

/* device NULL: whosever it is. */
static int read_content(const char *path, const cJSON *device, struct content *content,
                        struct err *err)
{
    struct text text = {0};
    struct json json = {0};
    int result = -1;
    *content = (struct content){cJSON_CreateArray(), cJSON_CreateArray()};
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    if (file_read(path, FILE_BYTES_MAX, &text, err) == 0 &&
        json_load(&json, path, text_get(&text), text.length, err) == 0) {
        result = device ? check(&json, device, err) : 0;
        for (int i = 0; i < 2 && result == 0; ++i) {
            cJSON **list = i ? &content->avoid : &content->entries;
            cJSON *found =
                cJSON_DetachItemFromObjectCaseSensitive(json.root, i ? "avoid" : "entries");
            if (cJSON_IsArray(found)) {
                cJSON_Delete(*list);
                *list = found;
            } else {
                cJSON_Delete(found);
            }
        }
        json_free(&json);
    }
    text_free(&text);
    if (result)
        free_content(content);
    return result;
}

int tuning_file_check(const char *path, const struct device_info *device, struct err *err)
{
    cJSON *wanted = device_to_json(device);
    struct content content;
    const int result = read_content(path, wanted, &content, err);
    if (result == 0)
        free_content(&content);
    cJSON_Delete(wanted);
    return result;
}

static cJSON *entry_to_json(const struct tuning_entry *entry)
{
    const struct problem_class class = problem_class(entry->problem);
    struct arena arena = {0};
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "variant", entry->variant->name);
    cJSON_AddItemToObject(object, "class", problem_class_to_json(&class));
    cJSON_AddItemToObject(object, "tuning", tuning_to_json(entry->tuning));
    cJSON_AddStringToObject(object, "problem", problem_id(entry->problem, &arena));
    json_add_number(object, "default_s", entry->default_s);
    json_add_number(object, "tuned_s", entry->tuned_s);
    cJSON_AddNumberToObject(object, "candidates", entry->candidates);
    cJSON_AddNumberToObject(object, "failed", entry->failed);
    cJSON_AddNumberToObject(object, "wrong", entry->wrong);
    cJSON_AddStringToObject(object, "program_sha", entry->variant->program_sha);
    arena_free(&arena);
    return object;
}

static bool is_same(const cJSON *a, const cJSON *b, const char *key)
{
    return cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, key),
                         cJSON_GetObjectItemCaseSensitive(b, key), true);
}

/* Of the same variant and class, and tuning where that is what an item is about. */
static void remove_same(cJSON *list, const cJSON *item, bool tuning)
{
    cJSON *other = list->child;
    while (other) {
        cJSON *next = other->next;
        if (is_same(other, item, "variant") && is_same(other, item, "class") &&
            (!tuning || is_same(other, item, "tuning")))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, other));
        other = next;
    }
}

static void print_list(const cJSON *list, struct text *out)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
    {
        char *line = json_print(item);
        text_print(out, "%s\n    ", item == list->child ? "" : ",");
        text_add(out, line);
        free(line);
    }
}

/* An entry a line, so that a person can read the file and a diff is short. */
static int write_content(const char *path, const cJSON *device, const struct content *content,
                         struct err *err)
{
    char *line = json_print(device);
    struct text out = {0};
    text_print(&out,
               "{\n  \"format\": \"" TUNING_FORMAT "\",\n  \"version\": 1,\n  \"device\": %s,\n"
               "  \"entries\": [",
               line);
    free(line);
    print_list(content->entries, &out);
    if (content->avoid->child) {
        text_add(&out, "\n  ],\n  \"avoid\": [");
        print_list(content->avoid, &out);
    }
    text_add(&out, "\n  ]\n}\n");
    const int result = file_replace(path, text_get(&out), out.length, err);
    text_free(&out);
    return result;
}

int tuning_file_add(const char *path, const struct device_info *device,
                    const struct tuning_entry *entry, struct err *err)
{
    cJSON *wanted = device_to_json(device);
    struct content content;
    int result = read_content(path, wanted, &content, err);
    if (result == 0) {
        cJSON *added = entry_to_json(entry);
        remove_same(content.entries, added, false);
        cJSON_AddItemToArray(content.entries, added);
        result = write_content(path, wanted, &content, err);
        free_content(&content);
    }
    cJSON_Delete(wanted);
    return result;
}

/* ---- what to avoid --------------------------------------------------------------------------- */

static cJSON *avoided_to_json(const struct tuning_avoided *avoided)
{
    const struct problem_class class = problem_class(avoided->problem);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "variant", avoided->variant->name);
    cJSON_AddItemToObject(object, "class", problem_class_to_json(&class));
    cJSON_AddItemToObject(object, "tuning", tuning_to_json(avoided->tuning));
    cJSON_AddStringToObject(object, "status", avoided->status);
    cJSON_AddStringToObject(object, "reason", avoided->reason);
    cJSON_AddStringToObject(object, "program_sha", avoided->variant->program_sha);
    return object;
}

int tuning_file_avoid(const char *path, const struct device_info *device,
                      const struct tuning_avoided *avoided, int count, struct err *err)
{
    cJSON *wanted = device_to_json(device);
    struct content content;
    int result = read_content(path, wanted, &content, err);
    if (result == 0) {
        for (int i = 0; i < count; ++i) {
            cJSON *added = avoided_to_json(avoided + i);
            remove_same(content.avoid, added, true);
            cJSON_AddItemToArray(content.avoid, added);
        }
        result = write_content(path, wanted, &content, err);
        free_content(&content);
    }
    cJSON_Delete(wanted);
    return result;
}

/* The values of the variant's tunables; false: it names others. */
static bool read_tuning(const struct variant *variant, const cJSON *object, struct tuning *tuning)
{
    *tuning = (struct tuning){.count = variant->tunable_count};
    for (int i = 0; i < variant->tunable_count; ++i) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, variant->tunables[i].name);
        if (!cJSON_IsNumber(value))
            return false;
        tuning->items[i].name = variant->tunables[i].name;
        tuning->items[i].value = (int64_t)value->valuedouble;
    }
    return true;
}

int tuning_file_avoided(const char *path, const struct variant *variant,
                        const struct problem *problem, struct tuning **avoid, struct arena *arena)
{
    struct content content;
    int count = 0;
    *avoid = NULL;
    if (!path || read_content(path, NULL, &content, NULL))
        return 0;
    const struct problem_class own = problem_class(problem);
    cJSON *class = problem_class_to_json(&own);
    const cJSON *item = NULL;
    *avoid = arena_array(arena, (size_t)cJSON_GetArraySize(content.avoid) + 1, sizeof **avoid);
    cJSON_ArrayForEach(item, content.avoid)
    {
        const bool everywhere = strcmp(json_peek_string(item, "status"), "crash") == 0;
        if (strcmp(json_peek_string(item, "variant"), variant->name) == 0 &&
            strcmp(json_peek_string(item, "program_sha"), variant->program_sha) == 0 &&
            (everywhere ||
             cJSON_Compare(cJSON_GetObjectItemCaseSensitive(item, "class"), class, true)) &&
            read_tuning(variant, cJSON_GetObjectItemCaseSensitive(item, "tuning"), *avoid + count))
            ++count;
    }
    cJSON_Delete(class);
    free_content(&content);
    return count;
}
