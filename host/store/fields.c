#include "store/fields.h"

#include "store/row.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX (((int64_t)1 << 53) - 1)

/* "time.median_s": copies "time" to `group` and returns "median_s"; without a dot `group` is "". */
static const char *split(const char *path, char group[32])
{
    const char *dot = strchr(path, '.');
    const size_t length = dot ? (size_t)(dot - path) : 0;
    assert(length < 32);
    memcpy(group, path, length);
    group[length] = '\0';
    return dot ? dot + 1 : path;
}

static cJSON *number(double value)
{
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

/* cJSON prints 15 digits, which is enough for a measurement but not for a seed near 2^53. */
static cJSON *count_number(int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    return cJSON_CreateRaw(digits);
}

static cJSON *string(const char *value)
{
    return value ? cJSON_CreateString(value) : cJSON_CreateNull();
}

void fields_add(cJSON *parent, const char *key, cJSON *item)
{
    const bool added = item && (key ? cJSON_AddItemToObject(parent, key, item)
                                    : cJSON_AddItemToArray(parent, item));
    if (added)
        return;
    fprintf(stderr, "attnbench: out of memory while writing JSON\n");
    exit(6);
}

static cJSON *numbers(const double *values, int count)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < count; ++i)
        fields_add(array, NULL, number(values[i]));
    return array;
}

static cJSON *texts(const struct text_list *list)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < list->count; ++i)
        fields_add(array, NULL, string(list->values[i]));
    return array;
}

static cJSON *passes(const struct pass_times *times)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < times->count; ++i) {
        cJSON *pass = cJSON_CreateObject();
        fields_add(pass, "kernel", string(times->items[i].kernel));
        fields_add(pass, "median_s", number(times->items[i].median_s));
        fields_add(array, NULL, pass);
    }
    return array;
}

static cJSON *problem_key(const struct problem *problem, const char *key)
{
    double value = NAN;
    if (problem_enum_name(problem, key))
        return cJSON_CreateString(problem_enum_name(problem, key));
    if (problem_value(problem, key, &value))
        return number(value);
    cJSON *all = problem_to_json(problem); /* the only list among the keys: kv_lengths */
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(all, key);
    cJSON_Delete(all);
    return list ? list : cJSON_CreateNull();
}

cJSON *field_to_json(const struct field *field, const void *record)
{
    const void *value = (const char *)record + field->offset;
    char group[32];
    switch (field->type) {
    case FIELD_NAME:
        assert(*(const char *const *)value);
        return string(*(const char *const *)value);
    case FIELD_STRING:
    case FIELD_NEW_STRING:
        return string(*(const char *const *)value);
    case FIELD_COUNT:
        return count_number(*(const int64_t *)value);
    case FIELD_NEW_COUNT:
        return *(const int64_t *)value ? count_number(*(const int64_t *)value) : cJSON_CreateNull();
    case FIELD_INT:
        return count_number(*(const int *)value);
    case FIELD_BOOL:
    case FIELD_NEW_BOOL:
        return cJSON_CreateBool(*(const bool *)value);
    case FIELD_REAL:
    case FIELD_NEW_REAL:
    case FIELD_SIGNED:
        return number(*(const double *)value);
    case FIELD_INTERVAL: {
        const double *ends = value;
        return isfinite(ends[0] + ends[1]) ? numbers(ends, 2) : cJSON_CreateNull();
    }
    case FIELD_NUMBERS: {
        const struct number_list *list = value;
        return numbers(list->values, list->count);
    }
    case FIELD_TEXTS:
        return texts(value);
    case FIELD_STATUS:
        return string(row_status_name(*(const enum row_status *)value));
    case FIELD_PASSES:
        return passes(value);
    case FIELD_TUNING:
        return tuning_to_json(value);
    case FIELD_PROBLEM_KEY:
        return problem_key(value, split(field->path, group));
    case FIELD_PROBLEM:
        return problem_to_json(value);
    }
    return NULL;
}

