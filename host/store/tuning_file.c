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

/* The file's entries, or none where there is no file; the caller's to delete. */
static cJSON *read_entries(const char *path, const cJSON *device, struct err *err)
{
    struct text text = {0};
    struct json json = {0};
    cJSON *entries = NULL;
    if (access(path, F_OK) && errno == ENOENT)
        return cJSON_CreateArray();
    if (file_read(path, FILE_BYTES_MAX, &text, err) == 0 &&
        json_load(&json, path, text_get(&text), text.length, err) == 0) {
        if (check(&json, device, err) == 0)
            entries = cJSON_DetachItemFromObjectCaseSensitive(json.root, "entries");
        json_free(&json);
    }
    text_free(&text);
    return entries;
}

int tuning_file_check(const char *path, const struct device_info *device, struct err *err)
{
    cJSON *wanted = device_to_json(device);
    cJSON *entries = read_entries(path, wanted, err);
    cJSON_Delete(wanted);
    cJSON_Delete(entries);
    return entries ? 0 : -1;
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

static void remove_same(cJSON *entries, const cJSON *entry)
{
    const cJSON *class = cJSON_GetObjectItemCaseSensitive(entry, "class");
    cJSON *item = entries->child;
    while (item) {
        cJSON *next = item->next;
        if (strcmp(json_peek_string(item, "variant"), json_peek_string(entry, "variant")) == 0 &&
            cJSON_Compare(cJSON_GetObjectItemCaseSensitive(item, "class"), class, true))
            cJSON_Delete(cJSON_DetachItemViaPointer(entries, item));
        item = next;
    }
}

/* An entry a line, so that a person can read the file and a diff is short. */
static void print(const cJSON *device, const cJSON *entries, struct text *out)
{
    char *line = json_print(device);
    const cJSON *item = NULL;
    text_print(out,
               "{\n  \"format\": \"" TUNING_FORMAT "\",\n  \"version\": 1,\n  \"device\": %s,\n"
               "  \"entries\": [",
               line);
    free(line);
    cJSON_ArrayForEach(item, entries)
    {
        line = json_print(item);
        text_print(out, "%s\n    ", item == entries->child ? "" : ",");
        text_add(out, line);
        free(line);
    }
    text_add(out, "\n  ]\n}\n");
}

int tuning_file_add(const char *path, const struct device_info *device,
                    const struct tuning_entry *entry, struct err *err)
{
    cJSON *wanted = device_to_json(device);
    cJSON *entries = read_entries(path, wanted, err);
    int result = entries ? 0 : -1;
    if (entries) {
        struct text text = {0};
        cJSON *added = entry_to_json(entry);
        remove_same(entries, added);
        cJSON_AddItemToArray(entries, added);
        print(wanted, entries, &text);
        result = file_replace(path, text_get(&text), text.length, err);
        text_free(&text);
    }
    cJSON_Delete(wanted);
    cJSON_Delete(entries);
    return result;
}
