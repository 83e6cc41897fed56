#include "problem/variant_keys.h"
#include "problem/variant_passes.h"

#include "problem/expr.h"
#include "util/text.h"

#include <string.h>

static int load_tunables(struct variant *variant, const cJSON *tune, struct err *err)
{
    const struct json *json = &variant->json;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, tune)
    {
        if (variant->tunable_count == TUNABLES_MAX)
            return json_fail(json, item, err, "more than %d tunables", TUNABLES_MAX);
        struct tunable *tunable = &variant->tunables[variant->tunable_count];
        tunable->name = item->string;
        if (!text_is_identifier(item->string) || strlen(item->string) > 40)
            return json_fail(json, item, err, "expected a macro name such as BLOCK_Q");
        if (!cJSON_IsArray(item) || !cJSON_GetArraySize(item) ||
            cJSON_GetArraySize(item) > TUNABLE_VALUES_MAX)
            return json_fail(json, item, err, "expected an array of 1 to %d integers",
                             TUNABLE_VALUES_MAX);
        const cJSON *value = NULL;
        cJSON_ArrayForEach(value, item) if (json_as_int(json, value, 0, 1 << 20,
                                                        &tunable->values[tunable->count++], err))
        {
            return -1;
        }
        ++variant->tunable_count;
    }
    return 0;
}

static int load_requires(struct variant *variant, const cJSON *object, struct arena *arena,
                         struct err *err)
{
    static const char *const keys[] = {"extensions", "local_bytes", "device_type", "library", NULL};
    const struct json *json = &variant->json;
    if (json_only_keys(json, object, keys, err) ||
        variant_keys_texts(json, object, "extensions", 8, variant->extensions,
                           &variant->extension_count, err) ||
        variant_keys_texts(json, object, "device_type", 4, variant->device_types,
                           &variant->device_type_count, err) ||
        json_string(json, object, "library", false, &variant->library, err) ||
        variant_keys_load(variant, object, "local_bytes", "0", &variant->local_bytes, arena, err))
        return -1;
    if (variant->library && strcmp(variant->library, "clblast") != 0)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(object, "library"), err,
                         "expected \"clblast\", the only library known");
    return 0;
}

static int load_supports(const struct variant *variant, struct arena *arena, struct err *err)
{
    static const char *const range_keys[] = {"min", "max", "multiple_of", NULL};
    const struct json *json = &variant->json;
    const struct problem any = problem_default();
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, variant->supports)
    {
        if (strcmp(item->string, "where") == 0) {
            const char *text = NULL;
            if (json_as_string(json, item, &text, err) ||
                variant_keys_expression(variant, item, &text, arena, err))
                return -1;
        } else if (!problem_is_key(item->string) || problem_is_shorthand(item->string)) {
            return json_fail(json, item, err,
                             "expected a problem key such as \"dtype\" or \"n_q\"");
        } else if (cJSON_IsArray(item)) {
            const cJSON *value = NULL;
            cJSON_ArrayForEach(value, item)
            {
                /* The problem's own parser says which values there are. */
                struct problem scratch = problem_default();
                struct err why;
                if (problem_set(&scratch, item->string, value, arena, &why))
                    return json_fail(json, value, err, "%s", why.message);
            }
        } else if (cJSON_IsObject(item) && problem_enum_name(&any, item->string)) {
            return json_fail(json, item, err, "expected a list of names");
        } else if (cJSON_IsObject(item)) {
            int64_t ignored;
            if (json_only_keys(json, item, range_keys, err) ||
                json_int(json, item, "min", false, 0, 1 << 30, &ignored, err) ||
                json_int(json, item, "max", false, 0, 1 << 30, &ignored, err) ||
                json_int(json, item, "multiple_of", false, 1, 1 << 30, &ignored, err))
                return -1;
        } else if (!cJSON_IsBool(item)) {
            return json_fail(json, item, err,
                             "expected a list of values, {\"min\", \"max\", \"multiple_of\"}, or "
                             "true");
        }
    }
    return 0;
}