static bool is_known(const struct field *field, const void *record)
{
    const void *at = (const char *)record + field->offset;
    if (field->type == FIELD_STRING || field->type == FIELD_NEW_STRING)
        return *(const char *const *)at != NULL;
    if (field->type == FIELD_REAL || field->type == FIELD_NEW_REAL || field->type == FIELD_SIGNED)
        return isfinite(*(const double *)at);
    cJSON *value = field_to_json(field, record);
    bool known = !cJSON_IsNull(value);
    if (field->type == FIELD_COUNT || field->type == FIELD_INT)
        known = strcmp(value->valuestring, "0") != 0;
    else if (cJSON_IsBool(value))
        known = cJSON_IsTrue(value);
    else if (cJSON_IsArray(value))
        known = value->child != NULL;
    cJSON_Delete(value);
    return known;
}

static bool is_group_known(const struct field *fields, int count, const void *record,
                           const char *wanted)
{
    for (int i = 0; i < count; ++i) {
        char group[32];
        split(fields[i].path, group);
        if (strcmp(group, wanted) == 0 && is_known(fields + i, record))
            return true;
    }
    return false;
}

bool fields_known(const struct field *fields, int count, const void *record, int field)
{
    char group[32];
    split(fields[field].path, group);
    return !*group || is_group_known(fields, count, record, group);
}

cJSON *fields_to_json(const struct field *fields, int count, const void *record)
{
    cJSON *object = cJSON_CreateObject();
    for (int i = 0; i < count; ++i) {
        char group[32];
        const char *key = split(fields[i].path, group);
        if (fields[i].type == FIELD_PROBLEM_KEY)
            continue;
        cJSON *parent = object;
        if (*group) {
            parent = cJSON_GetObjectItemCaseSensitive(object, group);
            if (!parent && !is_group_known(fields, count, record, group))
                continue;
            if (!parent) {
                parent = cJSON_CreateObject();
                fields_add(object, group, parent);
            }
        }
        fields_add(parent, key, field_to_json(fields + i, record));
    }
    return object;
}

void fields_default(const struct field *fields, int count, void *record)
{
    for (int i = 0; i < count; ++i) {
        void *value = (char *)record + fields[i].offset;
        if (fields[i].type == FIELD_REAL || fields[i].type == FIELD_NEW_REAL ||
            fields[i].type == FIELD_SIGNED)
            *(double *)value = NAN;
        else if (fields[i].type == FIELD_INTERVAL)
            ((double *)value)[0] = ((double *)value)[1] = NAN;
        else if (fields[i].type == FIELD_PROBLEM)
            *(struct problem *)value = problem_default();
    }
}

/* What reading needs everywhere. */
struct reader {
    const struct json *json;
    struct arena *arena;
    struct text_pool *pool; /* NULL: each string is a copy */
    struct err *err;
};

static int expected(const struct reader *reader, const cJSON *node, const char *what)
{
    char found[64];
    json_describe(node, found, sizeof found);
    return json_fail(reader->json, node, reader->err, "expected %s, found %s", what, found);
}

/* null is unknown. */
static int read_real(const struct reader *reader, const cJSON *node, double low, double *value)
{
    if (cJSON_IsNull(node)) {
        *value = NAN;
        return 0;
    }
    return json_as_double(reader->json, node, low, DBL_MAX, value, reader->err);
}

static int read_string(const struct reader *reader, const cJSON *node, const char **value)
{
    const char *text = NULL;
    if (json_as_string(reader->json, node, &text, reader->err))
        return -1;
    *value = reader->pool ? text_pool_get(reader->pool, text) : arena_copy(reader->arena, text);
    return 0;
}

/* Number of elements, or -1. */
static int list_size(const struct reader *reader, const cJSON *node, int max)
{
    char what[48];
    snprintf(what, sizeof what, "an array of at most %d values", max);
    const int count = cJSON_GetArraySize(node);
    if (!cJSON_IsArray(node))
        return expected(reader, node, what);
    if (count > max)
        return json_fail(reader->json, node, reader->err, "expected %s, found %d", what, count);
    return count;
}

