#include "store/test_case_files.h"

#include "util/file.h"
#include "util/json.h"
#include "util/text.h"
#include "verify/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { CASE_BYTES_MAX = 1 << 20 };
static const size_t npy_bytes_max = (size_t)4 << 30;

/* ---- files ----------------------------------------------------------------------------------- */

const char *test_case_path(struct test_case *c, const char *file)
{
    return arena_print(&c->arena, "%s/%s", c->folder, file);
}

bool test_case_has(struct test_case *c, const char *file)
{
    return access(test_case_path(c, file), F_OK) == 0;
}

int test_case_read(struct test_case *c, const char *file, struct npy *npy, struct err *err)
{
    struct text bytes = {0};
    const char *path = test_case_path(c, file);
    int result = file_read(path, npy_bytes_max, &bytes, err);
    if (result == 0)
        result = npy_load(npy, path, text_get(&bytes), bytes.length, &c->arena, err);
    text_free(&bytes);
    return result;
}

static void add_shape(struct text *text, const int64_t *shape, int rank)
{
    text_add(text, "[");
    for (int d = 0; d < rank; ++d)
        text_print(text, "%s%" PRId64, d ? ", " : "", shape[d]);
    text_add(text, "]");
}

int test_case_need_shape(struct test_case *c, const char *file, const struct npy *npy, int rank,
                         const int64_t *shape, const char *meaning, struct err *err)
{
    bool same = npy->rank == rank;
    for (int d = 0; same && d < rank; ++d)
        same = npy->shape[d] == shape[d];
    if (same)
        return 0;
    struct text found = {0}, wanted = {0};
    add_shape(&found, npy->shape, npy->rank);
    add_shape(&wanted, shape, rank);
    err_set(err, "%s: shape %s; expected %s %s", test_case_path(c, file), text_get(&found),
            text_get(&wanted), meaning);
    text_free(&found);
    text_free(&wanted);
    return -1;
}

/* ---- case.json ------------------------------------------------------------------------------- */

int test_case_set_size(struct test_case *c, const struct json *json, const char *key, int64_t size,
                       const char *file, struct err *err)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(json->root, key);
    if (cJSON_IsNumber(given) && given->valuedouble != (double)size)
        return json_fail(json, given, err, "%s says %" PRId64, file, size);
    cJSON *value = cJSON_CreateNumber((double)size);
    const int result = problem_set(&c->problem, key, value, &c->arena, err);
    cJSON_Delete(value);
    return result ? err_prefix(err, "%s: %s", test_case_path(c, file), key) : 0;
}

static int read_attributes(struct test_case *c, const struct json *json, struct err *err)
{
    const cJSON *item = NULL;
    if (!cJSON_IsObject(json->root))
        return json_fail(json, json->root, err, "expected an object with problem keys");
    c->rtol = c->atol = NAN;
    if (json_double(json, json->root, "rtol", false, 0, 1e6, &c->rtol, err) ||
        json_double(json, json->root, "atol", false, 0, 1e6, &c->atol, err))
        return -1;
    cJSON_ArrayForEach(item, json->root)
    {
        struct err why;
        if (strcmp(item->string, "rtol") == 0 || strcmp(item->string, "atol") == 0 ||
            strcmp(item->string, "comment") == 0)
            continue;
        if (problem_set(&c->problem, item->string, item, &c->arena, &why))
            return json_fail(json, item, err, "%s", why.message);
    }
    return 0;
}

/* What rounding to a dtype and a computation in f32 leave, for expectations made in f64. */
static void default_tolerance(struct test_case *c)
{
    static const double rtol[] = {[DTYPE_F32] = 1e-4, [DTYPE_F16] = 4e-3, [DTYPE_BF16] = 3e-2};
    static const double atol[] = {[DTYPE_F32] = 1e-5, [DTYPE_F16] = 2e-3, [DTYPE_BF16] = 1.6e-2};
    if (isnan(c->rtol))
        c->rtol = rtol[c->problem.dtype];
    if (isnan(c->atol))
        c->atol = atol[c->problem.dtype];
}

/* ---- tensors --------------------------------------------------------------------------------- */

