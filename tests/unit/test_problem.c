/* Problems: keys and limits, shorthands, ids, JSON, and counting against brute force. */
#include "support.h"

#include "util/json.h"

#define SHAPE "\"n_q\":4,\"n_kv\":6,\"d_k\":8"

/* ---- keys ------------------------------------------------------------------------------------ */

static const struct {
    const char *key, *value;
    double want; /* as problem_value gives it */
} accepted[] = {
    {"op", "\"attention\"", OP_ATTENTION},
    {"batch", "1", 1},
    {"batch", "1073741824", 1073741824},
    {"heads_q", "3", 3},
    {"heads_kv", "7", 7},
    {"n_q", "1", 1},
    {"n_kv", "1073741824", 1073741824},
    {"d_k", "4096", 4096},
    {"d_v", "1", 1},
    {"dtype", "\"f32\"", DTYPE_F32},
    {"dtype", "\"f16\"", DTYPE_F16},
    {"dtype", "\"bf16\"", DTYPE_BF16},
    {"layout", "\"bnhd\"", LAYOUT_BNHD},
    {"mask", "\"none\"", MASK_NONE},
    {"mask", "\"causal\"", MASK_CAUSAL},
    {"mask", "\"window\"", MASK_WINDOW},
    {"mask", "\"causal+window\"", MASK_CAUSAL_WINDOW},
    {"causal_offset", "0", 0},
    {"causal_offset", "-1073741824", -1073741824},
    {"window_left", "-1", WINDOW_UNLIMITED},
    {"window_left", "0", 0},
    {"window_right", "1073741824", 1073741824},
    {"bias", "\"float\"", BIAS_FLOAT},
    {"bias", "\"bool\"", BIAS_BOOL},
    {"bias", "\"alibi\"", BIAS_ALIBI},
    {"softcap", "0", 0},
    {"softcap", "30.5", 30.5},
    {"softcap", "1e6", 1e6},
    {"sink", "true", 1},
    {"sink", "false", 0},
    {"scale", "-0.25", -0.25},
};

static void every_key_can_be_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); ++i) {
        struct problem problem = problem_default();
        struct err err = {"untouched"};
        cJSON *value = parse(accepted[i].value);
        double got = NAN;
        if (problem_set(&problem, accepted[i].key, value, NULL, &err))
            fail_msg("%s=%s: %s", accepted[i].key, accepted[i].value, err.message);
        assert_string_equal(err.message, "untouched");
        assert_true(problem_value(&problem, accepted[i].key, &got));
        if (!near(got, accepted[i].want, 0))
            fail_msg("%s=%s became %g", accepted[i].key, accepted[i].value, got);
        cJSON_Delete(value);
    }
}

static const struct {
    const char *key, *value, *message;
} refused[] = {
    {"batch", "0", "expected an integer from 1 to 1073741824, found 0"},
    {"batch", "1073741825", "expected an integer from 1 to 1073741824, found 1073741825"},
    {"batch", "1.5", "expected an integer from 1 to 1073741824, found 1.5"},
    {"batch", "1e300", "expected an integer from 1 to 1073741824, found 1.0000000000000001e+300"},
    {"batch", "1e999", "expected an integer from 1 to 1073741824, found inf"},
    {"heads_q", "-1", "expected an integer from 1 to 1073741824, found -1"},
    {"heads_kv", "\"8\"", "expected an integer from 1 to 1073741824, found \"8\""},
    {"n_q", "true", "expected an integer from 1 to 1073741824, found true"},
    {"n_kv", "null", "expected an integer from 1 to 1073741824, found null"},
    {"n", "0", "expected an integer from 1 to 1073741824, found 0"},
    {"heads", "[8]", "expected an integer from 1 to 1073741824, found an array"},
    {"d_k", "4097", "expected an integer from 1 to 4096, found 4097"},
    {"d_v", "0", "expected an integer from 1 to 4096, found 0"},
    {"op", "\"mlp\"",
     "expected one of \"attention\", \"mha\", \"encoder_layer\", \"decoder_layer\", \"rnn\", "
     "\"bahdanau\", found \"mlp\""},
    {"dtype", "\"F32\"", "expected one of \"f32\", \"f16\", \"bf16\", found \"F32\""},
    {"dtype", "0", "expected one of \"f32\", \"f16\", \"bf16\", found 0"},
    {"layout", "\"nbhd\"", "expected one of \"bhnd\", \"bnhd\", found \"nbhd\""},
    {"mask", "{}",
     "expected one of \"none\", \"causal\", \"window\", \"causal+window\", found an object"},
    {"bias", "\"\"", "expected one of \"none\", \"float\", \"bool\", \"alibi\", found \"\""},
    {"causal_offset", "1073741825",
     "expected an integer from -1073741824 to 1073741824, found 1073741825"},
    {"window_left", "-2", "expected an integer from -1 to 1073741824, found -2"},
    {"kv_lengths", "4", "expected an array with a key/value length for each batch entry, found 4"},
    {"kv_lengths", "[]",
     "expected an array with a key/value length for each batch entry, found an array"},
    {"kv_lengths", "[1,-1]", "expected an integer from 0 to 1073741824, found -1"},
    {"softcap", "-1", "expected a number from 0 to 1e+06, found -1"},
    {"softcap", "\"x\"", "expected a number from 0 to 1e+06, found \"x\""},
    {"sink", "1", "expected true or false, found 1"},
    {"scale", "1e7", "expected a number from -1e+06 to 1e+06, found 10000000"},
    {"colour", "1", "unknown problem key \"colour\""},
    {"d_kk", "1", "unknown problem key \"d_kk\"; did you mean \"d_k\"?"},
    {"head_q", "1", "unknown problem key \"head_q\"; did you mean \"heads_q\"?"},
    {"dytpe", "1", "unknown problem key \"dytpe\"; did you mean \"dtype\"?"},
};