static int read_interval(const struct reader *reader, const cJSON *node, double ends[2])
{
    if (cJSON_IsNull(node))
        return 0;
    if (!cJSON_IsArray(node) || cJSON_GetArraySize(node) != 2)
        return expected(reader, node, "an array of two numbers or null");
    return json_as_double(reader->json, node->child, 0, DBL_MAX, ends, reader->err) ||
                   json_as_double(reader->json, node->child->next, ends[0], DBL_MAX, ends + 1,
                                  reader->err)
               ? -1
               : 0;
}

static int read_numbers(const struct reader *reader, const cJSON *node, struct number_list *list)
{
    const int count = list_size(reader, node, FIELD_LIST_MAX);
    if (count < 0)
        return -1;
    double *values = arena_array(reader->arena, (size_t)count, sizeof *values);
    *list = (struct number_list){count, values};
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, node) if (read_real(reader, item, 0, values++)) return -1;
    return 0;
}

static int read_texts(const struct reader *reader, const cJSON *node, struct text_list *list)
{
    const int count = list_size(reader, node, FIELD_LIST_MAX);
    if (count < 0)
        return -1;
    const char **values = arena_array(reader->arena, (size_t)count, sizeof *values);
    *list = (struct text_list){count, values};
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, node) if (read_string(reader, item, values++)) return -1;
    return 0;
}

static int read_status(const struct reader *reader, const cJSON *node, enum row_status *status)
{
    if (cJSON_IsString(node) && row_status_parse(node->valuestring, status) == 0)
        return 0;
    struct text names = {0};
    for (int i = 0; i < ROW_STATUSES; ++i)
        text_print(&names, "%s%s", i ? ", " : "one of: ", row_status_name((enum row_status)i));
    expected(reader, node, text_get(&names));
    text_free(&names);
    return -1;
}

static int read_passes(const struct reader *reader, const cJSON *node, struct pass_times *times)
{
    const int count = list_size(reader, node, PASSES_MAX);
    if (count < 0)
        return -1;
    times->items = arena_array(reader->arena, (size_t)count, sizeof *times->items);
    const cJSON *pass = NULL;
    cJSON_ArrayForEach(pass, node)
    {
        const cJSON *kernel = cJSON_GetObjectItemCaseSensitive(pass, "kernel");
        const cJSON *median = cJSON_GetObjectItemCaseSensitive(pass, "median_s");
        if (!cJSON_IsObject(pass))
            return expected(reader, pass, "an object");
        if (!kernel || !median)
            return json_fail(reader->json, pass, reader->err, "the key \"%s\" is missing",
                             kernel ? "median_s" : "kernel");
        if (read_string(reader, kernel, &times->items[times->count].kernel) ||
            read_real(reader, median, 0, &times->items[times->count].median_s))
            return -1;
        ++times->count;
    }
    return 0;
}

static int read_field(const struct field *field, const struct reader *reader, const cJSON *node,
                      void *value)
{
    struct err inner = {""};
    int64_t whole = 0;
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_NEW_STRING:
        if (cJSON_IsNull(node))
            return 0;
        return read_string(reader, node, value);
    case FIELD_NAME:
        return read_string(reader, node, value);
    case FIELD_NEW_COUNT:
        if (cJSON_IsNull(node))
            return 0;
        return json_as_int(reader->json, node, 0, COUNT_MAX, value, reader->err);
    case FIELD_COUNT:
        return json_as_int(reader->json, node, 0, COUNT_MAX, value, reader->err);
    case FIELD_INT:
        if (json_as_int(reader->json, node, 0, INT32_MAX, &whole, reader->err))
            return -1;
        *(int *)value = (int)whole;
        return 0;
    case FIELD_BOOL:
    case FIELD_NEW_BOOL:
        if (!cJSON_IsBool(node))
            return expected(reader, node, "true or false");
        *(bool *)value = cJSON_IsTrue(node);
        return 0;
    case FIELD_REAL:
    case FIELD_NEW_REAL:
        return read_real(reader, node, 0, value);
    case FIELD_SIGNED:
        return read_real(reader, node, -DBL_MAX, value);
    case FIELD_INTERVAL:
        return read_interval(reader, node, value);
    case FIELD_NUMBERS:
        return read_numbers(reader, node, value);
    case FIELD_TEXTS:
        return read_texts(reader, node, value);
    case FIELD_STATUS:
        return read_status(reader, node, value);
    case FIELD_PASSES:
        return read_passes(reader, node, value);
    case FIELD_TUNING:
    case FIELD_PROBLEM:
        if (!cJSON_IsObject(node))
            return expected(reader, node, "an object");
        if (field->type == FIELD_TUNING ? tuning_from_json(value, node, reader->arena, &inner)
                                        : problem_from_json(value, node, reader->arena, &inner))
            return json_fail(reader->json, node, reader->err, "%s", inner.message);
        return 0;
    case FIELD_PROBLEM_KEY:
        return 0;
    }
    return 0;
}

