/* The passes of a variant file: kernels, library products, and what only frames have. */
#include "problem/variant_passes.h"

#include "problem/variant_keys.h"
#include "util/text.h"

#include <string.h>

static int check_buffer(const struct variant *variant, const cJSON *node, const char *name,
                        struct err *err)
{
    static const char *const tensors[] = {"q",    "k",      "v",     "o",
                                          "bias", "slopes", "sinks", "kv_lengths"};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; ++i)
        if (strcmp(tensors[i], name) == 0)
            return 0;
    for (int i = 0; i < variant->scratch_count; ++i)
        if (strcmp(variant->scratch[i].name, name) == 0)
            return 0;
    const int tensor = operation_tensor_find(name);
    if (tensor >= 0 && (operation_tensor(tensor)->ops & variant->ops))
        return 0;
    return json_fail(
        &variant->json, node, err,
        "expected q, k, v, o, bias, slopes, sinks, kv_lengths or a scratch buffer of this "
        "file, found \"%.40s\"",
        name);
}

static int load_gemm(const struct variant *variant, struct gemm *gemm, const cJSON *object,
                     struct arena *arena, struct err *err)
{
    static const char *const keys[] = {
        "a",   "b",   "c",     "transpose_b", "m",        "n",        "k",        "lda",
        "ldb", "ldc", "count", "alpha",       "stride_a", "stride_b", "stride_c", NULL};
    const struct {
        const char *key, **out;
    } buffers[] = {{"a", &gemm->a}, {"b", &gemm->b}, {"c", &gemm->c}};
    const struct {
        const char *key, *otherwise, **out;
    } sizes[] = {{"m", NULL, &gemm->m},
                 {"n", NULL, &gemm->n},
                 {"k", NULL, &gemm->k},
                 {"lda", NULL, &gemm->lda},
                 {"ldb", NULL, &gemm->ldb},
                 {"ldc", NULL, &gemm->ldc},
                 {"stride_a", NULL, &gemm->stride_a},
                 {"stride_b", NULL, &gemm->stride_b},
                 {"stride_c", NULL, &gemm->stride_c},
                 {"count", "1", &gemm->count},
                 {"alpha", "1", &gemm->alpha}};
    const struct json *json = &variant->json;
    if (!variant->library)
        return json_fail(json, object, err, "a gemm pass needs requires.library");
    if (json_only_keys(json, object, keys, err) ||
        json_bool(json, object, "transpose_b", false, &gemm->transpose_b, err))
        return -1;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; ++i)
        if (json_string(json, object, buffers[i].key, true, buffers[i].out, err) ||
            check_buffer(variant, cJSON_GetObjectItemCaseSensitive(object, buffers[i].key),
                         *buffers[i].out, err))
            return -1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i)
        if (variant_keys_load(variant, object, sizes[i].key, sizes[i].otherwise, sizes[i].out,
                              arena, err))
            return -1;
    return 0;
}

static int load_ranges(const struct variant *variant, const cJSON *object, const char *key,
                       const char *out[3], struct arena *arena, struct err *err)
{
    const cJSON *list = NULL, *item = NULL;
    if (json_node(&variant->json, object, key, true, cJSON_Array, &list, err))
        return -1;
    if (cJSON_GetArraySize(list) != 3)
        return json_fail(&variant->json, list, err, "expected 3 sizes, one a dimension");
    int i = 0;
    cJSON_ArrayForEach(item,
                       list) if (variant_keys_expression(variant, item, &out[i++], arena, err))
    {
        return -1;
    }
    return 0;
}

/* Names of buffers of an object, all of them needed but the last. */
static int load_buffers(const struct variant *variant, const cJSON *object, const char *const *keys,
                        const char **const *out, struct err *err)
{
    for (int i = 0; keys[i]; ++i) {
        if (json_string(&variant->json, object, keys[i], keys[i + 1] != NULL, out[i], err) ||
            (*out[i] && check_buffer(variant, cJSON_GetObjectItemCaseSensitive(object, keys[i]),
                                     *out[i], err)))
            return -1;
    }
    return 0;
}