static void impossible_values_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); ++i) {
        struct arena arena = {0};
        struct problem problem = problem_default();
        struct err err = {""};
        cJSON *value = parse(refused[i].value);
        if (problem_set(&problem, refused[i].key, value, &arena, &err) != -1)
            fail_msg("%s=%s was accepted", refused[i].key, refused[i].value);
        expect_text(refused[i].key, err.message, refused[i].message);
        cJSON_Delete(value);
        arena_free(&arena);
    }
}

static void key_list_is_complete(void **state)
{
    (void)state;
    static const char *const want[] = {"op",
                                       "batch",
                                       "heads_q",
                                       "heads_kv",
                                       "n_q",
                                       "n_kv",
                                       "d_k",
                                       "d_v",
                                       "dtype",
                                       "layout",
                                       "mask",
                                       "causal_offset",
                                       "window_left",
                                       "window_right",
                                       "bias",
                                       "kv_lengths",
                                       "softcap",
                                       "sink",
                                       "scale",
                                       "bias_shape",
                                       "returns",
                                       "d_model",
                                       "d_ff",
                                       "layers",
                                       "biases",
                                       "cross",
                                       "gemm",
                                       "layer_norm",
                                       "activation",
                                       "position",
                                       "relative_clip",
                                       "rope_base",
                                       "rope_fraction",
                                       "rnn_cell",
                                       "queue",
                                       "profiling",
                                       "memory",
                                       "n",
                                       "heads"};
    const char *const *keys = problem_keys();
    size_t count = 0;
    for (; keys[count]; ++count) {
        assert_true(count < COUNT(want));
        assert_string_equal(keys[count], want[count]);
        assert_true(problem_is_key(keys[count]));
    }
    assert_int_equal(count, COUNT(want));
    assert_false(problem_is_key("N"));
    assert_false(problem_is_key(""));
}

/* ---- shorthands and resolving ---------------------------------------------------------------- */

static const struct {
    const char *text;
    int64_t n_q, n_kv, heads_q, heads_kv, d_k, d_v;
} spread[] = {
    {"{\"n\":5,\"d_k\":8}", 5, 5, 1, 1, 8, 8},
    {"{\"n\":5,\"heads\":6,\"d_k\":8,\"d_v\":2}", 5, 5, 6, 6, 8, 2},
    {"{\"d_v\":2,\"n\":5,\"d_k\":8}", 5, 5, 1, 1, 8, 2},
    /* an explicit key wins, whether it comes before or after */
    {"{\"n\":5,\"n_q\":1,\"d_k\":8}", 1, 5, 1, 1, 8, 8},
    {"{\"n_q\":1,\"n\":5,\"d_k\":8}", 1, 5, 1, 1, 8, 8},
    {"{\"n_kv\":9,\"n\":5,\"d_k\":8}", 5, 9, 1, 1, 8, 8},
    {"{\"n\":5,\"heads\":8,\"heads_kv\":2,\"d_k\":8}", 5, 5, 8, 2, 8, 8},
    {"{\"n\":5,\"heads_kv\":2,\"heads\":8,\"d_k\":8}", 5, 5, 8, 2, 8, 8},
};

