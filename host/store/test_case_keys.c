/* case.json: problem keys, tolerances, and that they do not contradict each other or the arrays. */
#include "store/test_case_files.h"

#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const cJSON *test_case_key(const struct json *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json->root, key);
}

/* ---- names that others use ------------------------------------------------------------------- */

static const struct {
    const char *theirs, *ours;
} other_names[] = {
    {"is_causal", "\"mask\": \"causal\" (with \"causal_offset\": 0 as PyTorch means it)"},
    {"causal", "\"mask\": \"causal\""},
    {"attn_mask", "mask.npy"},
    {"attention_mask", "mask.npy"},
    {"softmax_scale", "\"scale\""},
    {"sm_scale", "\"scale\""},
    {"scaling", "\"scale\""},
    {"n_heads", "\"heads\", or \"heads_q\""},
    {"num_heads", "\"heads\", or \"heads_q\""},
    {"num_attention_heads", "\"heads_q\""},
    {"n_kv_heads", "\"heads_kv\""},
    {"num_kv_heads", "\"heads_kv\""},
    {"num_key_value_heads", "\"heads_kv\""},
    {"head_dim", "\"d_k\""},
    {"head_size", "\"d_k\""},
    {"d_head", "\"d_k\""},
    {"seq_len", "\"n\", or \"n_q\" and \"n_kv\""},
    {"seqlen", "\"n\", or \"n_q\" and \"n_kv\""},
    {"sequence_length", "\"n\", or \"n_q\" and \"n_kv\""},
    {"batch_size", "\"batch\""},
    {"sliding_window", "\"mask\": \"causal+window\" and \"window_left\", one less"},
    {"window_size", "\"window_left\" and \"window_right\""},
    {"logits_soft_cap", "\"softcap\""},
    {"attn_logit_softcapping", "\"softcap\""},
    {"sinks", "\"sink\": true, and sinks.npy"},
    {"lengths", "\"kv_lengths\""},
    {"seqlens", "\"kv_lengths\""},
};

static int unknown_key(const struct json *json, const cJSON *item, const struct err *why,
                       struct err *err)
{
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; ++i)
        if (strcmp(item->string, other_names[i].theirs) == 0)
            return json_fail(json, item, err, "unknown problem key \"%s\"; did you mean %s?",
                             item->string, other_names[i].ours);
    return json_fail(json, item, err, "%s", why->message);
}

/* ---- contradictions among keys --------------------------------------------------------------- */

static int check_empty_rows(struct test_case *c, const struct json *json, struct err *err)
{
    const char *convention = "zero";
    if (json_string(json, json->root, "empty_rows", false, &convention, err))
        return -1;
    c->empty_mean = strcmp(convention, "mean") == 0;
    if (!c->empty_mean && strcmp(convention, "zero") != 0)
        return json_fail(json, test_case_key(json, "empty_rows"), err,
                         "expected \"zero\" or \"mean\", found \"%s\"", convention);
    return c->empty_mean && c->problem.op != OP_ATTENTION
               ? json_fail(json, test_case_key(json, "empty_rows"), err,
                           "\"mean\" is for the operation attention")
               : 0;
}

/* Keys that would do nothing: who wrote them expects something else of the case. */
static int check_effects(const struct test_case *c, const struct json *json, struct err *err)
{
    const struct problem *p = &c->problem;
    const char *mask = problem_enum_name(p, "mask");
    const bool window = p->mask == MASK_WINDOW || p->mask == MASK_CAUSAL_WINDOW;
    const cJSON *left = test_case_key(json, "window_left"),
                *right = test_case_key(json, "window_right"),
                *offset = test_case_key(json, "causal_offset"),
                *scale = test_case_key(json, "scale"), *returns = test_case_key(json, "returns");
    if (left && p->window_left != WINDOW_UNLIMITED && !window)
        return json_fail(
            json, left, err, "%" PRId64 " has no effect with \"mask\": \"%s\"; expected %s",
            p->window_left, mask, p->mask == MASK_CAUSAL ? "\"causal+window\"" : "\"window\"");
    if (right && p->window_right != WINDOW_UNLIMITED && !window)
        return json_fail(json, right, err,
                         "%" PRId64 " has no effect with \"mask\": \"%s\"; expected \"window\"",
                         p->window_right, mask);
    if (window && p->window_left == WINDOW_UNLIMITED && p->window_right == WINDOW_UNLIMITED)
        return json_fail(json, test_case_key(json, "mask"), err,
                         "\"%s\" needs \"window_left\" or \"window_right\", and there is neither",
                         mask);
    if (offset && p->mask == MASK_NONE && p->bias != BIAS_ALIBI)
        return json_fail(json, offset, err,
                         "%" PRId64 " has no effect with \"mask\": \"none\"; expected \"causal\" "
                         "or \"window\"",
                         p->causal_offset);
    if (scale && p->scale == 0)
        return json_fail(json, scale, err, "0 would mean the default, 1/sqrt(d_k); leave it out");
    if (returns && p->returns != RETURNS_NONE)
        return json_fail(json, returns, err,
                         "\"%s\" has no effect; expect_weights.npy or --weights ask for weights",
                         problem_enum_name(p, "returns"));
    return 0;
}

int test_case_attributes(struct test_case *c, const struct json *json, struct err *err)
{
    static const char *const ours[] = {"rtol", "atol", "comment", "empty_rows"};
    const cJSON *item = NULL;
    if (!cJSON_IsObject(json->root))
        return json_fail(json, json->root, err, "expected an object with problem keys");
    c->rtol = c->atol = NAN;
    if (json_double(json, json->root, "rtol", false, 0, 1e6, &c->rtol, err) ||
        json_double(json, json->root, "atol", false, 0, 1e6, &c->atol, err))
        return -1;
    c->tolerance_given = !isnan(c->rtol) || !isnan(c->atol);
    cJSON_ArrayForEach(item, json->root)
    {
        struct err why;
        bool is_ours = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; ++i)
            is_ours = is_ours || strcmp(item->string, ours[i]) == 0;
        if (!is_ours && problem_set(&c->problem, item->string, item, &c->arena, &why))
            return unknown_key(json, item, &why, err);
    }
    return check_empty_rows(c, json, err) || check_effects(c, json, err) ? -1 : 0;
}

/* ---- sizes that arrays say ------------------------------------------------------------------- */

int test_case_set_size(struct test_case *c, const struct json *json, const char *key, int64_t size,
                       const char *file, struct err *err)
{
    const cJSON *given = test_case_key(json, key);
    if (!given && (strcmp(key, "n_q") == 0 || strcmp(key, "n_kv") == 0))
        given = test_case_key(json, "n");
    if (!given && (strcmp(key, "heads_q") == 0 || strcmp(key, "heads_kv") == 0))
        given = test_case_key(json, "heads");
    if (given && cJSON_IsNumber(given) && given->valuedouble != (double)size)
        return json_fail(json, given, err, "%s says %" PRId64 "%s%s, this says %.17g", file, size,
                         strcmp(given->string, key) == 0 ? "" : " for ",
                         strcmp(given->string, key) == 0 ? "" : key, given->valuedouble);
    cJSON *value = cJSON_CreateNumber((double)size);
    const int result = problem_set(&c->problem, key, value, &c->arena, err);
    cJSON_Delete(value);
    return result ? err_prefix(err, "%s: %s", test_case_path(c, file), key) : 0;
}

int test_case_set_text(struct test_case *c, const char *key, const char *text, struct err *err)
{
    cJSON *value = cJSON_CreateString(text);
    const int result = problem_set(&c->problem, key, value, &c->arena, err);
    cJSON_Delete(value);
    return result;
}
