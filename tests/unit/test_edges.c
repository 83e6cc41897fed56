/* Edge shapes: each is a possible problem, none stands there twice, and no feature is left out. */
#include "problem/edges.h"
#include "support.h"

static void each_is_a_problem_of_its_own(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_true(edge_count() > EDGES_FEW);
    for (int i = 0; i < edge_count(); ++i) {
        struct problem problem = edge_problem(i, &arena);
        struct err err = {""};
        if (problem_resolve(&problem, &err))
            fail_msg("edge %d: %s", i, err.message);
        assert_int_equal(problem.dtype, DTYPE_F32);
        for (int j = 0; j < i; ++j) {
            const struct problem other = edge_problem(j, &arena);
            assert_string_not_equal(problem_id(&problem, &arena), problem_id(&other, &arena));
        }
    }
    arena_free(&arena);
}

static void every_operation_and_feature_is_there(void **state)
{
    (void)state;
    struct arena arena = {0};
    unsigned ops = 0, masks = 0, biases = 0, returns = 0, layouts = 0;
    bool grouped = false, padded = false, softcap = false, sink = false, wide = false, tall = false;
    for (int i = 0; i < edge_count(); ++i) {
        const struct problem p = edge_problem(i, &arena);
        ops |= 1U << p.op;
        masks |= 1U << p.mask;
        biases |= 1U << p.bias;
        returns |= 1U << p.returns;
        layouts |= 1U << p.layout;
        grouped |= p.heads_q > p.heads_kv;
        padded |= p.kv_lengths != NULL;
        softcap |= p.softcap > 0;
        sink |= p.sink != 0;
        wide |= p.n_kv > p.n_q;
        tall |= p.n_q > p.n_kv;
    }
    assert_int_equal(ops, (1U << OPS) - 1);
    assert_int_equal(masks, 15);
    assert_int_equal(biases, 15);
    assert_int_equal(returns, 7);
    assert_int_equal(layouts, 3);
    assert_true(grouped && padded && softcap && sink && wide && tall);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_a_problem_of_its_own),
        cmocka_unit_test(every_operation_and_feature_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