static void shorthands_spread_unless_given(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(spread); ++i) {
        const struct problem p = make_problem(spread[i].text, NULL);
        if (p.n_q != spread[i].n_q || p.n_kv != spread[i].n_kv || p.heads_q != spread[i].heads_q ||
            p.heads_kv != spread[i].heads_kv || p.d_k != spread[i].d_k || p.d_v != spread[i].d_v)
            fail_msg("%s became n %d x %d, heads %d/%d, d %d/%d", spread[i].text, (int)p.n_q,
                     (int)p.n_kv, (int)p.heads_q, (int)p.heads_kv, (int)p.d_k, (int)p.d_v);
    }
}

static void a_later_value_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct problem p = problem_default();
    cJSON *a = parse("5"), *b = parse("7");
    assert_int_equal(problem_set(&p, "n", a, NULL, NULL), 0);
    assert_int_equal(problem_set(&p, "n", b, NULL, NULL), 0);
    assert_int_equal(p.n_q, 7);
    assert_int_equal(problem_set(&p, "n_q", a, NULL, NULL), 0);
    assert_int_equal(problem_set(&p, "n_q", b, NULL, NULL), 0);
    assert_int_equal(p.n_q, 7);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static const struct {
    const char *text, *message;
} unresolved[] = {
    {"{\"d_k\":8}", "\"n_q\" is not set; give it, or \"n\", among the defaults or the axes"},
    {"{\"n_q\":3,\"d_k\":8}",
     "\"n_kv\" is not set; give it, or \"n\", among the defaults or the axes"},
    {"{\"n\":3}", "\"d_k\" is not set; give it among the defaults or the axes"},
    {"{\"n\":3,\"d_v\":3}", "\"d_k\" is not set; give it among the defaults or the axes"},
    {"{\"n\":3,\"d_k\":8,\"heads_q\":8,\"heads_kv\":3}",
     "heads_q = 8 is no multiple of heads_kv = 3; each key/value head serves a whole group of "
     "query heads"},
    {"{\"n\":3,\"d_k\":8,\"heads_kv\":2}",
     "heads_q = 1 is no multiple of heads_kv = 2; each key/value head serves a whole group of "
     "query heads"},
    {"{\"n\":3,\"d_k\":8,\"batch\":2,\"kv_lengths\":[1]}",
     "kv_lengths has 1 values, but batch is 2"},
    {"{\"n\":3,\"d_k\":8,\"kv_lengths\":[1,1]}", "kv_lengths has 2 values, but batch is 1"},
    {"{\"n\":3,\"d_k\":8,\"batch\":2,\"kv_lengths\":[3,4]}",
     "kv_lengths[1] is 4, more than n_kv = 3"},
    {"{\"n\":1073741824,\"d_k\":8}",
     "the problem is too large: more than 1e+15 scores or elements"},
    {"{\"n\":1000000,\"heads\":1000000,\"d_k\":4096}",
     "the problem is too large: more than 1e+15 scores or elements"},
    {"{\"n_q\":33554433,\"n_kv\":1,\"d_k\":8,\"bias\":\"bool\"}",
     "a boolean mask for more than 33554432 rows (batch x heads_q x n_q)"},
};

static void contradictions_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unresolved); ++i) {
        struct arena arena = {0};
        struct problem problem;
        struct err err = {""};
        if (try_problem(unresolved[i].text, &problem, &arena, &err) != -1)
            fail_msg("%s was accepted", unresolved[i].text);
        expect_text(unresolved[i].text, err.message, unresolved[i].message);
        arena_free(&arena);
    }
}

/* ---- ids and JSON ---------------------------------------------------------------------------- */

