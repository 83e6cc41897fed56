#include "problem/tunings.h"

#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAR = 4, ENTRIES_MAX = 10000 };

const char *tuning_source_name(enum tuning_source source)
{
    static const char *const names[] = {"default", "shipped", "tuned", "given"};
    return names[source];
}

/* ---- classes --------------------------------------------------------------------------------- */

static int64_t power_of_4(int64_t n)
{
    int64_t power = 1;
    while (power < n)
        power *= 4;
    return power;
}

struct problem_class problem_class(const struct problem *problem)
{
    return (struct problem_class){.d_k = problem->d_k,
                                  .d_v = problem->d_v,
                                  .dtype = problem->dtype,
                                  .layout = problem->layout,
                                  .masked = problem->mask != MASK_NONE,
                                  .n_q = power_of_4(problem->n_q),
                                  .n_kv = power_of_4(problem->n_kv),
                                  .group = problem->heads_q / problem->heads_kv};
}

/* A problem of the class, for the names of its enum values. */
static struct problem example(const struct problem_class *class)
{
    struct problem problem = problem_default();
    problem.dtype = class->dtype;
    problem.layout = class->layout;
    return problem;
}

char *problem_class_text(const struct problem_class *class, struct arena *arena)
{
    const struct problem problem = example(class);
    return arena_print(arena,
                       "d_k=%" PRId64 " d_v=%" PRId64 " %s %s %s n_q<=%" PRId64 " n_kv<=%" PRId64
                       " group=%" PRId64,
                       class->d_k, class->d_v, problem_enum_name(&problem, "dtype"),
                       problem_enum_name(&problem, "layout"), class->masked ? "masked" : "full",
                       class->n_q, class->n_kv, class->group);
}

cJSON *problem_class_to_json(const struct problem_class *class)
{
    const struct problem problem = example(class);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "d_k", (double)class->d_k);
    cJSON_AddNumberToObject(object, "d_v", (double)class->d_v);
    cJSON_AddStringToObject(object, "dtype", problem_enum_name(&problem, "dtype"));
    cJSON_AddStringToObject(object, "layout", problem_enum_name(&problem, "layout"));
    cJSON_AddStringToObject(object, "mask", class->masked ? "masked" : "full");
    cJSON_AddNumberToObject(object, "n_q", (double)class->n_q);
    cJSON_AddNumberToObject(object, "n_kv", (double)class->n_kv);
    cJSON_AddNumberToObject(object, "group", (double)class->group);
    return object;
}

/* Steps of `base` between two sizes. */
static int steps(int64_t a, int64_t b, double base)
{
    return (int)lround(fabs(log((double)a / (double)b)) / log(base));
}

int problem_class_distance(const struct problem_class *a, const struct problem_class *b)
{
    if (a->d_k != b->d_k || a->d_v != b->d_v || a->dtype != b->dtype)
        return -1;
    return steps(a->n_q, b->n_q, 4) + steps(a->n_kv, b->n_kv, 4) +
           (a->group == b->group ? 0 : (int)fmax(steps(a->group, b->group, 2), 1)) +
           (a->layout != b->layout) + (a->masked != b->masked);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int load_upper_end(const struct json *json, const cJSON *object, const char *key,
                          int64_t *value, struct err *err)
{
    if (json_int(json, object, key, true, 1, PROBLEM_MAX_SIZE, value, err))
        return -1;
    return power_of_4(*value) == *value
               ? 0
               : json_fail(json, cJSON_GetObjectItemCaseSensitive(object, key), err,
                           "expected a power of 4");
}

/* Sets a key through the problem's own parser, which knows the names. */
static int load_name(const struct json *json, const cJSON *object, const char *key,
                     struct problem *problem, struct arena *arena, struct err *err)
{
    const char *text = NULL;
    struct err why;
    if (json_string(json, object, key, true, &text, err))
        return -1;
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return problem_set(problem, key, node, arena, &why)
               ? json_fail(json, node, err, "%s", why.message)
               : 0;
}

static int load_class(const struct json *json, const cJSON *object, struct problem_class *class,
                      struct arena *arena, struct err *err)
{
    static const char *const keys[] = {"d_k", "d_v",  "dtype", "layout", "mask",
                                       "n_q", "n_kv", "group", NULL};
    struct problem problem = problem_default();
    const char *mask = NULL;
    if (json_only_keys(json, object, keys, err) ||
        json_int(json, object, "d_k", true, 1, PROBLEM_MAX_HEAD, &class->d_k, err) ||
        json_int(json, object, "d_v", true, 1, PROBLEM_MAX_HEAD, &class->d_v, err) ||
        load_name(json, object, "dtype", &problem, arena, err) ||
        load_name(json, object, "layout", &problem, arena, err) ||
        json_string(json, object, "mask", true, &mask, err) ||
        load_upper_end(json, object, "n_q", &class->n_q, err) ||
        load_upper_end(json, object, "n_kv", &class->n_kv, err) ||
        json_int(json, object, "group", true, 1, PROBLEM_MAX_SIZE, &class->group, err))
        return -1;
    class->masked = strcmp(mask, "masked") == 0;
    if (!class->masked && strcmp(mask, "full") != 0)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(object, "mask"), err,
                         "expected \"full\" or \"masked\"");
    class->dtype = problem.dtype;
    class->layout = problem.layout;
    return 0;
}