static int load_scratch(struct variant *variant, const cJSON *object, struct arena *arena,
                        struct err *err)
{
    const struct json *json = &variant->json;
    const cJSON *item = NULL;
    const int most = variant->ops & 1U << OP_ATTENTION ? ATTENTION_SCRATCH_MAX : SCRATCH_MAX;
    cJSON_ArrayForEach(item, object)
    {
        if (variant->scratch_count == most)
            return json_fail(json, item, err, "more than %d scratch buffers", most);
        struct scratch *scratch = &variant->scratch[variant->scratch_count++];
        scratch->name = item->string;
        const cJSON *sizes = item;
        if (!text_is_identifier(item->string) || strlen(item->string) == 1)
            return json_fail(json, item, err, "expected a buffer name of two letters or more");
        if (operation_tensor_find(item->string) >= 0)
            return json_fail(json, item, err, "an input of operations has this name");
        if (cJSON_IsObject(item)) {
            static const char *const keys[] = {"storage", NULL};
            if (json_only_keys(json, item, keys, err) ||
                json_node(json, item, "storage", true, cJSON_Array, &sizes, err))
                return -1;
            scratch->storage = true;
        }
        if (!cJSON_IsArray(sizes) || cJSON_GetArraySize(sizes) < 1 || cJSON_GetArraySize(sizes) > 4)
            return json_fail(json, item, err, "expected an array of 1 to 4 sizes");
        const cJSON *dim = NULL;
        cJSON_ArrayForEach(dim, sizes) if (variant_keys_expression(
                                               variant, dim, &scratch->dims[scratch->dim_count++],
                                               arena, err))
        {
            return -1;
        }
    }
    return 0;
}

static int load_default(const struct variant *variant, const cJSON *item, struct err *err)
{
    int64_t value;
    bool tunable = false;
    for (int i = 0; i < variant->tunable_count; ++i)
        tunable = tunable || strcmp(variant->tunables[i].name, item->string) == 0;
    if (!tunable)
        return json_fail(&variant->json, item, err, "expected a tunable of this file");
    return json_as_int(&variant->json, item, 0, 1 << 20, &value, err);
}

static int load_defaults(const struct variant *variant, struct err *err)
{
    static const char *const types[] = {"cpu", "cpu1",        "cpu4",  "cpu8",
                                        "gpu", "accelerator", "other", NULL};
    const cJSON *type = NULL, *item = NULL;
    if (!variant->defaults)
        return 0;
    if (json_only_keys(&variant->json, variant->defaults, types, err))
        return -1;
    cJSON_ArrayForEach(type, variant->defaults)
    {
        if (!cJSON_IsObject(type))
            return json_fail(&variant->json, type, err, "expected an object with tunables");
        cJSON_ArrayForEach(item, type) if (load_default(variant, item, err)) return -1;
    }
    return 0;
}

/* {"weights": "scores"}: which scratch buffer holds the second output. */
static int load_returns(struct variant *variant, const cJSON *object, struct err *err)
{
    static const char *const keys[] = {"weights", "scores", NULL};
    if (!object)
        return 0;
    if (json_only_keys(&variant->json, object, keys, err))
        return -1;
    for (int i = 0; keys[i]; ++i) {
        const char **buffer = &variant->returns[i == 0 ? RETURNS_WEIGHTS : RETURNS_SCORES];
        if (json_string(&variant->json, object, keys[i], false, buffer, err))
            return -1;
        bool found = !*buffer;
        for (int s = 0; s < variant->scratch_count; ++s)
            found = found || strcmp(variant->scratch[s].name, *buffer) == 0;
        if (!found)
            return json_fail(&variant->json, cJSON_GetObjectItemCaseSensitive(object, keys[i]), err,
                             "expected a scratch buffer of this file");
    }
    return 0;
}