int test_case_floats(struct test_case *c, const char *file, const struct npy *npy, enum dtype dtype,
                     const float **out, struct err *err)
{
    float *values = arena_array(&c->arena, (size_t)npy->count, sizeof *values);
    for (int64_t i = 0; i < npy->count; ++i) {
        values[i] = (float)npy->values[i];
        if (dtype == DTYPE_F16)
            values[i] = f32_from_f16(f16_from_f32(values[i]));
        else if (dtype == DTYPE_BF16)
            values[i] = f32_from_bf16(bf16_from_f32(values[i]));
        if (!isfinite(values[i]))
            return err_set(err, "%s: element %" PRId64 " is %g, which %s cannot hold",
                           test_case_path(c, file), i, npy->values[i], dtype_name(dtype));
    }
    *out = values;
    return 0;
}

/* Index of a dimension in a tensor's shape by layout: batch 0, then heads and n. */
static int heads_dim(const struct test_case *c)
{
    return c->problem.layout == LAYOUT_BHND ? 1 : 2;
}

static int read_tensors(struct test_case *c, const struct json *json, struct err *err)
{
    static const char *const files[] = {"q.npy", "k.npy", "v.npy"};
    struct npy npy[3];
    const int h = heads_dim(c), n = 3 - h;
    for (int i = 0; i < 3; ++i) {
        if (test_case_read(c, files[i], &npy[i], err))
            return -1;
        if (npy[i].rank != 4 || npy[i].kind != 'f')
            return err_set(err, "%s: expected 4 dimensions of floats, [batch, %s, d]",
                           test_case_path(c, files[i]), h == 1 ? "heads, n" : "n, heads");
    }
    if (!cJSON_GetObjectItemCaseSensitive(json->root, "dtype") && npy[0].item_bytes == 2)
        c->problem.dtype = DTYPE_F16;
    if (test_case_set_size(c, json, "batch", npy[0].shape[0], files[0], err) ||
        test_case_set_size(c, json, "heads_q", npy[0].shape[h], files[0], err) ||
        test_case_set_size(c, json, "n_q", npy[0].shape[n], files[0], err) ||
        test_case_set_size(c, json, "d_k", npy[0].shape[3], files[0], err) ||
        test_case_set_size(c, json, "heads_kv", npy[1].shape[h], files[1], err) ||
        test_case_set_size(c, json, "n_kv", npy[1].shape[n], files[1], err) ||
        test_case_set_size(c, json, "d_v", npy[2].shape[3], files[2], err))
        return -1;
    const struct problem *p = &c->problem;
    int64_t shape[4] = {p->batch, 0, 0, p->d_k};
    shape[h] = p->heads_kv;
    shape[n] = p->n_kv;
    if (test_case_need_shape(c, files[1], &npy[1], 4, shape, "to fit q.npy", err))
        return -1;
    shape[3] = p->d_v;
    if (test_case_need_shape(c, files[2], &npy[2], 4, shape, "to fit k.npy", err))
        return -1;
    const float **out[] = {&c->inputs.q, &c->inputs.k, &c->inputs.v};
    for (int i = 0; i < 3; ++i)
        if (test_case_floats(c, files[i], &npy[i], (enum dtype)p->dtype, out[i], err))
            return -1;
    return 0;
}

/* ---- what modifies attention ------------------------------------------------------------------
 */

/* The tensor's shape padded with 1 in front, as NumPy broadcasts; -1 when it does not fit. */
static int pad_shape(const struct problem *p, const struct npy *npy, int64_t shape[BIAS_DIMS])
{
    const int64_t full[BIAS_DIMS] = {p->batch, p->heads_q, p->n_q, p->n_kv};
    if (npy->rank > BIAS_DIMS)
        return -1;
    for (int d = 0; d < BIAS_DIMS; ++d) {
        const int from = d - (BIAS_DIMS - npy->rank);
        shape[d] = from < 0 ? 1 : npy->shape[from];
        if (shape[d] != 1 && shape[d] != full[d])
            return -1;
    }
    return 0;
}

static int64_t padded_index(const int64_t shape[BIAS_DIMS], const int64_t at[BIAS_DIMS])
{
    int64_t index = 0;
    for (int d = 0; d < BIAS_DIMS; ++d)
        index = index * shape[d] + (shape[d] == 1 ? 0 : at[d]);
    return index;
}

