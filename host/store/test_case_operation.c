/* Cases of operations beside attention. */
#include "store/test_case_files.h"

/* ---- other operations -------------------------------------------------------------------------
 */

/* One layer's weights need no dimension for it: sizes of 1 do not count. */
static bool same_shape(const struct npy *npy, const int64_t dims[4])
{
    int at = 0;
    for (int d = 0; d < npy->rank; ++d) {
        while (at < 4 && dims[at] == 1)
            ++at;
        if (npy->shape[d] != 1 && (at == 4 || npy->shape[d] != dims[at++]))
            return false;
    }
    while (at < 4 && dims[at] == 1)
        ++at;
    return at == 4;
}

static int read_operation_tensor(struct test_case *c, int tensor, struct err *err)
{
    struct npy npy;
    int64_t dims[4];
    const char *file = arena_print(&c->arena, "%s.npy", operation_tensor(tensor)->name);
    if (!operation_tensor_size(&c->problem, tensor, dims))
        return 0;
    if (test_case_read_floats(c, file, &npy, err) ||
        (!same_shape(&npy, dims) &&
         test_case_need_shape(c, file, &npy, 4, dims, "(sizes of 1 may be left out)", err)))
        return -1;
    return test_case_floats(c, file, &npy, (enum dtype)c->problem.dtype, &c->inputs.tensors[tensor],
                            err);
}

/* Sizes come from x.npy [batch, n, d_model] and y.npy; heads and widths from case.json. */
int test_case_operation(struct test_case *c, const struct json *json, struct err *err)
{
    struct npy x, y;
    struct err why;
    const bool two = test_case_has(c, "y.npy");
    if (test_case_read_floats(c, "x.npy", &x, err) ||
        (two && test_case_read_floats(c, "y.npy", &y, err)))
        return -1;
    if (x.rank != 3 || (two && y.rank != 3))
        return err_set(err, "%s: expected 3 dimensions of floats, [batch, n, d_model]",
                       test_case_path(c, x.rank != 3 ? "x.npy" : "y.npy"));
    if (test_case_set_size(c, json, "batch", x.shape[0], "x.npy", err) ||
        test_case_set_size(c, json, "n_q", x.shape[1], "x.npy", err) ||
        test_case_set_size(c, json, "d_model", x.shape[2], "x.npy", err) ||
        test_case_set_size(c, json, "n_kv", two ? y.shape[1] : x.shape[1], two ? "y.npy" : "x.npy",
                           err) ||
        test_case_lengths(c, json, err))
        return -1;
    if (problem_resolve(&c->problem, &why))
        return json_fail(json, json->root, err, "%s", why.message);
    for (int t = 0; t < operation_tensor_count(); ++t)
        if (read_operation_tensor(c, t, err))
            return -1;
    return 0;
}
