/* q.npy, k.npy and v.npy: their sizes, what they are stored as, and what no query looks at. */
#include "store/test_case_files.h"

#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const files[] = {"q.npy", "k.npy", "v.npy"};

/* ---- dtype ----------------------------------------------------------------------------------- */

/* 16 bits say which dtype they are; f4 and f8 are rounded to the one that case.json names. */
static int stored_as(struct npy *npy, enum dtype *dtype)
{
    const bool bits = npy->kind == 'u' && npy->item_bytes == 2;
    if (bits)
        npy_take_bf16(npy);
    *dtype = npy->kind == 'V' ? DTYPE_BF16 : npy->item_bytes == 2 ? DTYPE_F16 : DTYPE_F32;
    return npy->kind == 'f' || npy->kind == 'V' ? 0 : -1;
}

static int find_dtype(struct test_case *c, const struct json *json, const int i, enum dtype dtype,
                      struct err *err)
{
    const cJSON *given = test_case_key(json, "dtype");
    if (!given && i == 0)
        c->problem.dtype = dtype;
    if (dtype == (enum dtype)c->problem.dtype || (given && dtype == DTYPE_F32))
        return 0;
    const char *said = dtype_name((enum dtype)c->problem.dtype);
    return given ? json_fail(json, given, err,
                             "%s holds %s, this says %s; save it as float32 for "
                             "another dtype",
                             files[i], dtype_name(dtype), said)
                 : err_set(err, "%s: holds %s, and %s %s; save both alike",
                           test_case_path(c, files[i]), dtype_name(dtype), files[0], said);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

struct sizes {
    int64_t batch, heads, n, d;
};

static int64_t given_size(const struct json *json, const char *key, const char *shorthand)
{
    const cJSON *item = test_case_key(json, key);
    if (!item && shorthand)
        item = test_case_key(json, shorthand);
    return item && cJSON_IsNumber(item) && item->valuedouble >= 1 ? (int64_t)item->valuedouble : 0;
}

/* The first size of an array [batch x heads, n, d] taken apart: what case.json says of it, or what
 * q.npy made of it, and without either there is no batch. */
static int split_first(struct test_case *c, const struct json *json, int i, int64_t first,
                       struct sizes *out, struct err *err)
{
    const int64_t heads = i == 0 ? given_size(json, "heads_q", "heads") : 0;
    const int64_t batch = i > 0 ? c->problem.batch : given_size(json, "batch", NULL);
    const int64_t part = heads ? heads : batch ? batch : 1;
    if (first % part)
        return err_set(err, "%s: %" PRId64 " is no multiple of the %s, %" PRId64,
                       test_case_path(c, files[i]), first,
                       heads    ? "heads that case.json says"
                       : i == 0 ? "batch that case.json says"
                                : "batch of q.npy",
                       part);
    out->batch = heads ? first / heads : part;
    out->heads = first / out->batch;
    return 0;
}

static int find_sizes(struct test_case *c, const struct json *json, int i, const struct npy *npy,
                      struct sizes *out, struct err *err)
{
    const bool bhnd = c->problem.layout == LAYOUT_BHND;
    const int64_t *shape = npy->shape + (npy->rank == 4);
    if ((npy->rank != 4 && npy->rank != 3) || (i > 0 && npy->rank != c->rank))
        return err_set(err,
                       "%s: expected 4 dimensions of floats, [batch, %s, d], or 3, [%s, d]%s; "
                       "found shape %s",
                       test_case_path(c, files[i]), bhnd ? "heads, n" : "n, heads",
                       bhnd ? "batch x heads, n" : "n, heads", i ? ", as q.npy has them" : "",
                       test_case_shape(c, npy->shape, npy->rank));
    *out = (struct sizes){npy->shape[0], shape[bhnd ? 0 : 1], shape[bhnd ? 1 : 0], shape[2]};
    if (npy->rank == 3 && bhnd)
        return split_first(c, json, i, npy->shape[0], out, err);
    if (npy->rank == 3)
        out->batch = 1;
    return 0;
}

/* As they stand in a file of the rank of q.npy. */
static void shape_of(const struct test_case *c, const struct sizes *s, int64_t shape[4])
{
    const bool bhnd = c->problem.layout == LAYOUT_BHND;
    const int64_t four[] = {s->batch, bhnd ? s->heads : s->n, bhnd ? s->n : s->heads, s->d};
    memcpy(shape, four, sizeof four);
    if (c->rank == 3) {
        memmove(shape, shape + 1, 3 * sizeof *shape);
        shape[0] *= bhnd ? s->batch : 1;
    }
}

int test_case_tensors(struct test_case *c, const struct json *json, struct npy npy[3],
                      struct err *err)
{
    struct sizes q = {0}, k = {0}, v = {0}, *const sizes[] = {&q, &k, &v};
    for (int i = 0; i < 3; ++i) {
        enum dtype dtype;
        if (test_case_read(c, files[i], &npy[i], err))
            return -1;
        c->rank = i ? c->rank : npy[i].rank;
        if (stored_as(&npy[i], &dtype))
            return err_set(err, "%s: expected 4 dimensions of floats, or 3; found %s",
                           test_case_path(c, files[i]), npy_type(&npy[i]).text);
        if (find_sizes(c, json, i, &npy[i], sizes[i], err) || find_dtype(c, json, i, dtype, err))
            return -1;
        if (i == 0 && test_case_set_size(c, json, "batch", q.batch, files[0], err))
            return -1;
    }
    if (test_case_set_size(c, json, "heads_q", q.heads, files[0], err) ||
        test_case_set_size(c, json, "n_q", q.n, files[0], err) ||
        test_case_set_size(c, json, "d_k", q.d, files[0], err) ||
        test_case_set_size(c, json, "heads_kv", k.heads, files[1], err) ||
        test_case_set_size(c, json, "n_kv", k.n, files[1], err) ||
        test_case_set_size(c, json, "d_v", v.d, files[2], err))
        return -1;
    int64_t shape[4];
    shape_of(c, &(struct sizes){q.batch, k.heads, k.n, q.d}, shape);
    if (test_case_need_shape(c, files[1], &npy[1], c->rank, shape, "to fit q.npy", err))
        return -1;
    shape_of(c, &(struct sizes){q.batch, k.heads, k.n, v.d}, shape);
    return test_case_need_shape(c, files[2], &npy[2], c->rank, shape, "to fit k.npy", err);
}

/* ---- what no query looks at ------------------------------------------------------------------ */

bool test_case_sees(const struct test_case *c, int64_t batch, int64_t head, int64_t row,
                    int64_t key)
{
    const struct problem *p = &c->problem;
    int64_t first, end;
    problem_visible_keys(p, batch, row, &first, &end);
    if (key < first || key >= end)
        return false;
    if (!c->inputs.bias && !c->inputs.mask)
        return true;
    const struct bias_dims dims = problem_bias_dims(p);
    const int64_t index = bias_index(&dims, batch, head, row, key);
    return c->inputs.mask ? c->inputs.mask[index] : c->inputs.bias[index] > -INFINITY;
}

bool test_case_sees_any(const struct test_case *c, int64_t batch, int64_t head, int64_t row)
{
    int64_t first, end;
    problem_visible_keys(&c->problem, batch, row, &first, &end);
    for (int64_t j = first; j < end; ++j)
        if (test_case_sees(c, batch, head, row, j))
            return true;
    return false;
}

/* Of each row of q, and of k and v: does any query that sees something look at it? */
static unsigned char *find_seen(struct test_case *c, bool of_keys)
{
    const struct problem *p = &c->problem;
    const int64_t heads = of_keys ? p->heads_kv : p->heads_q, n = of_keys ? p->n_kv : p->n_q;
    const int64_t group = p->heads_q / p->heads_kv;
    const struct bias_dims dims = problem_bias_dims(p);
    const bool alike = (!c->inputs.bias && !c->inputs.mask) || !dims.full[BIAS_HEAD];
    unsigned char *seen = arena_array(&c->arena, (size_t)(p->batch * heads * n), 1);
    for (int64_t b = 0; b < p->batch; ++b) {
        for (int64_t h = 0; h < (alike ? 1 : p->heads_q); ++h)
            for (int64_t i = 0; i < p->n_q; ++i) {
                int64_t first, end;
                problem_visible_keys(p, b, i, &first, &end);
                if (!of_keys) {
                    seen[(b * heads + h) * n + i] = test_case_sees_any(c, b, h, i);
                    continue;
                }
                unsigned char *keys = seen + (b * heads + h / group) * n;
                for (int64_t j = first; j < end; ++j)
                    keys[j] = keys[j] || test_case_sees(c, b, h, i, j);
            }
        for (int64_t h = 1; alike && h < heads; ++h)
            memcpy(seen + (b * heads + h) * n, seen + b * heads * n, (size_t)n);
    }
    return seen;
}

/* Numbers beyond this in what nobody looks at become 0, like NaN: a product with them could
 * overflow. */
static const float unseen_limit = 1e30F;

static int take_values(struct test_case *c, int i, struct npy *npy, const float **out,
                       struct err *err)
{
    const struct problem *p = &c->problem;
    const bool bhnd = p->layout == LAYOUT_BHND;
    const int64_t heads = i ? p->heads_kv : p->heads_q, n = i ? p->n_kv : p->n_q;
    const int64_t d = i == 2 ? p->d_v : p->d_k;
    float *values = test_case_round(c, npy, (enum dtype)p->dtype);
    const unsigned char *seen = NULL;
    for (int64_t e = 0; e < npy->count; ++e) {
        if (fabsf(values[e]) <= unseen_limit) /* accept form: NaN goes on */
            continue;
        const int64_t row = e / d, b = row / (heads * n);
        const int64_t h = bhnd ? row / n % heads : row % heads;
        const int64_t j = bhnd ? row % n : row / heads % n;
        seen = seen ? seen : find_seen(c, i > 0);
        if (!seen[(b * heads + h) * n + j])
            values[e] = 0;
        else if (!isfinite(values[e]))
            return err_set(err,
                           "%s: element %" PRId64 " is %g, which %s cannot hold (batch %" PRId64
                           ", head %" PRId64 ", row %" PRId64 ", column %" PRId64 ")",
                           test_case_path(c, files[i]), e, npy->values[e],
                           dtype_name((enum dtype)p->dtype), b, h, j, e % d);
    }
    *out = values;
    return 0;
}

int test_case_values(struct test_case *c, struct npy npy[3], struct err *err)
{
    const float **out[] = {&c->inputs.q, &c->inputs.k, &c->inputs.v};
    for (int i = 0; i < 3; ++i)
        if (take_values(c, i, &npy[i], out[i], err))
            return -1;
    return 0;
}