static bool is_new(const struct field *field)
{
    return field->type == FIELD_NEW_STRING || field->type == FIELD_NEW_REAL ||
           field->type == FIELD_NEW_COUNT || field->type == FIELD_NEW_BOOL;
}

/* Where in an object the next field is likely to stand: files have them in the table's order. */
struct place {
    const cJSON *object, *next;
};

static const cJSON *find_item(struct place *place, const cJSON *object, const char *key)
{
    if (place->object != object)
        *place = (struct place){object, object->child};
    const cJSON *item = place->next && strcmp(place->next->string, key) == 0
                            ? place->next
                            : cJSON_GetObjectItemCaseSensitive(object, key);
    if (item)
        place->next = item->next;
    return item;
}

int fields_from_json(const struct field *fields, int count, void *record, const struct json *json,
                     const cJSON *object, struct arena *arena, struct err *err)
{
    return fields_from_json_pooled(fields, count, record, json, object, arena, NULL, err);
}

int fields_from_json_pooled(const struct field *fields, int count, void *record,
                            const struct json *json, const cJSON *object, struct arena *arena,
                            struct text_pool *pool, struct err *err)
{
    const struct reader reader = {json, arena, pool, err};
    if (!cJSON_IsObject(object))
        return expected(&reader, object, "an object");
    struct place outer = {NULL, NULL}, inner = {NULL, NULL};
    for (int i = 0; i < count; ++i) {
        char group[32];
        const char *key = split(fields[i].path, group);
        const cJSON *parent = object;
        if (fields[i].type == FIELD_PROBLEM_KEY)
            continue;
        if (*group) {
            parent = find_item(&outer, object, group);
            if (parent)
                outer.next = parent; /* its other fields follow */
            if (!parent && fields[i].type == FIELD_NAME)
                return json_fail(json, object, err, "the key \"%s\" is missing", group);
            if (!parent || (is_new(fields + i) && cJSON_IsNull(parent)))
                continue;
            if (!cJSON_IsObject(parent))
                return expected(&reader, parent, "an object");
        }
        const cJSON *node = find_item(*group ? &inner : &outer, parent, key);
        if (!node && is_new(fields + i))
            continue;
        if (!node)
            return json_fail(json, parent, err, "the key \"%s\" is missing", key);
        if (read_field(fields + i, &reader, node, (char *)record + fields[i].offset))
            return -1;
    }
    return 0;
}

static void make_printable(cJSON *node)
{
    if (cJSON_IsString(node)) {
        struct text clean = {0};
        text_add_printable(&clean, node->valuestring, true);
        if (clean.length <= strlen(node->valuestring))
            strcpy(node->valuestring,
                   text_get(&clean)); /* '?' is never longer than what it replaces */
        text_free(&clean);
    }
    cJSON *child = NULL;
    cJSON_ArrayForEach(child, node) make_printable(child);
}

char *fields_print(cJSON *tree)
{
    make_printable(tree);
    return json_print(tree);
}

void fields_write(struct text *out, const char *before, cJSON *tree, const char *after)
{
    char *line = fields_print(tree);
    text_print(out, "%s%s%s", before, line, after);
    free(line);
    cJSON_Delete(tree);
}