/* supports.op; without it attention alone. */
static unsigned listed_ops(const cJSON *supports)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(supports, "op"), *item = NULL;
    unsigned ops = cJSON_IsArray(list) ? 0 : 1U << OP_ATTENTION;
    cJSON_ArrayForEach(item, list) for (int op = 0; op < OPS; ++op)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, op_name((enum op)op)) == 0)
            ops |= 1U << op;
    }
    return ops;
}

static int load_precision(struct variant *variant, struct err *err)
{
    const struct json *json = &variant->json;
    const char *name = "f32";
    if (json_string(json, json->root, "precision", false, &name, err))
        return -1;
    if (precision_parse(name, &variant->precision))
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(json->root, "precision"), err,
                         "expected f32, tf32, f16 or bf16: what is multiplied is rounded to it");
    return 0;
}

static int load_fields(struct variant *variant, const char *folder, struct arena *arena,
                       struct err *err)
{
    static const char *const keys[] = {"name",     "title",   "idea",      "source",   "supports",
                                       "requires", "tune",    "where",     "defaults", "scratch",
                                       "passes",   "returns", "precision", NULL};
    const struct json *json = &variant->json;
    const cJSON *root = json->root, *needs = NULL, *tune = NULL, *scratch = NULL, *passes = NULL;
    const cJSON *pass = NULL, *returns = NULL;
    variant->title = variant->idea = variant->source = "";
    variant->local_bytes = "0";
    variant->where = "1";
    if (json_only_keys(json, root, keys, err) ||
        json_string(json, root, "name", true, &variant->name, err) ||
        json_string(json, root, "title", false, &variant->title, err) ||
        json_string(json, root, "idea", false, &variant->idea, err) ||
        json_string(json, root, "source", false, &variant->source, err) ||
        json_node(json, root, "supports", true, cJSON_Object, &variant->supports, err) ||
        json_node(json, root, "requires", false, cJSON_Object, &needs, err) ||
        json_node(json, root, "tune", false, cJSON_Object, &tune, err) ||
        json_node(json, root, "defaults", false, cJSON_Object, &variant->defaults, err) ||
        json_node(json, root, "scratch", false, cJSON_Object, &scratch, err) ||
        json_node(json, root, "returns", false, cJSON_Object, &returns, err) ||
        json_node(json, root, "passes", true, cJSON_Array, &passes, err))
        return -1;
    if (strcmp(variant->name, folder) != 0)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(root, "name"), err,
                         "expected \"%s\", the name of the folder", folder);
    if (!text_is_identifier(folder))
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(root, "name"), err,
                         "expected a name of letters, digits and '_'");
    if (load_precision(variant, err))
        return -1;
    variant->ops = listed_ops(variant->supports);
    if (load_tunables(variant, tune, err) || load_supports(variant, arena, err) ||
        (needs && load_requires(variant, needs, arena, err)) ||
        variant_keys_load(variant, root, "where", "1", &variant->where, arena, err) ||
        load_defaults(variant, err) || load_scratch(variant, scratch, arena, err) ||
        load_returns(variant, returns, err))
        return -1;
    cJSON_ArrayForEach(pass, passes) if (variant_passes_load(variant, pass, arena, err)) return -1;
    if (!variant->pass_count)
        return json_fail(json, passes, err, "expected at least one pass");
    return 0;
}

int variant_load(struct variant *variant, const char *file_name, const char *folder,
                 const char *text, size_t length, struct arena *arena, struct err *err)
{
    memset(variant, 0, sizeof *variant); /* too large to be copied from the stack */
    if (json_load(&variant->json, file_name, text, length, err))
        return -1;
    if (load_fields(variant, folder, arena, err)) {
        json_free(&variant->json);
        return -1;
    }
    return 0;
}

void variant_free(struct variant *variant)
{
    json_free(&variant->json);
}