static int load_product(const struct variant *variant, struct product *product, const cJSON *object,
                        struct err *err)
{
    static const char *const keys[] = {"a", "b", "c", "bias", NULL};
    const char **const out[] = {&product->a, &product->b, &product->c, &product->bias};
    return json_only_keys(&variant->json, object, keys, err) ||
                   load_buffers(variant, object, keys, out, err)
               ? -1
               : 0;
}

/* {"attention": {"over": "self", "q": ..., "k": ..., "v": ..., "o": ...}}: a hole of a frame. */
static int load_hole(struct variant *variant, struct attention_hole *hole, const cJSON *object,
                     struct err *err)
{
    static const char *const keys[] = {"over", "q", "k", "v", "o", "bias", NULL};
    const char **const out[] = {&hole->q, &hole->k, &hole->v, &hole->o, &hole->bias};
    const struct json *json = &variant->json;
    const char *over = "self";
    if (json_only_keys(json, object, keys, err) ||
        json_string(json, object, "over", false, &over, err) ||
        load_buffers(variant, object, keys + 1, out, err))
        return -1;
    hole->over = strcmp(over, "cross") == 0 ? OVER_CROSS : OVER_SELF;
    if (hole->over == OVER_SELF && strcmp(over, "self") != 0)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(object, "over"), err,
                         "expected \"self\" or \"cross\"");
    variant->is_frame = true;
    return 0;
}

int variant_passes_load(struct variant *variant, const cJSON *object, struct arena *arena,
                        struct err *err)
{
    static const char *const keys[] = {"kernel", "groups",  "local",     "args", "gemm",
                                       "stage",  "when",    "repeat",    "m",    "n",
                                       "k",      "product", "attention", NULL};
    const struct json *json = &variant->json;
    const int most = variant->ops & 1U << OP_ATTENTION ? ATTENTION_PASSES_MAX : PASSES_MAX;
    if (variant->pass_count == most)
        return json_fail(json, object, err, "more than %d passes", most);
    struct pass *pass = &variant->passes[variant->pass_count++];
    const cJSON *gemm = NULL, *product = NULL, *hole = NULL;
    if (json_only_keys(json, object, keys, err) ||
        json_node(json, object, "gemm", false, cJSON_Object, &gemm, err) ||
        json_node(json, object, "product", false, cJSON_Object, &product, err) ||
        json_node(json, object, "attention", false, cJSON_Object, &hole, err) ||
        json_string(json, object, "stage", false, &pass->stage, err) ||
        variant_keys_load(variant, object, "when", "1", &pass->when, arena, err) ||
        variant_keys_load(variant, object, "repeat", "1", &pass->repeat, arena, err) ||
        variant_keys_load(variant, object, "m", "1", &pass->m, arena, err) ||
        variant_keys_load(variant, object, "n", "1", &pass->n, arena, err) ||
        variant_keys_load(variant, object, "k", "1", &pass->k, arena, err))
        return -1;
    if (gemm)
        return load_gemm(variant, &pass->gemm, gemm, arena, err);
    if (product || hole) {
        if (variant->ops & 1U << OP_ATTENTION)
            return json_fail(json, object, err,
                             "only variants of other operations have such a pass");
        return product ? load_product(variant, &pass->product, product, err)
                       : load_hole(variant, &pass->hole, hole, err);
    }
    if (json_string(json, object, "kernel", true, &pass->kernel, err) ||
        load_ranges(variant, object, "groups", pass->groups, arena, err) ||
        load_ranges(variant, object, "local", pass->local, arena, err) ||
        variant_keys_texts(json, object, "args", ARGS_MAX, pass->args, &pass->arg_count, err))
        return -1;
    if (!text_is_identifier(pass->kernel))
        return json_fail(json, object, err, "expected the name of a __kernel function");
    for (int i = 0; i < pass->arg_count; ++i)
        if (check_buffer(variant, cJSON_GetObjectItemCaseSensitive(object, "args"), pass->args[i],
                         err))
            return -1;
    return 0;
}
