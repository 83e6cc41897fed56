#include "problem/variant_keys.h"

#include "problem/expr.h"

#include <string.h>

static bool known_name(const void *context, const char *name, double *value)
{
    const struct variant *variant = context;
    static const struct problem any = {.d_k = 1, .d_v = 1, .n_q = 1, .n_kv = 1};
    *value = 1;
    if (name[1] == '\0' && strchr("mnk", name[0])) /* of the pass */
        return variant->ops != 1U << OP_ATTENTION;
    for (int i = 0; i < variant->tunable_count; ++i)
        if (strcmp(variant->tunables[i].name, name) == 0)
            return true;
    return problem_value(&any, name, value);
}

int variant_keys_expression(const struct variant *variant, const cJSON *node, const char **out,
                            struct arena *arena, struct err *err)
{
    const struct json *json = &variant->json;
    if (cJSON_IsNumber(node) && node->valuedouble >= 0 && node->valuedouble < 1e15) {
        *out = arena_print(arena, "%.17g", node->valuedouble);
        return 0;
    }
    if (json_as_string(json, node, out, err))
        return -1;
    struct err why;
    if (expr_check(*out, known_name, variant, &why))
        return json_fail(json, node, err, "%s", why.message);
    return 0;
}

int variant_keys_load(const struct variant *variant, const cJSON *object, const char *key,
                      const char *otherwise, const char **out, struct arena *arena, struct err *err)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    *out = otherwise;
    if (node)
        return variant_keys_expression(variant, node, out, arena, err);
    if (!otherwise)
        return json_fail(&variant->json, object, err, "the key \"%s\" is missing", key);
    return 0;
}

int variant_keys_texts(const struct json *json, const cJSON *object, const char *key, int max,
                       const char **out, int *count, struct err *err)
{
    const cJSON *list = NULL, *item = NULL;
    if (json_node(json, object, key, false, cJSON_Array, &list, err))
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        if (*count == max)
            return json_fail(json, list, err, "more than %d entries", max);
        if (json_as_string(json, item, &out[(*count)++], err))
            return -1;
    }
    return 0;
}
