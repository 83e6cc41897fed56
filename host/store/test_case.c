#include "store/test_case_files.h"

#include "util/file.h"
#include "util/text.h"

#include <math.h>

enum { CASE_BYTES_MAX = 1 << 20 };

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

/* Sizes, then what hides keys, then values, of which only those that are seen matter. */
static int load_attention(struct test_case *c, const struct json *json, struct err *err)
{
    struct npy npy[3];
    struct err why;
    if (test_case_tensors(c, json, npy, err) || test_case_lengths(c, json, err))
        return -1;
    if (problem_resolve(&c->problem, &why))
        return json_fail(json, json->root, err, "%s", why.message);
    return test_case_bias(c, json, err) || test_case_values(c, npy, err) ||
                   test_case_sinks(c, json, err) || test_case_edges(c, err)
               ? -1
               : 0;
}

static int load(struct test_case *c, const struct json *json, struct err *err)
{
    if (test_case_attributes(c, json, err))
        return -1;
    if (c->problem.op == OP_ATTENTION) {
        if (test_case_only_known_files(c, err) || load_attention(c, json, err))
            return -1;
    } else if (test_case_operation(c, json, err) || test_case_only_known_files(c, err)) {
        return -1; /* sizes say which weights there are */
    }
    default_tolerance(c);
    return test_case_expectations(c, err);
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
