/* What modifies a case's scores: bias.npy, mask.npy, kv_lengths.npy, sinks.npy. */
#include "store/test_case_files.h"

#include "util/text.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- shapes ---------------------------------------------------------------------------------- */

/* An array by the four dimensions that it is spread over; 1: the same for all. */
struct score_tensor {
    const char *file;
    bool there, additive;
    struct npy npy;
    double lowest;
    int64_t shape[BIAS_DIMS];
};

/* Adds a way to read the array's shape, if it fits and is not one of those there are. */
static int add_reading(const struct problem *p, int64_t readings[][BIAS_DIMS], int count,
                       const int64_t shape[BIAS_DIMS])
{
    const int64_t full[BIAS_DIMS] = {p->batch, p->heads_q, p->n_q, p->n_kv};
    for (int d = 0; d < BIAS_DIMS; ++d)
        if (shape[d] != 1 && shape[d] != full[d])
            return count;
    for (int r = 0; r < count; ++r)
        if (memcmp(readings[r], shape, sizeof readings[r]) == 0)
            return count;
    memcpy(readings[count], shape, sizeof readings[count]);
    return count + 1;
}

/* As NumPy broadcasts, with 1 in front; and what frameworks pass besides: [batch, n_kv],
 * [batch, n_q, n_kv] and [batch x heads, n_q, n_kv]. */
static int find_readings(const struct problem *p, const struct npy *npy,
                         int64_t readings[][BIAS_DIMS])
{
    const int64_t *s = npy->shape;
    int64_t padded[BIAS_DIMS] = {1, 1, 1, 1};
    if (npy->rank > BIAS_DIMS)
        return 0;
    for (int d = 0; d < npy->rank; ++d)
        padded[BIAS_DIMS - npy->rank + d] = s[d];
    int count = add_reading(p, readings, 0, padded);
    if (npy->rank == 2)
        count = add_reading(p, readings, count, (const int64_t[]){s[0], 1, 1, s[1]});
    if (npy->rank == 3)
        count = add_reading(p, readings, count, (const int64_t[]){s[0], 1, s[1], s[2]});
    if (npy->rank == 3 && s[0] == p->batch * p->heads_q)
        count =
            add_reading(p, readings, count, (const int64_t[]){p->batch, p->heads_q, s[1], s[2]});
    return count;
}

static int find_shape(struct test_case *c, struct score_tensor *t, struct err *err)
{
    const struct problem *p = &c->problem;
    const int64_t full[] = {p->batch, p->heads_q, p->n_q, p->n_kv};
    int64_t readings[4][BIAS_DIMS];
    const int count = find_readings(p, &t->npy, readings);
    const char *found = test_case_shape(c, t->npy.shape, t->npy.rank);
    if (count == 0)
        return err_set(err,
                       "%s: its shape does not broadcast to [batch, heads_q, n_q, n_kv] = %s: "
                       "it is %s",
                       test_case_path(c, t->file), test_case_shape(c, full, BIAS_DIMS), found);
    if (count > 1)
        return err_set(err, "%s: its shape %s may mean %s or %s; save it with 4 dimensions",
                       test_case_path(c, t->file), found,
                       test_case_shape(c, readings[0], BIAS_DIMS),
                       test_case_shape(c, readings[1], BIAS_DIMS));
    memcpy(t->shape, readings[0], sizeof t->shape);
    return 0;
}

