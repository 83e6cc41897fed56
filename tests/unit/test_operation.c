/* Operations beside attention: their keys, sizes and work, and how frames are filled. */
#include "support.h"

#include "problem/compose.h"
#include "store/kernels.h"
#include "verify/inputs.h"
#include "verify/operation_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int load(struct problem *problem, const char *text, struct arena *arena, struct err *err)
{
    cJSON *object = cJSON_Parse(text);
    assert_non_null(object);
    const int result = problem_from_json(problem, object, arena, err);
    cJSON_Delete(object);
    return result;
}

static void sizes_follow_from_one_another(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id;
    } cases[] = {
        {"{\"op\":\"mha\",\"heads\":8,\"d_k\":64,\"n\":10}",
         "mha(heads_q=8,heads_kv=8,n_q=10,n_kv=10,d_k=64,d_v=64,d_model=512)"},
        {"{\"op\":\"mha\",\"heads\":8,\"d_model\":512,\"n\":10}",
         "mha(heads_q=8,heads_kv=8,n_q=10,n_kv=10,d_k=64,d_v=64,d_model=512)"},
        {"{\"op\":\"encoder_layer\",\"heads\":2,\"d_k\":4,\"n\":3,\"layers\":1}",
         "encoder_layer(heads_q=2,heads_kv=2,n_q=3,n_kv=3,d_k=4,d_v=4,d_model=8,d_ff=32)"},
        {"{\"op\":\"rnn\",\"d_model\":6,\"n\":3,\"rnn_cell\":\"gru\"}",
         "rnn(n_q=3,n_kv=3,d_k=6,d_v=6,d_model=6,rnn_cell=gru)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct arena arena = {0};
        struct problem problem, again;
        struct err err = {""};
        assert_int_equal(load(&problem, cases[i].text, &arena, &err), 0);
        assert_string_equal(problem_id(&problem, &arena), cases[i].id);
        cJSON *json = problem_to_json(&problem); /* what a worker gets is the same problem */
        assert_int_equal(problem_from_json(&again, json, &arena, &err), 0);
        assert_string_equal(problem_id(&again, &arena), cases[i].id);
        cJSON_Delete(json);
        arena_free(&arena);
    }
}

static void keys_that_do_nothing_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"n\":4,\"d_k\":4,\"d_model\":4}", "\"d_model\" is no key of the operation attention"},
        {"{\"op\":\"mha\",\"n\":4,\"d_k\":4,\"rnn_cell\":\"lstm\"}",
         "\"rnn_cell\" is no key of the operation mha"},
        {"{\"op\":\"mha\",\"n\":4}", "neither \"d_model\" nor \"d_k\" is set"},
        {"{\"op\":\"mha\",\"n_q\":4,\"n_kv\":5,\"d_k\":4}", "a sequence attends to itself"},
        {"{\"op\":\"mha\",\"n\":4,\"d_k\":4,\"bias\":\"float\"}", "bias=float is for"},
        {"{\"op\":\"mha\",\"n\":4,\"d_k\":4,\"softcap\":5}", "\"softcap\" is no key"},
        {"{\"op\":\"mha\",\"n\":4,\"heads\":3,\"d_model\":4}", "no multiple of heads_q"},
        {"{\"op\":\"mha\",\"n\":4,\"d_k\":4,\"rope_base\":10}", "need position=rope"},
        {"{\"op\":\"rnn\",\"n\":4,\"d_k\":4,\"heads\":2}", "has no heads"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct arena arena = {0};
        struct problem problem;
        struct err err = {""};
        assert_int_equal(load(&problem, cases[i][0], &arena, &err), -1);
        if (!strstr(err.message, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], err.message);
        arena_free(&arena);
    }
}

static void work_is_counted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double flops, bytes;
    } cases[] = {
        /* four projections of 2 n d^2 and n^2 pairs; x, o and four weights */
        {"{\"op\":\"mha\",\"heads\":2,\"d_k\":4,\"n\":10}", 4 * 2 * 10 * 64.0 + 2 * 2 * 100.0 * 8,
         (2 * 80 + 4 * 64) * 4},
        {"{\"op\":\"rnn\",\"d_model\":8,\"n\":10,\"rnn_cell\":\"lstm\"}", 2 * 2 * 10 * 64.0 * 4,
         (2 * 80 + 2 * 256 + 2 * 32) * 4},
        /* two layers, each with feed-forward of 4 n d d_ff; two gains and shifts */
        {"{\"op\":\"encoder_layer\",\"heads\":2,\"d_k\":4,\"n\":10,\"layers\":2,\"d_ff\":5}",
         2 * (4 * 2 * 10 * 64.0 + 2 * 2 * 100.0 * 8 + 4 * 10 * 8 * 5.0),
         (2 * 80 + 2 * (4 * 64 + 2 * 40 + 4 * 8)) * 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct arena arena = {0};
        struct problem problem;
        assert_int_equal(load(&problem, cases[i].text, &arena, NULL), 0);
        assert_true(near(problem_flops(&problem), cases[i].flops, 0));
        assert_true(near(problem_bytes(&problem), cases[i].bytes, 0));
        arena_free(&arena);
    }
}