static const struct {
    const char *text, *id;
} ids[] = {
    {"{" SHAPE "}", "attention(n_q=4,n_kv=6,d_k=8,d_v=8)"},
    {"{\"batch\":1,\"heads\":1,\"dtype\":\"f32\",\"layout\":\"bhnd\",\"mask\":\"none\",\"softcap\":"
     "0,\"sink\":false,\"scale\":0,\"bias\":\"none\",\"window_left\":-1," SHAPE "}",
     "attention(n_q=4,n_kv=6,d_k=8,d_v=8)"},
    {"{\"scale\":0.125,\"sink\":true,\"softcap\":30,\"kv_lengths\":[6,0],\"bias\":\"alibi\","
     "\"window_right\":2,\"window_left\":0,\"causal_offset\":-3,\"mask\":\"causal+window\","
     "\"layout\":\"bnhd\",\"dtype\":\"bf16\",\"d_v\":16,\"d_k\":8,\"n_kv\":6,\"n_q\":4,\"heads_"
     "kv\":"
     "2,\"heads_q\":4,\"batch\":2,\"op\":\"attention\"}",
     "attention(batch=2,heads_q=4,heads_kv=2,n_q=4,n_kv=6,d_k=8,d_v=16,dtype=bf16,layout=bnhd,"
     "mask=causal+window,causal_offset=-3,window_left=0,window_right=2,bias=alibi,kv_lengths=6/0,"
     "softcap=30,sink=true,scale=0.125)"},
    {"{\"heads\":8," SHAPE ",\"causal_offset\":0,\"mask\":\"causal\"}",
     "attention(heads_q=8,heads_kv=8,n_q=4,n_kv=6,d_k=8,d_v=8,mask=causal,causal_offset=0)"},
    {"{\"scale\":0.1," SHAPE "}", "attention(n_q=4,n_kv=6,d_k=8,d_v=8,scale=0.1)"},
};

static void ids_name_what_differs_in_table_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ids); ++i) {
        struct arena arena = {0};
        const struct problem problem = make_problem(ids[i].text, &arena);
        expect_text(ids[i].text, problem_id(&problem, &arena), ids[i].id);
        arena_free(&arena);
    }
}

static void json_round_trip_keeps_every_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ids); ++i) {
        struct arena arena = {0};
        const struct problem problem = make_problem(ids[i].text, &arena);
        struct problem back;
        struct err err = {""};
        cJSON *object = problem_to_json(&problem);
        char *printed = json_print(object);
        cJSON *parsed = parse(printed);
        if (problem_from_json(&back, parsed, &arena, &err))
            fail_msg("%s: %s", printed, err.message);
        for (const char *const *key = problem_keys(); *key; ++key) {
            double a = 0, b = 0;
            assert_true(problem_value(&problem, *key, &a) == problem_value(&back, *key, &b));
            if (!near(b, a, 0))
                fail_msg("%s: %s was %g, is %g", printed, *key, a, b);
            assert_true(problem_is_default(&problem, *key) == problem_is_default(&back, *key));
        }
        assert_true(problem.causal_offset == back.causal_offset); /* "auto" stays "auto" */
        expect_text(printed, problem_id(&back, &arena), ids[i].id);
        free(printed);
        cJSON_Delete(object);
        cJSON_Delete(parsed);
        arena_free(&arena);
    }
}

static void json_of_a_problem_names_the_op(void **state)
{
    (void)state;
    const struct problem problem = make_problem("{" SHAPE "}", NULL);
    cJSON *object = problem_to_json(&problem);
    char *printed = json_print(object);
    assert_string_equal(printed, "{\"op\":\"attention\",\"n_q\":4,\"n_kv\":6,\"d_k\":8,\"d_v\":8}");
    free(printed);
    cJSON_Delete(object);
}

static void bad_json_names_the_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {{"[]", "expected a problem object, found an array"},
                 {"{\"n\":0}", "n: expected an integer from 1 to 1073741824, found 0"},
                 {"{\"sink\":3," SHAPE "}", "sink: expected true or false, found 3"}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct problem problem;
        struct err err = {""};
        cJSON *node = parse(cases[i].text);
        assert_int_equal(problem_from_json(&problem, node, NULL, &err), -1);
        expect_text(cases[i].text, err.message, cases[i].message);
        cJSON_Delete(node);
    }
}