static int load_value(const struct json *json, const cJSON *node, const struct tunable *tunable,
                      int64_t *value, struct err *err)
{
    if (json_as_int(json, node, 0, 1 << 20, value, err))
        return -1;
    for (int i = 0; i < tunable->count; ++i)
        if (tunable->values[i] == *value)
            return 0;
    struct text allowed = {0};
    for (int i = 0; i < tunable->count; ++i)
        text_print(&allowed, "%s%" PRId64, i ? ", " : "", tunable->values[i]);
    json_fail(json, node, err, "expected one of the variant's values (%s), found %" PRId64,
              text_get(&allowed), *value);
    text_free(&allowed);
    return -1;
}

/* One allowed value for each tunable of the variant, in its order. */
static int load_tuning(const struct json *json, const cJSON *object, const struct variant *variant,
                       struct tuning *tuning, struct err *err)
{
    const char *keys[TUNABLES_MAX + 1] = {NULL};
    for (int i = 0; i < variant->tunable_count; ++i)
        keys[i] = variant->tunables[i].name;
    if (json_only_keys(json, object, keys, err))
        return -1;
    tuning->count = variant->tunable_count;
    for (int i = 0; i < variant->tunable_count; ++i) {
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, keys[i]);
        tuning->items[i].name = keys[i];
        if (!node)
            return json_fail(json, object, err, "the tunable \"%s\" is missing", keys[i]);
        if (load_value(json, node, &variant->tunables[i], &tuning->items[i].value, err))
            return -1;
    }
    return 0;
}

struct loading {
    struct tunings *tunings;
    const struct tuning_document *document;
    const struct json *json;
    const struct variant *variants;
    int variant_count;
    struct tuned device; /* what all entries share */
    bool *stale;         /* by variant: it has entries of another program */
    int stale_count;
    struct arena *arena;
};

static void add(struct tunings *tunings, const struct tuned *tuned, struct arena *arena)
{
    if (tunings->count == tunings->capacity) {
        tunings->capacity = tunings->capacity ? 2 * tunings->capacity : 32;
        tunings->items = arena_grow(arena, tunings->items, (size_t)tunings->count,
                                    (size_t)tunings->capacity, sizeof *tunings->items);
    }
    tunings->items[tunings->count++] = *tuned;
}

static int load_entry(struct loading *loading, const cJSON *object, struct err *err)
{
    static const char *const keys[] = {"variant", "program_sha", "class",   "tuning",
                                       "problem", "default_s",   "tuned_s", "candidates",
                                       "failed",  "wrong",       NULL};
    const struct json *json = loading->json;
    struct tuned tuned = loading->device;
    const cJSON *class = NULL, *tuning = NULL;
    const char *name = NULL, *sha = NULL;
    if (json_only_keys(json, object, keys, err) ||
        json_string(json, object, "variant", true, &name, err) ||
        json_string(json, object, "program_sha", false, &sha, err) ||
        json_node(json, object, "class", true, cJSON_Object, &class, err) ||
        json_node(json, object, "tuning", true, cJSON_Object, &tuning, err))
        return -1;
    for (int v = 0; v < loading->variant_count; ++v)
        if (strcmp(loading->variants[v].name, name) == 0)
            tuned.variant = &loading->variants[v];
    if (!tuned.variant && !loading->document->strict)
        return 0; /* of a variant that is not loaded today: nothing is amiss */
    if (!tuned.variant)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(object, "variant"), err,
                         "unknown variant \"%.60s\"", name);
    if (sha && strcmp(sha, tuned.variant->program_sha) != 0) {
        loading->stale[tuned.variant - loading->variants] = true;
        ++loading->stale_count;
        return 0;
    }
    if (load_class(json, class, &tuned.class, loading->arena, err) ||
        load_tuning(json, tuning, tuned.variant, &tuned.tuning, err))
        return -1;
    add(loading->tunings, &tuned, loading->arena);
    return 0;
}

static int load_device(struct loading *loading, const cJSON *object, struct err *err)
{
    static const char *const keys[] = {"platform", "name", "vendor", "driver", "type", NULL};
    struct tuned *device = &loading->device;
    const char **const fields[] = {&device->platform, &device->name, &device->vendor,
                                   &device->driver, &device->type};
    if (json_only_keys(loading->json, object, keys, err))
        return -1;
    for (int i = 0; keys[i]; ++i) {
        if (json_string(loading->json, object, keys[i], false, fields[i], err))
            return -1;
        if (*fields[i])
            *fields[i] = arena_copy(loading->arena, *fields[i]);
    }
    return 0;
}