static int set_text(struct test_case *c, const char *key, const char *text, struct err *err)
{
    cJSON *value = cJSON_CreateString(text);
    const int result = problem_set(&c->problem, key, value, &c->arena, err);
    cJSON_Delete(value);
    return result;
}

struct score_tensor {
    const char *file;
    bool there;
    struct npy npy;
    int64_t shape[BIAS_DIMS];
};

static int read_score_tensor(struct test_case *c, struct score_tensor *t, struct err *err)
{
    t->there = test_case_has(c, t->file);
    if (!t->there)
        return 0;
    if (test_case_read(c, t->file, &t->npy, err))
        return -1;
    return pad_shape(&c->problem, &t->npy, t->shape)
               ? err_set(err, "%s: its shape does not broadcast to [batch, heads_q, n_q, n_kv]",
                         test_case_path(c, t->file))
               : 0;
}

/* bias.npy, mask.npy or both: then the mask becomes -infinity in the bias. */
static int read_bias(struct test_case *c, struct err *err)
{
    struct score_tensor bias = {.file = "bias.npy"}, mask = {.file = "mask.npy"};
    char name[5] = "1111";
    if (read_score_tensor(c, &bias, err) || read_score_tensor(c, &mask, err))
        return -1;
    const int64_t wanted = c->problem.bias;
    if (!bias.there && !mask.there)
        return wanted == BIAS_FLOAT || wanted == BIAS_BOOL
                   ? err_set(err, "%s: there is none, but case.json asks for a bias",
                             test_case_path(c, wanted == BIAS_BOOL ? mask.file : bias.file))
                   : 0;
    if (wanted == BIAS_ALIBI)
        return err_set(err, "%s: cannot be combined with \"bias\": \"alibi\"",
                       test_case_path(c, bias.there ? bias.file : mask.file));
    for (int d = 0; d < BIAS_DIMS; ++d)
        if ((bias.there && bias.shape[d] != 1) || (mask.there && mask.shape[d] != 1))
            name[d] = "bhqk"[d];
    if (set_text(c, "bias", bias.there ? "float" : "bool", err) ||
        set_text(c, "bias_shape", name, err))
        return -1;
    const struct bias_dims dims = problem_bias_dims(&c->problem);
    float *values = arena_array(&c->arena, (size_t)dims.count, sizeof *values);
    unsigned char *seen = arena_array(&c->arena, (size_t)dims.count, sizeof *seen);
    int64_t index = 0, at[BIAS_DIMS];
    for (at[0] = 0; at[0] < dims.size[0]; ++at[0])
        for (at[1] = 0; at[1] < dims.size[1]; ++at[1])
            for (at[2] = 0; at[2] < dims.size[2]; ++at[2])
                for (at[3] = 0; at[3] < dims.size[3]; ++at[3], ++index) {
                    const double b = bias.there ? bias.npy.values[padded_index(bias.shape, at)] : 0;
                    seen[index] = !mask.there || mask.npy.values[padded_index(mask.shape, at)] != 0;
                    values[index] = seen[index] ? (float)b : -INFINITY;
                    if (isnan(b) || b == INFINITY)
                        return err_set(err, "%s: element %" PRId64 " is %g",
                                       test_case_path(c, bias.file), index, b);
                }
    c->inputs.bias = bias.there ? values : NULL;
    c->inputs.mask = bias.there ? NULL : seen;
    return 0;
}

static int read_lists(struct test_case *c, struct err *err)
{
    struct npy npy;
    if (test_case_has(c, "kv_lengths.npy")) {
        if (test_case_read(c, "kv_lengths.npy", &npy, err) ||
            test_case_need_shape(c, "kv_lengths.npy", &npy, 1, &c->problem.batch, "(batch)", err))
            return -1;
        cJSON *list = cJSON_CreateArray();
        for (int64_t b = 0; b < npy.count; ++b)
            cJSON_AddItemToArray(list, cJSON_CreateNumber(npy.values[b]));
        const int result = problem_set(&c->problem, "kv_lengths", list, &c->arena, err);
        cJSON_Delete(list);
        if (result)
            return err_prefix(err, "%s", test_case_path(c, "kv_lengths.npy"));
    }
    if (test_case_has(c, "sinks.npy")) {
        if (test_case_read(c, "sinks.npy", &npy, err) ||
            test_case_need_shape(c, "sinks.npy", &npy, 1, &c->problem.heads_q, "(heads_q)", err) ||
            test_case_floats(c, "sinks.npy", &npy, DTYPE_F32, &c->inputs.sinks, err))
            return -1;
        c->problem.sink = 1;
    } else if (c->problem.sink) {
        return err_set(err, "%s: there is none, but case.json asks for a sink",
                       test_case_path(c, "sinks.npy"));
    }
    return 0;
}