static void derived_values(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct problem p = make_problem("{" SHAPE ",\"dtype\":\"f16\",\"mask\":\"causal\"}", &arena);
    double value = 0;
    assert_true(near(problem_scale(&p), 1 / sqrt(8), 1e-15));
    assert_int_equal(problem_causal_offset(&p), 2);
    assert_true(problem_value(&p, "causal_offset", &value) && near(value, 2, 0));
    assert_true(problem_value(&p, "dtype_bytes", &value) && near(value, 2, 0));
    assert_true(problem_value(&p, "scale", &value) && near(value, 1 / sqrt(8), 1e-15));
    assert_true(problem_value(&p, "pairs", &value) && near(value, 3 + 4 + 5 + 6, 0));
    assert_false(problem_value(&p, "kv_lengths", &value));
    assert_false(problem_value(&p, "WG", &value));
    assert_string_equal(problem_enum_name(&p, "mask"), "causal");
    assert_null(problem_enum_name(&p, "n_q"));
    p = make_problem("{" SHAPE ",\"scale\":2,\"causal_offset\":0}", &arena);
    assert_true(near(problem_scale(&p), 2, 0));
    assert_int_equal(problem_causal_offset(&p), 0);
    assert_int_equal(dtype_bytes(DTYPE_F32), 4);
    assert_int_equal(dtype_bytes(DTYPE_BF16), 2);
    arena_free(&arena);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* The definition, one pair at a time: nothing of problem.c but the fields. */
static bool sees(const struct problem *p, int64_t batch, int64_t i, int64_t j)
{
    const int64_t offset =
        p->causal_offset == CAUSAL_OFFSET_AUTO ? p->n_kv - p->n_q : p->causal_offset;
    const bool causal = p->mask == MASK_CAUSAL || p->mask == MASK_CAUSAL_WINDOW;
    const bool window = p->mask == MASK_WINDOW || p->mask == MASK_CAUSAL_WINDOW;
    if (p->kv_lengths && j >= p->kv_lengths[batch])
        return false;
    if (causal && j > i + offset)
        return false;
    if (window && p->window_left >= 0 && j < i + offset - p->window_left)
        return false;
    if (window && p->window_right >= 0 && j > i + offset + p->window_right)
        return false;
    return true;
}

static int64_t count_pairs(const struct problem *p)
{
    int64_t pairs = 0;
    for (int64_t b = 0; b < p->batch; ++b)
        for (int64_t i = 0; i < p->n_q; ++i) {
            int64_t first = -1, end = -1, of_row = 0, got_first = -1, got_end = -1;
            for (int64_t j = 0; j < p->n_kv; ++j)
                if (sees(p, b, i, j)) {
                    first = first < 0 ? j : first;
                    end = j + 1;
                    ++of_row;
                }
            problem_visible_keys(p, b, i, &got_first, &got_end);
            assert_true(got_end - got_first == of_row);
            if (of_row)
                assert_true(got_first == first && got_end == end);
            for (int64_t h = 0; h < p->heads_q; ++h)
                for (int64_t j = got_first; j < got_end; ++j)
                    pairs += p->bias != BIAS_BOOL || problem_mask_keeps(p, b, h, i, j);
        }
    return pairs;
}

static void expect_counts(const struct problem *p, int *cases)
{
    const int64_t pairs = count_pairs(p);
    const double flops = 2.0 * (double)pairs * (double)(p->d_k + p->d_v);
    if (!near(problem_pairs(p), (double)pairs, 0) || !near(problem_flops(p), flops, 0))
        fail_msg("n %d x %d, mask %d, offset %lld, window %d/%d: %g pairs, not %d", (int)p->n_q,
                 (int)p->n_kv, (int)p->mask, (long long)p->causal_offset, (int)p->window_left,
                 (int)p->window_right, problem_pairs(p), (int)pairs);
    ++*cases;
}

static void pairs_and_flops_equal_brute_force(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 5, 8};
    static const int64_t offsets[] = {CAUSAL_OFFSET_AUTO, -20, -4, -1, 0, 1, 3, 20};
    static const int64_t windows[] = {WINDOW_UNLIMITED, 0, 1, 3, 30};
    int64_t store[3] = {2, 0, 0};
    int cases = 0;
    for (size_t q = 0; q < COUNT(sizes); ++q)
        for (size_t k = 0; k < COUNT(sizes); ++k)
            for (int64_t mask = MASK_NONE; mask <= MASK_CAUSAL_WINDOW; ++mask)
                for (size_t o = 0; o < COUNT(offsets); ++o)
                    for (size_t l = 0; l < COUNT(windows); ++l)
                        for (size_t r = 0; r < COUNT(windows); ++r) {
                            struct problem p = problem_default();
                            p.batch = 2;
                            p.heads_q = 3;
                            p.n_q = sizes[q];
                            p.n_kv = sizes[k];
                            p.d_k = 4;
                            p.d_v = 7;
                            p.mask = mask;
                            p.causal_offset = offsets[o];
                            p.window_left = windows[l];
                            p.window_right = windows[r];
                            expect_counts(&p, &cases);
                            store[1] = p.n_kv;
                            store[2] = p.n_kv / 2;
                            p.kv_lengths = store + 1;
                            expect_counts(&p, &cases);
                        }
    assert_int_equal(cases, 5 * 5 * 4 * 8 * 5 * 5 * 2);
}