/* A mistake in one entry costs this entry only, unless the document is strict. */
static int load_entries(struct loading *loading, const cJSON *list, struct err *err)
{
    const struct tuning_document *document = loading->document;
    const cJSON *item = NULL;
    if (cJSON_GetArraySize(list) > ENTRIES_MAX)
        return json_fail(loading->json, list, err, "more than %d entries", ENTRIES_MAX);
    cJSON_ArrayForEach(item, list)
    {
        struct err why;
        if (load_entry(loading, item, &why) == 0)
            continue;
        if (document->strict)
            return err_set(err, "%s", why.message);
        err_set(&why, "%s; the entry is ignored", arena_copy(loading->arena, why.message));
        document->warn(why.message);
    }
    return 0;
}

static int load_document(struct loading *loading, struct err *err)
{
    static const char *const keys[] = {"format", "version", "device", "entries", "avoid", NULL};
    const struct json *json = loading->json;
    const cJSON *device = NULL, *entries = NULL;
    const char *format = NULL;
    int64_t version = 0;
    if (json_string(json, json->root, "format", true, &format, err))
        return -1;
    if (strcmp(format, TUNING_FORMAT) != 0)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(json->root, "format"), err,
                         "expected \"" TUNING_FORMAT "\"");
    if (json_int(json, json->root, "version", true, 1, 1, &version, err) ||
        json_only_keys(json, json->root, keys, err) ||
        json_node(json, json->root, "device", true, cJSON_Object, &device, err) ||
        json_node(json, json->root, "entries", true, cJSON_Array, &entries, err) ||
        load_device(loading, device, err))
        return -1;
    return load_entries(loading, entries, err);
}

static void warn_of_stale(const struct loading *loading)
{
    struct text names = {0};
    for (int v = 0; v < loading->variant_count; ++v)
        if (loading->stale[v])
            text_print(&names, "%s%s", names.length ? ", " : "", loading->variants[v].name);
    loading->document->warn(arena_print(loading->arena,
                                        "%s: %d tunings are of kernels that have changed since "
                                        "(%s) and are ignored; attnbench tune finds new ones",
                                        loading->document->file_name, loading->stale_count,
                                        text_get(&names)));
    text_free(&names);
}

int tunings_load(struct tunings *tunings, const struct tuning_document *document,
                 const struct variant *variants, int variant_count, struct arena *arena,
                 struct err *err)
{
    struct json json = {0};
    struct loading loading = {.tunings = tunings,
                              .document = document,
                              .json = &json,
                              .variants = variants,
                              .variant_count = variant_count,
                              .device.source = document->source,
                              .stale = arena_array(arena, (size_t)variant_count + 1, sizeof(bool)),
                              .arena = arena};
    struct err why;
    const int before = tunings->count;
    const bool loaded =
        json_load(&json, document->file_name, document->text, document->length, &why) == 0;
    int result = loaded ? load_document(&loading, &why) : -1;
    if (loaded)
        json_free(&json);
    if (result) {
        tunings->count = before;
        if (document->strict)
            err_set(err, "%s", why.message);
        else
            document->warn(arena_print(arena, "%s; the file is ignored", why.message));
    } else if (loading.stale_count && document->warn) {
        warn_of_stale(&loading);
    }
    return result && document->strict ? -1 : 0;
}

/* ---- which one ------------------------------------------------------------------------------- */

bool tuned_is_for(const struct tuned *tuned, const struct device_info *device)
{
    const char *const pairs[][2] = {{tuned->platform, device->platform},
                                    {tuned->name, device->name},
                                    {tuned->vendor, device->vendor},
                                    {tuned->driver, device->driver},
                                    {tuned->type, device->type}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i)
        if (pairs[i][0] && strcmp(pairs[i][0], pairs[i][1]) != 0)
            return false;
    return true;
}

const struct tuned *tunings_find(const struct tunings *tunings, const struct variant *variant,
                                 const struct problem *problem, const struct device_info *device)
{
    const struct problem_class class = problem_class(problem);
    for (int distance = 0; distance <= FAR; ++distance)
        for (int source = TUNING_GIVEN; source > TUNING_DEFAULT; --source)
            for (int i = 0; i < tunings->count; ++i) {
                const struct tuned *tuned = &tunings->items[i];
                if (tuned->variant == variant && tuned->source == (enum tuning_source)source &&
                    problem_class_distance(&tuned->class, &class) == distance &&
                    tuned_is_for(tuned, device) &&
                    variant_tuning_fits(variant, problem, device, &tuned->tuning, NULL) == 0)
                    return tuned;
            }
    return NULL;
}