static int read_expectations(struct test_case *c, struct err *err)
{
    const struct problem *p = &c->problem;
    const bool attention = p->op == OP_ATTENTION;
    struct npy npy;
    if (!attention && test_case_has(c, "expect.npy")) {
        const int64_t shape[] = {p->batch, p->n_q, p->d_model};
        if (test_case_read(c, "expect.npy", &npy, err) ||
            test_case_need_shape(c, "expect.npy", &npy, 3, shape, "as the output", err))
            return -1;
        c->expect = npy.values;
    }
    if (attention && test_case_has(c, "expect.npy")) {
        int64_t shape[4] = {p->batch, p->heads_q, p->n_q, p->d_v};
        if (p->layout == LAYOUT_BNHD) {
            shape[1] = p->n_q;
            shape[2] = p->heads_q;
        }
        if (test_case_read(c, "expect.npy", &npy, err) ||
            test_case_need_shape(c, "expect.npy", &npy, 4, shape, "as the output", err))
            return -1;
        c->expect = npy.values;
    }
    if (attention && test_case_has(c, "expect_weights.npy")) {
        const int64_t shape[4] = {p->batch, p->heads_q, p->n_q, p->n_kv};
        if (test_case_read(c, "expect_weights.npy", &npy, err) ||
            test_case_need_shape(c, "expect_weights.npy", &npy, 4, shape,
                                 "(batch, heads_q, n_q, n_kv)", err))
            return -1;
        c->expect_weights = npy.values;
    }
    return 0;
}

static int load(struct test_case *c, const struct json *json, struct err *err)
{
    struct err why;
    if (read_attributes(c, json, err))
        return -1;
    if (c->problem.op != OP_ATTENTION) {
        if (test_case_operation(c, json, err))
            return -1;
    } else if (read_tensors(c, json, err) || read_bias(c, err) || read_lists(c, err)) {
        return -1;
    }
    if (problem_resolve(&c->problem, &why))
        return json_fail(json, json->root, err, "%s", why.message);
    default_tolerance(c);
    return read_expectations(c, err);
}

int test_case_load(struct test_case *test_case, const char *folder, struct err *err)
{
    struct text text = {0};
    struct json json = {0};
    *test_case = (struct test_case){.problem = problem_default()};
    test_case->folder = arena_copy(&test_case->arena, folder);
    const char *path = test_case_path(test_case, "case.json");
    int result = file_read(path, CASE_BYTES_MAX, &text, err);
    if (result == 0)
        result = json_load(&json, path, text_get(&text), text.length, err);
    text_free(&text);
    if (result == 0) {
        result = load(test_case, &json, err);
        json_free(&json);
    }
    if (result)
        test_case_free(test_case);
    return result;
}

void test_case_free(struct test_case *test_case)
{
    arena_free(&test_case->arena);
}

struct closeness test_case_compare(const struct test_case *test_case, const float *got,
                                   const double *want, int64_t count)
{
    struct closeness result = {.close = true};
    double furthest = -1;
    for (int64_t i = 0; i < count; ++i) {
        const double err = fabs((double)got[i] - want[i]);
        const double limit = test_case->atol + test_case->rtol * fabs(want[i]);
        const bool close =
            err <= limit && isfinite(limit); /* NaN is not, nor anything to infinity */
        const double over = close ? err - limit : isnan(err) ? INFINITY : err;
        result.far += !close;
        result.max_abs_err = isnan(err) ? INFINITY : fmax(result.max_abs_err, err);
        if (want[i] != 0 && !isnan(err))
            result.max_rel_err = fmax(result.max_rel_err, err / fabs(want[i]));
        if (over > furthest) {
            furthest = over;
            result.worst = i;
        }
    }
    result.close = result.far == 0;
    return result;
}