static const struct {
    const char *text;
    double elements[4], bytes;
} sized[] = {
    {"{" SHAPE "}", {32, 48, 48, 32}, 160 * 4},
    {"{" SHAPE ",\"batch\":2,\"heads_q\":6,\"heads_kv\":3,\"d_v\":5,\"dtype\":\"f16\"}",
     {2 * 6 * 4 * 8, 2 * 3 * 6 * 8, 2 * 3 * 6 * 5, 2 * 6 * 4 * 5},
     (384 + 288 + 180 + 240) * 2},
    {"{\"n\":65536,\"heads\":32,\"d_k\":128,\"batch\":16}",
     {4294967296, 4294967296, 4294967296, 4294967296},
     4.0 * 4294967296 * 4},
};

static void sizes_and_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sized); ++i) {
        const struct problem p = make_problem(sized[i].text, NULL);
        const struct problem_sizes s = problem_sizes(&p);
        const double got[4] = {(double)s.q, (double)s.k, (double)s.v, (double)s.o};
        for (int t = 0; t < 4; ++t)
            if (!near(got[t], sized[i].elements[t], 0))
                fail_msg("%s: tensor %d has %g elements", sized[i].text, t, got[t]);
        assert_true(near(problem_bytes(&p), sized[i].bytes, 0));
    }
}

static void boolean_masks_are_counted_in_every_shape(void **state)
{
    (void)state;
    int cases = 0;
    for (int64_t shape = 0; shape < 16; ++shape)
        for (int64_t mask = MASK_NONE; mask <= MASK_CAUSAL_WINDOW; ++mask) {
            struct problem p = make_problem("{\"n_q\":70,\"n_kv\":45,\"d_k\":8,\"batch\":3,"
                                            "\"heads_q\":4,\"heads_kv\":2,\"bias\":\"bool\"}",
                                            NULL);
            p.bias_shape = shape;
            p.mask = mask;
            p.window_left = 20;
            expect_counts(&p, &cases);
            if (shape < 4 && mask == MASK_NONE) { /* about a quarter is hidden, and some rows */
                const double part = problem_pairs(&p) / (3.0 * 4 * 70 * 45);
                assert_true(part > 0.6 && part < 0.8);
            }
        }
    assert_int_equal(cases, 64);
}

/* ALiBi as published: 8 heads halve from 1/2; 12 heads are those of 8, then every other one of 16.
 */
static void alibi_slopes_are_the_published_ones(void **state)
{
    (void)state;
    assert_true(near(alibi_slope(0, 8), 0.5, 0) && near(alibi_slope(7, 8), 0x1p-8, 0));
    assert_true(near(alibi_slope(0, 16), 0.7071067811865476, 1e-15));
    assert_true(near(alibi_slope(7, 12), 0x1p-8, 0));
    assert_true(near(alibi_slope(8, 12), 0.7071067811865476, 1e-15));
    assert_true(near(alibi_slope(11, 12), 0.08838834764831845, 1e-15));
    assert_true(near(alibi_slope(0, 1), 0x1p-8, 0));
}

/* The closed form stays exact where a loop over rows would take minutes. */
static void pairs_of_a_large_triangle(void **state)
{
    (void)state;
    const struct problem p = make_problem("{\"n\":1048576,\"d_k\":64,\"mask\":\"causal\"}", NULL);
    assert_true(near(problem_pairs(&p), 1048576.0 * 1048577.0 / 2, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_can_be_set),
        cmocka_unit_test(impossible_values_are_refused),
        cmocka_unit_test(key_list_is_complete),
        cmocka_unit_test(shorthands_spread_unless_given),
        cmocka_unit_test(a_later_value_replaces_an_earlier_one),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(ids_name_what_differs_in_table_order),
        cmocka_unit_test(json_round_trip_keeps_every_key),
        cmocka_unit_test(json_of_a_problem_names_the_op),
        cmocka_unit_test(bad_json_names_the_key),
        cmocka_unit_test(derived_values),
        cmocka_unit_test(pairs_and_flops_equal_brute_force),
        cmocka_unit_test(sizes_and_bytes),
        cmocka_unit_test(boolean_masks_are_counted_in_every_shape),
        cmocka_unit_test(alibi_slopes_are_the_published_ones),
        cmocka_unit_test(pairs_of_a_large_triangle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