static double value_at(const struct score_tensor *t, const int64_t at[BIAS_DIMS])
{
    int64_t index = 0;
    for (int d = 0; d < BIAS_DIMS; ++d)
        index = index * t->shape[d] + (t->shape[d] == 1 ? 0 : at[d]);
    return t->npy.values[index];
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_integer(const struct npy *npy)
{
    return npy->kind == 'i' || npy->kind == 'u';
}

/* Floats are added; booleans and bytes hide where they are 0, and so do wider integers, of which
 * others than 0 and 1 mean something else. */
static int read_score_tensor(struct test_case *c, struct score_tensor *t, bool may_hide,
                             struct err *err)
{
    t->there = test_case_has(c, t->file);
    if (!t->there)
        return 0;
    if (may_hide ? test_case_read(c, t->file, &t->npy, err)
                 : test_case_read_floats(c, t->file, &t->npy, err))
        return -1;
    t->additive = t->npy.kind == 'f' || t->npy.kind == 'V';
    t->lowest = t->additive ? npy_lowest(&t->npy) : 0;
    for (int64_t i = 0; is_integer(&t->npy) && t->npy.item_bytes > 1 && i < t->npy.count; ++i)
        if (t->npy.values[i] != 0 && t->npy.values[i] != 1)
            return err_set(err,
                           "%s: element %" PRId64 " is %.17g; a mask of %s holds 0 and 1, one "
                           "of floats is added",
                           test_case_path(c, t->file), i, t->npy.values[i], npy_type(&t->npy).text);
    return find_shape(c, t, err);
}

/* What is added to a score: -infinity hides the key, and so does the lowest value of the type. */
static int added_value(struct test_case *c, const struct score_tensor *t,
                       const int64_t at[BIAS_DIMS], double *sum, struct err *err)
{
    const double value = t->there ? value_at(t, at) : 0;
    if (!t->there)
        return 0;
    if (!t->additive) {
        *sum += value != 0 ? 0 : -INFINITY;
        return 0;
    }
    if (isnan(value) || value == INFINITY)
        return err_set(err, "%s: element %s is %g", test_case_path(c, t->file),
                       test_case_shape(c, at, BIAS_DIMS), value);
    *sum += value <= t->lowest || value <= -(double)FLT_MAX ? -INFINITY : value;
    return 0;
}

/* Not masked, whatever it adds up to; test_case_edges.c has the last word on large ones. */
static float finite_bias(double sum)
{
    return sum == -INFINITY ? -INFINITY : sum < -(double)FLT_MAX ? -FLT_MAX : (float)sum;
}

/* Is a key behind the lengths of all batch entries that an element is for? */
static bool is_padding(const struct problem *p, bool by_batch, const int64_t at[BIAS_DIMS],
                       bool by_key)
{
    if (!p->kv_lengths || !by_key)
        return false;
    for (int64_t b = by_batch ? at[0] : 0; b < (by_batch ? at[0] + 1 : p->batch); ++b)
        if (at[BIAS_KEY] < p->kv_lengths[b])
            return false;
    return true;
}

static int fill(struct test_case *c, const struct score_tensor *bias,
                const struct score_tensor *mask, struct err *err)
{
    const bool additive = bias->there || mask->additive;
    const struct bias_dims dims = problem_bias_dims(&c->problem);
    float *values = arena_array(&c->arena, (size_t)dims.count, sizeof *values);
    unsigned char *seen = arena_array(&c->arena, (size_t)dims.count, sizeof *seen);
    int64_t index = 0, at[BIAS_DIMS];
    for (at[0] = 0; at[0] < dims.size[0]; ++at[0])
        for (at[1] = 0; at[1] < dims.size[1]; ++at[1])
            for (at[2] = 0; at[2] < dims.size[2]; ++at[2])
                for (at[3] = 0; at[3] < dims.size[3]; ++at[3], ++index) {
                    double sum = 0;
                    if (is_padding(&c->problem, dims.full[BIAS_BATCH], at, dims.full[BIAS_KEY]))
                        continue;
                    if (added_value(c, bias, at, &sum, err) || added_value(c, mask, at, &sum, err))
                        return -1;
                    if (sum > BIAS_MOST)
                        return err_set(err,
                                       "%s: element %s is %g; beyond %g kernels overflow f32, "
                                       "and nothing can be judged",
                                       test_case_path(c, bias->there ? bias->file : mask->file),
                                       test_case_shape(c, at, BIAS_DIMS), sum, BIAS_MOST);
                    values[index] = finite_bias(sum);
                    seen[index] = sum > -INFINITY;
                }
    c->bias = additive ? values : NULL;
    c->inputs.bias = c->bias;
    c->inputs.mask = additive ? NULL : seen;
    return 0;
}

/* What case.json says of it must be what the files are. */
static int check_keys(struct test_case *c, const struct json *json, const struct score_tensor *bias,
                      const struct score_tensor *mask, const char *shape, struct err *err)
{
    const cJSON *given = test_case_key(json, "bias"),
                *given_shape = test_case_key(json, "bias_shape");
    const char *file = bias->there ? bias->file : mask->file;
    const char *is = bias->there || mask->additive ? "float" : "bool";
    if (!bias->there && !mask->there) {
        const int64_t wanted = c->problem.bias;
        if (given_shape)
            return json_fail(json, given_shape, err,
                             "\"%s\", but there is neither bias.npy nor "
                             "mask.npy",
                             given_shape->valuestring);
        return wanted == BIAS_FLOAT || wanted == BIAS_BOOL
                   ? err_set(err, "%s: there is none, but case.json asks for a bias",
                             test_case_path(c, wanted == BIAS_BOOL ? mask->file : bias->file))
                   : 0;
    }
    if (c->problem.bias == BIAS_ALIBI)
        return err_set(err, "%s: cannot be combined with \"bias\": \"alibi\"",
                       test_case_path(c, file));
    if (given && strcmp(given->valuestring, is) != 0)
        return json_fail(json, given, err, "%s holds %s, which makes it \"%s\", this says \"%s\"",
                         file, npy_type(bias->there ? &bias->npy : &mask->npy).text, is,
                         given->valuestring);
    if (given_shape && strcmp(given_shape->valuestring, shape) != 0)
        return json_fail(json, given_shape, err, "%s makes it \"%s\", this says \"%s\"", file,
                         shape, given_shape->valuestring);
    return 0;
}

int test_case_bias(struct test_case *c, const struct json *json, struct err *err)
{
    struct score_tensor bias = {.file = "bias.npy"}, mask = {.file = "mask.npy"};
    char name[BIAS_DIMS + 1] = "1111";
    struct err why;
    if (read_score_tensor(c, &bias, false, err) || read_score_tensor(c, &mask, true, err))
        return -1;
    for (int d = 0; d < BIAS_DIMS; ++d)
        if ((bias.there && bias.shape[d] != 1) || (mask.there && mask.shape[d] != 1))
            name[d] = "bhqk"[d];
    if (check_keys(c, json, &bias, &mask, name, err))
        return -1;
    if (!bias.there && !mask.there)
        return 0;
    const char *kind = bias.there || mask.additive ? "float" : "bool";
    if (test_case_set_text(c, "bias", kind, err) || test_case_set_text(c, "bias_shape", name, err))
        return -1;
    if (problem_resolve(&c->problem, &why)) /* a mask may have too many rows */
        return json_fail(json, json->root, err, "%s", why.message);
    return fill(c, &bias, &mask, err);
}

/* ---- lengths --------------------------------------------------------------------------------- */

/* [batch, n_kv] of booleans, true for keys that count: they must come first. */
static int count_keys(struct test_case *c, const char *file, struct npy *npy, struct err *err)
{
    const int64_t n = c->problem.n_kv, batch = c->problem.batch;
    if (test_case_need_shape(c, file, npy, 2, (const int64_t[]){batch, n},
                             "(batch, n_kv) for booleans; or integers (batch)", err))
        return -1;
    for (int64_t b = 0; b < batch; ++b) {
        int64_t length = 0;
        while (length < n && npy->values[b * n + length] == 1)
            ++length;
        for (int64_t j = length; j < n; ++j)
            if (npy->values[b * n + j] != 0)
                return err_set(err,
                               "%s: element [%" PRId64 ", %" PRId64 "] is %g behind one that is "
                               "0: keys that count (1) come first; save other masks as "
                               "mask.npy",
                               test_case_path(c, file), b, j, npy->values[b * n + j]);
        npy->values[b] = (double)length;
    }
    npy->count = batch;
    return 0;
}

int test_case_lengths(struct test_case *c, const struct json *json, struct err *err)
{
    const char *file = "kv_lengths.npy";
    const cJSON *given = test_case_key(json, "kv_lengths");
    struct npy npy;
    if (!test_case_has(c, file))
        return 0;
    if (test_case_read(c, file, &npy, err))
        return -1;
    if (npy.kind == 'b' || npy.rank == 2
            ? count_keys(c, file, &npy, err)
            : test_case_need_shape(c, file, &npy, 1, &c->problem.batch, "(batch)", err))
        return -1;
    for (int64_t b = 0; given && b < npy.count; ++b) {
        const cJSON *said = cJSON_GetArrayItem(given, (int)b);
        if (!said || cJSON_GetArraySize(given) != npy.count || said->valuedouble != npy.values[b])
            return json_fail(json, given, err,
                             "%s says %.17g for batch entry %" PRId64 ", this says %.17g", file,
                             npy.values[b], b, said ? said->valuedouble : NAN);
    }
    cJSON *list = cJSON_CreateArray();
    for (int64_t b = 0; b < npy.count; ++b)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(npy.values[b]));
    const int result = problem_set(&c->problem, "kv_lengths", list, &c->arena, err);
    cJSON_Delete(list);
    return result ? err_prefix(err, "%s", test_case_path(c, file)) : 0;
}

/* ---- sinks ----------------------------------------------------------------------------------- */

int test_case_sinks(struct test_case *c, const struct json *json, struct err *err)
{
    const char *file = "sinks.npy";
    const cJSON *given = test_case_key(json, "sink");
    struct npy npy;
    if (!test_case_has(c, file))
        return c->problem.sink ? err_set(err, "%s: there is none, but case.json asks for a sink",
                                         test_case_path(c, file))
                               : 0;
    if (given && !c->problem.sink)
        return json_fail(json, given, err, "sinks.npy is there, this says false");
    if (test_case_read_floats(c, file, &npy, err) ||
        test_case_need_shape(c, file, &npy, 1, &c->problem.heads_q, "(heads_q)", err))
        return -1;
    float *sinks = test_case_round(c, &npy, DTYPE_F32);
    for (int64_t h = 0; h < npy.count; ++h)
        if (!(sinks[h] < INFINITY)) /* -infinity is a sink that takes nothing */
            return err_set(err, "%s: element %" PRId64 " is %g, which f32 cannot hold",
                           test_case_path(c, file), h, npy.values[h]);
    c->inputs.sinks = sinks;
    c->problem.sink = 1;
    return 0;
}