static const struct device_info cpu = {.id = "cpu-0", .type = "cpu", .vector_width = 16};

static const struct variant *fill(const struct kernel_tree *tree, const char *name,
                                  const char *text, struct problem *problem, struct arena *arena)
{
    assert_int_equal(load(problem, text, arena, NULL), 0);
    return compose_for(tree->variants, tree->count, kernel_tree_find(tree, name), problem, &cpu,
                       arena);
}

static void a_frame_takes_any_attention_variant(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct kernel_tree tree;
    struct problem problem;
    struct tuning tuning;
    struct err err = {""};
    assert_int_equal(kernel_tree_load(&tree, NULL, &err), 0);
    const struct variant *whole =
        fill(&tree, "naive", "{\"op\":\"mha\",\"heads\":2,\"d_k\":4,\"n\":10}", &problem, &arena);
    assert_non_null(whole);
    assert_string_equal(whole->name, "naive");
    /* three projections and splits, three passes of attention, merge, projection */
    static const char *const passes[] = {"project_q",
                                         "project_k",
                                         "project_v",
                                         "split_q",
                                         "split_k",
                                         "split_v",
                                         "attention/naive_scores",
                                         "attention/naive_softmax",
                                         "attention/naive_values",
                                         "merge",
                                         "project_o"};
    assert_int_equal(whole->pass_count, sizeof passes / sizeof *passes);
    for (int i = 0; i < whole->pass_count; ++i)
        assert_string_equal(pass_name(&whole->passes[i]), passes[i]);
    assert_string_equal(whole->passes[6].args[0], "heads_of_q");
    assert_string_equal(whole->passes[6].args[5], "scores.1");
    assert_int_equal(variant_fit(whole, &problem, &cpu, &tuning, &err), 0);
    assert_int_equal(variant_launches(whole, &problem, &tuning), 11);

    whole = fill(&tree, "naive",
                 "{\"op\":\"encoder_layer\",\"heads\":2,\"d_k\":4,\"n\":10,"
                 "\"layers\":3,\"layout\":\"bnhd\"}",
                 &problem, &arena);
    assert_int_equal(variant_fit(whole, &problem, &cpu, &tuning, &err), 0);
    /* enter and leave once, 4 products, attention, 2 sums, 2 norms, 2 products, activation */
    assert_int_equal(variant_launches(whole, &problem, &tuning), 2 + 3 * (4 + 3 + 4 + 3));

    assert_null(fill(&tree, "rnn_steps", "{\"op\":\"mha\",\"d_k\":4,\"n\":10}", &problem, &arena));
    assert_null(fill(&tree, "naive", "{\"op\":\"rnn\",\"d_k\":4,\"n\":10}", &problem, &arena));
    assert_null(fill(&tree, "mha", "{\"op\":\"mha\",\"d_k\":4,\"n\":10}", &problem, &arena));
    assert_null(fill(&tree, "mha", "{\"d_k\":4,\"n\":10}", &problem, &arena));
    whole = fill(&tree, "naive", "{\"d_k\":4,\"n\":10}", &problem, &arena);
    assert_ptr_equal(whole, kernel_tree_find(&tree, "naive"));
    kernel_tree_free(&tree);
    arena_free(&arena);
}

/* Sampled rows are those of the whole, and noise moves them by about what was asked for. */
static void references_agree_with_themselves(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct problem problem;
    assert_int_equal(load(&problem,
                          "{\"op\":\"decoder_layer\",\"heads\":2,\"d_k\":4,\"n_q\":6,"
                          "\"n_kv\":9,\"layers\":2,\"mask\":\"causal\"}",
                          &arena, NULL),
                     0);
    struct attention_inputs inputs = {0};
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const int64_t count = operation_tensor_size(&problem, t, NULL);
        float *values = arena_array(&arena, (size_t)count + 1, sizeof *values);
        if (count)
            inputs_fill_tensor(&problem, t, INPUT_RANDOM, 1, values, count);
        inputs.tensors[t] = values;
    }
    const row_index all[] = {0, 1, 2, 3, 4, 5}, two[] = {1, 5};
    double whole[48];
    struct expected expected;
    assert_int_equal(expected_alloc(&expected, 2, 8), 0);
    reference_operation(&problem, &inputs, all, 6, whole);
    reference_operation_expected(&problem, &inputs, two, 2, &expected);
    for (int c = 0; c < 8; ++c) {
        assert_true(near(expected.want[c], whole[8 + c], 1e-14));
        assert_true(near(expected.want[8 + c], whole[40 + c], 1e-14));
        assert_true(expected.variance[c] > 1e-16 && expected.variance[c] < 1e-8);
        assert_true(expected.coarse[c] == 0);
    }
    assert_true(expected.models[0].judged && expected.models[1].judged);
    expected_free(&expected);
    assert_null(expected.want);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_follow_from_one_another),
        cmocka_unit_test(keys_that_do_nothing_are_refused),
        cmocka_unit_test(work_is_counted),
        cmocka_unit_test(a_frame_takes_any_attention_variant),
        cmocka_unit_test(references_agree_with_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
