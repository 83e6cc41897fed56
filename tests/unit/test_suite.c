/* Suite files: mistakes named by file, line and key path; axes, ranges, precedence, --set. */
#include "support.h"

#include "problem/suite.h"
#include "util/sha256.h"
#include "util/text.h"

static const char *const full[] = {
    /*  1 */ "{ \"format\": \"attnbench-suite\", \"version\": 1,",
    /*  2 */ "  \"name\": \"full\", \"title\": \"Every key\", \"comment\": \"x\",",
    /*  3 */ "  \"defaults\": { \"heads\": 8, \"d_k\": 64, \"dtype\": \"f16\" },",
    /*  4 */ "  \"sweeps\": [",
    /*  5 */ "    { \"name\": \"n\", \"title\": \"t\", \"defaults\": { \"mask\": \"causal\" },",
    /*  6 */ "      \"axes\": { \"n\": { \"from\": 128, \"to\": 1024, \"times\": 2 },",
    /*  7 */ "        \"d_k\": [64, 128] },",
    /*  8 */ "      \"variants\": [\"naive\", \"fused\"] },",
    /*  9 */ "    { \"name\": \"heads\",",
    /* 10 */
    ("      \"axes\": { \"n_q\": [1], \"n_kv\": [64], \"heads_q\": { \"from\": 8, \"to\": 24, "
     "\"step\": 8 } } }"),
    /* 11 */ "  ],",
    /* 12 */ "  \"measure\": { \"min_samples\": 3, \"min_time_s\": 0.1, \"max_time_s\": 2,",
    /* 13 */
    "    \"target_rel_ci\": 0.05, \"budget_s\": 60, \"check\": \"sample\", \"cache\": \"cold\" },",
    /* 14 */ "  \"deadlines\": { \"enumerate_s\": 1, \"build_s\": 2, \"run_s\": 3, \"read_s\": 4,",
    /* 15 */ "    \"teardown_s\": 5 } }"};

static int load_text(struct suite *suite, const char *text, struct arena *arena, struct err *err)
{
    return suite_load(suite, "s/full.json", text, strlen(text), arena, err);
}

static int load(struct suite *suite, size_t line, const char *replacement, struct arena *arena,
                struct err *err)
{
    char *text = replace_line(full, COUNT(full), line, replacement);
    const int result = load_text(suite, text, arena, err);
    free(text);
    return result;
}

static const char *nth_id(const struct suite *suite, int sweep, int k, struct arena *arena)
{
    struct problem problem;
    struct err err = {""};
    if (sweep_problem(suite, &suite->sweeps[sweep], k, &problem, arena, &err))
        fail_msg("%s", err.message);
    return problem_id(&problem, arena);
}

static void a_full_suite_loads(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct suite suite;
    struct err err = {"untouched"};
    if (load(&suite, 0, "", &arena, &err))
        fail_msg("%s", err.message);
    assert_string_equal(err.message, "untouched");
    assert_string_equal(suite.name, "full");
    assert_string_equal(suite.title, "Every key");
    assert_int_equal(suite.sweep_count, 2);
    assert_int_equal(sweep_count(&suite.sweeps[0]), 8);
    assert_int_equal(sweep_count(&suite.sweeps[1]), 3);
    assert_int_equal(suite.sweeps[0].variant_count, 2);
    assert_string_equal(suite.sweeps[0].variants[1], "fused");
    assert_int_equal(suite.sweeps[1].variant_count, 0);
    assert_int_equal(suite.measure.min_samples, 3);
    assert_true(near(suite.measure.min_time_s, 0.1, 0) && near(suite.measure.max_time_s, 2, 0));
    assert_true(near(suite.measure.target_rel_ci, 0.05, 0) && near(suite.budget_s, 60, 0));
    assert_int_equal(suite.check, CHECK_SAMPLE);
    assert_true(suite.measure.cold);
    const struct deadlines *d = &suite.deadlines;
    assert_true(near(d->enumerate_s, 1, 0) && near(d->build_s, 2, 0) && near(d->run_s, 3, 0));
    assert_true(near(d->read_s, 4, 0) && near(d->teardown_s, 5, 0));
    /* the first axis is the outer loop */
    static const char *const want[] = {
        "attention(heads_q=8,heads_kv=8,n_q=128,n_kv=128,d_k=64,d_v=64,dtype=f16,mask=causal)",
        "attention(heads_q=8,heads_kv=8,n_q=128,n_kv=128,d_k=128,d_v=128,dtype=f16,mask=causal)",
        "attention(heads_q=8,heads_kv=8,n_q=256,n_kv=256,d_k=64,d_v=64,dtype=f16,mask=causal)"};
    for (int k = 0; k < 3; ++k)
        expect_text("sweep n", nth_id(&suite, 0, k, &arena), want[k]);
    expect_text("sweep n", nth_id(&suite, 0, 7, &arena),
                "attention(heads_q=8,heads_kv=8,n_q=1024,n_kv=1024,d_k=128,d_v=128,dtype=f16,mask="
                "causal)");
    expect_text("sweep heads", nth_id(&suite, 1, 2, &arena),
                "attention(heads_q=24,heads_kv=8,n_q=1,n_kv=64,d_k=64,d_v=64,dtype=f16)");
    char *text = replace_line(full, COUNT(full), 0, ""), hex[65];
    sha256_hex(text, strlen(text), hex);
    assert_string_equal(suite.sha256, hex);
    free(text);
    suite_free(&suite);
    arena_free(&arena);
}

static void what_is_left_out_has_defaults(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct suite suite;
    struct err err = {""};
    assert_int_equal(load_text(&suite,
                               "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"a\","
                               "\"sweeps\":[{\"name\":\"x\",\"axes\":{\"n\":[8],\"d_k\":[4]}}]}",
                               &arena, &err),
                     0);
    assert_string_equal(suite.title, "");
    assert_int_equal(suite.measure.min_samples, 10);
    assert_true(near(suite.measure.min_time_s, 0.5, 0) && near(suite.measure.max_time_s, 15, 0));
    assert_true(near(suite.measure.target_rel_ci, 0.01, 0) && suite.budget_s <= 0);
    assert_int_equal(suite.check, CHECK_AUTO);
    assert_false(suite.measure.cold);
    assert_true(suite.deadlines.build_s > 0 && suite.deadlines.teardown_s > 0);
    suite_free(&suite);
    arena_free(&arena);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

#define AXIS(axis) "      \"axes\": { \"n\": [64], " axis ","

static const struct {
    size_t line;
    const char *replacement, *message; /* after "s/full.json:" */
} mistakes[] = {
    {1, "{", "1: the key \"format\" is missing"},
    {1, "{ \"format\": \"attnbench-results\", \"version\": 1,",
     "1: format: expected \"attnbench-suite\", found \"attnbench-results\""},
    {1, "{ \"format\": \"attnbench-suite\",", "1: the key \"version\" is missing"},
    {1, "{ \"format\": \"attnbench-suite\", \"version\": 2,",
     "1: version: suite version 2 is newer than this attnbench; it reads 1"},
    {1, "{ \"format\": \"attnbench-suite\", \"version\": \"1\",",
     "1: version: expected an integer from 1 to 1000, found \"1\""},
    {2, "  \"title\": \"no name\",", "1: the key \"name\" is missing"},
    {2, "  \"name\": \"a\", \"titel\": \"x\",", "2: titel: unknown key; did you mean \"title\"?"},
    {3, "  \"defaults\": { \"heads\": 0 },",
     "3: defaults.heads: expected an integer from 1 to 1073741824, found 0"},
    {3, "  \"defaults\": { \"d_k\": 64, \"dytpe\": \"f16\" },",
     "3: defaults.dytpe: unknown problem key \"dytpe\"; did you mean \"dtype\"?"},
    {3, "  \"defaults\": [],", "3: defaults: expected an object, found an array"},
    {3, "  \"defaults\": { \"d_k\": 64, \"d_k\": 32 },",
     "3: defaults.d_k: the key stands twice in its object; remove one"},
    {4, "  \"sweeps\": [], \"x\": [",
     "4: x: unknown key; expected one of: format, version, name, title, comment, defaults, sweeps, "
     "measure, deadlines"},
    {5, "    { \"defaults\": { \"mask\": \"causal\" },",
     "5: sweeps[0]: the key \"name\" is missing"},
    {5, "    { \"name\": \"n\", \"defaults\": { \"mask\": \"Causal\" },",
     "5: sweeps[0].defaults.mask: expected one of \"none\", \"causal\", \"window\", "
     "\"causal+window\", found \"Causal\""},
    {5, "    { \"name\": \"n\", \"axis\": {},",
     "5: sweeps[0].axis: unknown key; did you mean \"axes\"?"},
    {5, "    { \"name\": \"heads\",", "9: sweeps[1]: another sweep is named \"heads\" too"},
    {6, AXIS("\"m\": [1]"), "6: sweeps[0].axes.m: unknown problem key \"m\"; did you mean \"n\"?"},
    {6, "      \"axes\": { \"n\": 64,",
     "6: sweeps[0].axes.n: expected a list of values or a range {\"from\", \"to\", \"times\"}"},
    {6, "      \"axes\": { \"n\": [],",
     "6: sweeps[0].axes.n: expected a list of values or a range {\"from\", \"to\", \"times\"}"},
    {6, "      \"axes\": { \"n\": [64, \"x\"],",
     "6: sweeps[0].axes.n[1]: expected an integer from 1 to 1073741824, found \"x\""},
    {6, "      \"axes\": { \"n\": { \"from\": 1, \"to\": 4 },",
     "6: sweeps[0].axes.n: expected either \"times\" or \"step\" with the range"},
    {6, "      \"axes\": { \"n\": { \"from\": 1, \"to\": 4, \"times\": 2, \"step\": 1 },",
     "6: sweeps[0].axes.n: expected either \"times\" or \"step\" with the range"},
    {6, "      \"axes\": { \"n\": { \"from\": 8, \"to\": 4, \"times\": 2 },",
     "6: sweeps[0].axes.n: the range is empty: from 8 is above to 4"},
    {6, "      \"axes\": { \"n\": { \"from\": 1, \"to\": 4, \"times\": 1 },",
     "6: sweeps[0].axes.n.times: expected an integer from 2 to 1024, found 1"},
    {6, "      \"axes\": { \"n\": { \"from\": 0, \"to\": 4, \"step\": 1 },",
     "6: sweeps[0].axes.n.from: expected an integer from 1 to 1073741824, found 0"},
    {6, "      \"axes\": { \"n\": { \"from\": 1, \"to\": 9000, \"step\": 1 },",
     "6: sweeps[0].axes.n: more than 4096 values"},
    {6, "      \"axes\": { \"n\": { \"from\": 1, \"upto\": 4, \"times\": 2 },",
     "6: sweeps[0].axes.n.upto: unknown key; did you mean \"to\"?"},
    {6,
     "      \"axes\": { \"heads\": { \"from\": 1, \"to\": 4000, \"step\": 1 }, \"n\": { \"from\": "
     "1, "
     "\"to\": 4000, \"step\": 1 },",
     "5: sweeps[0]: more than 100000 problems"},
    {6, "      \"axes\": { \"heads\": [8],",
     "5: sweeps[0]: problem 1 of 2: \"n_q\" is not set; give it, or \"n\", among the defaults or "
     "the "
     "axes"},
    {6, "      \"axes\": { \"n\": [64], \"heads_kv\": [1, 2, 3],",
     "5: sweeps[0]: problem 5 of 6: heads_q = 8 is no multiple of heads_kv = 3; each key/value "
     "head "
     "serves a whole group of query heads"},
    {7, "        \"mask\": { \"from\": 1, \"to\": 2, \"times\": 2 } },",
     "5: sweeps[0]: problem 1 of 8: mask: expected one of \"none\", \"causal\", \"window\", "
     "\"causal+window\", found 1"},
    {8, "      \"variants\": \"naive\" },",
     "8: sweeps[0].variants: expected an array, found \"naive\""},
    {8, "      \"variants\": [\"naive\", 3] },",
     "8: sweeps[0].variants[1]: expected a string, found 3"},
    {10, "      \"x\": 1 }",
     "10: sweeps[1].x: unknown key; expected one of: name, title, defaults, "
     "axes, variants"},
    {12, "  \"measure\": { \"min_samples\": 0,",
     "12: measure.min_samples: expected an integer from 1 to 1000, found 0"},
    {12, "  \"measure\": { \"min_time_s\": 3, \"max_time_s\": 2,",
     "12: measure: min_time_s = 3 is above max_time_s = 2"},
    {12, "  \"measure\": { \"samples\": 3,",
     "12: measure.samples: unknown key; expected one of: "
     "min_samples, min_time_s, max_time_s, target_rel_ci, "
     "budget_s, check, cache"},
    {13, "    \"check\": \"always\" },",
     "13: measure.check: expected \"auto\", \"full\", \"sample\" or \"none\""},
    {13, "    \"cache\": \"warm\" },", "13: measure.cache: expected \"hot\" or \"cold\""},
    {13, "    \"target_rel_ci\": 0 },",
     "13: measure.target_rel_ci: expected a number from 0.0001 to 1, found 0"},
    {14, "  \"deadlines\": { \"build_s\": 0,",
     "14: deadlines.build_s: expected a number from 0.1 to 86400, found 0"},
    {14, "  \"deadlines\": { \"builds\": 1,",
     "14: deadlines.builds: unknown key; did you mean \"build_s\"?"},
    {15, "    \"teardown_s\": 5 }", "16: not valid JSON: the file ends too early"},
};

static void mistakes_name_file_line_and_key_path(void **state)
{
    (void)state;
    assert_true(COUNT(mistakes) >= 20);
    for (size_t i = 0; i < COUNT(mistakes); ++i) {
        struct arena arena = {0};
        struct suite suite;
        struct err err = {""};
        char want[1024];
        if (load(&suite, mistakes[i].line, mistakes[i].replacement, &arena, &err) != -1)
            fail_msg("accepted: %s", mistakes[i].replacement);
        snprintf(want, sizeof want, "s/full.json:%s", mistakes[i].message);
        expect_text(mistakes[i].replacement, err.message, want);
        arena_free(&arena);
    }
}

static void the_root_is_an_object(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct suite suite;
    struct err err = {""};
    assert_int_equal(load_text(&suite, "[]", &arena, &err), -1);
    assert_string_equal(err.message, "s/full.json:1: expected an object, found an array");
    assert_int_equal(load_text(&suite, "", &arena, &err), -1);
    assert_int_equal(suite_load(&suite, "s", "{}\0", 3, &arena, &err), -1);
    arena_free(&arena);
}

/* Many small sweeps and a few large ones are as bad as a single huge one. */
static void a_suite_has_a_limit_for_all_sweeps(void **state)
{
    (void)state;
    static const struct {
        int sweeps, side;    /* of each sweep: side x side problems */
        const char *message; /* NULL: accepted */
    } cases[] = {{10, 100, NULL},
                 {11, 100, "s/full.json:1: sweeps[10]: more than 100000 problems"},
                 {10001, 1, "s/full.json:1: sweeps: more than 10000 sweeps"}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct suite suite;
        struct err err = {""};
        struct text text = {0};
        text_add(&text, "{\"format\": \"attnbench-suite\", \"version\": 1, \"name\": \"s\", "
                        "\"sweeps\": [");
        for (int s = 0; s < cases[i].sweeps; ++s)
            text_print(&text,
                       "%s{\"name\": \"%d\", \"axes\": {\"d_k\": [1], \"n\": {\"from\": 1, "
                       "\"to\": %d, \"step\": 1}, \"batch\": {\"from\": 1, \"to\": %d, "
                       "\"step\": 1}}}",
                       s ? "," : "", s, cases[i].side, cases[i].side);
        text_add(&text, "]}");
        const int result = load_text(&suite, text_get(&text), &arena, &err);
        assert_int_equal(result, cases[i].message ? -1 : 0);
        if (result)
            expect_text("limit", err.message, cases[i].message);
        else
            suite_free(&suite);
        text_free(&text);
        arena_free(&arena);
    }
}

static void too_many_lengths_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct problem problem = problem_default();
    struct err err = {""};
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < 1025; ++i)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(1));
    assert_int_equal(problem_set(&problem, "kv_lengths", list, &arena, &err), -1);
    assert_string_equal(err.message, "expected at most 1024 key/value lengths, found 1025");
    cJSON_Delete(list);
    arena_free(&arena);
}

/* ---- axes ------------------------------------------------------------------------------------ */

/* "64 128 256" of axis a of a sweep. */
static const char *axis_text(const struct sweep *sweep, int a, struct arena *arena)
{
    const char *text = "";
    const cJSON *value = NULL;
    cJSON_ArrayForEach(value, sweep->axes[a].values)
    {
        const char *one = cJSON_IsString(value) ? value->valuestring
                          : cJSON_IsBool(value) ? (cJSON_IsTrue(value) ? "true" : "false")
                                                : arena_print(arena, "%.9g", value->valuedouble);
        text = arena_print(arena, "%s%s%s", text, *text ? " " : "", one);
    }
    return text;
}

static const struct {
    const char *axis, *want;
} ranges[] = {
    {"\"n\":{\"from\":128,\"to\":1024,\"times\":2}", "128 256 512 1024"},
    {"\"n\":{\"from\":128,\"to\":1023,\"times\":2}", "128 256 512"},
    {"\"n\":{\"from\":1,\"to\":1,\"times\":2}", "1"},
    {"\"n\":{\"from\":3,\"to\":30,\"times\":3}", "3 9 27"},
    {"\"n\":{\"from\":8,\"to\":24,\"step\":8}", "8 16 24"},
    {"\"n\":{\"from\":8,\"to\":23,\"step\":8}", "8 16"},
    {"\"n\":{\"from\":1048576,\"to\":1073741824,\"times\":1024}", "1048576 1.07374182e+09"},
    {"\"n\":[5,3,5]", "5 3 5"},
    {"\"sink\":[true,false]", "true false"},
};

static void ranges_expand(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); ++i) {
        struct arena arena = {0};
        struct suite suite;
        struct err err = {""};
        const char *text = arena_print(
            &arena,
            "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"a\",\"defaults\":{\"n_q\":1,"
            "\"n_kv\":8,\"d_k\":4},\"sweeps\":[{\"name\":\"x\",\"axes\":{%s}}]}",
            ranges[i].axis);
        if (load_text(&suite, text, &arena, &err))
            fail_msg("%s: %s", ranges[i].axis, err.message);
        expect_text(ranges[i].axis, axis_text(&suite.sweeps[0], 0, &arena), ranges[i].want);
        suite_free(&suite);
        arena_free(&arena);
    }
}

/* ---- precedence ------------------------------------------------------------------------------ */

/* Suite defaults < the sweep's < axes < --set; an explicit key beats a shorthand. */
static const struct {
    const char *defaults, *sweep, *axes, *sets[3], *id;
} precedence[] = {
    {"\"n\":8,\"d_k\":4", "", "\"batch\":[1]", {NULL}, "n_q=8,n_kv=8,d_k=4,d_v=4"},
    /* What decodes keeps its queries; a few more keys than queries are no decoding. */
    {"\"n_q\":1,\"d_k\":4", "", "\"n_kv\":[64]", {"n=32"}, "n_q=1,n_kv=32,d_k=4,d_v=4"},
    {"\"n_kv\":128,\"d_k\":4", "", "\"n_q\":[16]", {"n=32"}, "n_q=16,n_kv=32,d_k=4,d_v=4"},
    {"\"n_kv\":128,\"d_k\":4", "", "\"n_q\":[17]", {"n=32"}, "n_q=32,n_kv=32,d_k=4,d_v=4"},
    {"\"n\":8,\"d_k\":4", "\"d_k\":5", "\"batch\":[1]", {NULL}, "n_q=8,n_kv=8,d_k=5,d_v=5"},
    {"\"n\":8,\"d_k\":4", "\"d_k\":5", "\"d_k\":[6]", {NULL}, "n_q=8,n_kv=8,d_k=6,d_v=6"},
    {"\"n\":8,\"d_k\":4", "\"d_k\":5", "\"d_k\":[6]", {"d_k=7"}, "n_q=8,n_kv=8,d_k=7,d_v=7"},
    {"\"n\":8,\"d_k\":4", "", "\"d_k\":[6]", {"d_k=7", "d_k=9"}, "n_q=8,n_kv=8,d_k=9,d_v=9"},
    {"\"n\":8,\"d_k\":4,\"d_v\":3", "", "\"d_k\":[6]", {NULL}, "n_q=8,n_kv=8,d_k=6,d_v=3"},
    {"\"n\":8,\"d_k\":4", "\"n_q\":1", "\"n\":[16]", {NULL}, "n_q=1,n_kv=16,d_k=4,d_v=4"},
    {"\"n\":8,\"d_k\":4", "", "\"n_q\":[2],\"n\":[16]", {NULL}, "n_q=2,n_kv=16,d_k=4,d_v=4"},
    {"\"n\":8,\"d_k\":4", "", "\"n\":[16],\"n_q\":[2]", {NULL}, "n_q=2,n_kv=16,d_k=4,d_v=4"},
    {"\"heads\":8,\"d_k\":4",
     "",
     "\"n\":[16],\"heads_kv\":[2]",
     {NULL},
     "heads_q=8,heads_kv=2,n_q=16,n_kv=16,d_k=4,d_v=4"},
    {"\"d_k\":4", "", "\"n_q\":[2],\"n_kv\":[3]", {"n=32"}, "n_q=32,n_kv=32,d_k=4,d_v=4"},
    {"\"d_k\":4",
     "",
     "\"n\":[8],\"heads_q\":[2]",
     {"heads=4"},
     "heads_q=4,heads_kv=4,n_q=8,n_kv=8,d_k=4,d_v=4"},
    {"\"d_k\":4", "", "\"n\":[8]", {"n_q=2"}, "n_q=2,n_kv=8,d_k=4,d_v=4"},
    {"\"d_k\":4",
     "",
     "\"n\":[8]",
     {"mask=causal", "dtype=bf16"},
     "n_q=8,n_kv=8,d_k=4,d_v=4,dtype=bf16,mask=causal"},
    {"\"d_k\":4",
     "",
     "\"n\":[8]",
     {"sink=true", "softcap=30", "scale=0.5"},
     "n_q=8,n_kv=8,d_k=4,d_v=4,softcap=30,sink=true,scale=0.5"},
};

static const char *first_id(const char *defaults, const char *sweep, const char *axes,
                            const char *const *sets, struct suite *suite, struct arena *arena)
{
    struct err err = {""};
    const char *text = arena_print(
        arena,
        "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"a\",\"defaults\":{%s},"
        "\"sweeps\":[{\"name\":\"x\",\"defaults\":{%s},\"axes\":{%s}}]}",
        defaults, sweep, axes);
    if (load_text(suite, text, arena, &err))
        fail_msg("%s: %s", text, err.message);
    for (int s = 0; s < 3 && sets[s]; ++s)
        if (suite_set(suite, sets[s], NULL, arena, &err))
            fail_msg("%s: --set %s: %s", text, sets[s], err.message);
    return nth_id(suite, 0, 0, arena);
}

static void the_nearer_setting_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(precedence); ++i) {
        struct arena arena = {0};
        struct suite suite;
        const char *id = first_id(precedence[i].defaults, precedence[i].sweep, precedence[i].axes,
                                  precedence[i].sets, &suite, &arena);
        expect_text(precedence[i].axes, id, arena_print(&arena, "attention(%s)", precedence[i].id));
        suite_free(&suite);
        arena_free(&arena);
    }
}

/* --set n=... on a suite whose defaults give n_q and n_kv must not run the old sizes in silence. */
static void set_of_a_shorthand_beats_defaults(void **state)
{
    (void)state;
    static const char *const n[] = {"n=32", NULL, NULL}, *const heads[] = {"heads=4", NULL, NULL};
    struct arena arena = {0};
    struct suite suite;
    const char *id =
        first_id("\"n_q\":8,\"n_kv\":8,\"d_k\":4", "", "\"batch\":[1]", n, &suite, &arena);
    expect_text("--set n=32", id, "attention(n_q=32,n_kv=32,d_k=4,d_v=4)");
    suite_free(&suite);
    id = first_id("\"n\":8,\"d_k\":4", "\"heads_q\":2,\"heads_kv\":2", "\"batch\":[1]", heads,
                  &suite, &arena);
    expect_text("--set heads=4", id, "attention(heads_q=4,heads_kv=4,n_q=8,n_kv=8,d_k=4,d_v=4)");
    suite_free(&suite);
    arena_free(&arena);
}

/* ---- --set ----------------------------------------------------------------------------------- */

static const struct {
    const char *assignment, *want; /* want NULL: refused with the message */
    const char *message;
} sets[] = {
    {"n=64", "64", NULL},
    {"n=1,2,3", "1 2 3", NULL},
    {"n=128..1024*2", "128 256 512 1024", NULL},
    {"n=128..1024", "128 256 512 1024", NULL},
    {"n=8..24+8", "8 16 24", NULL},
    {"n=5..5", "5", NULL},
    {"dtype=f32,f16", "f32 f16", NULL},
    {"mask=causal+window", "causal+window", NULL},
    {"sink=true,false", "true false", NULL},
    {"softcap=0,30.5", "0 30.5", NULL},
    {"causal_offset=-3", "-3", NULL},
    {"window_left=-1,5", "-1 5", NULL},
    {"n", NULL, "\"n\" is no assignment; expected KEY=VALUES"},
    {"", NULL, "\"\" is no assignment; expected KEY=VALUES"},
    {"n=", NULL, "n: expected an integer from 1 to 1073741824, found \"\""},
    {"n=64,", NULL, "n: expected an integer from 1 to 1073741824, found \"\""},
    {"n=0", NULL, "n: expected an integer from 1 to 1073741824, found 0"},
    {"n=big", NULL, "n: expected an integer from 1 to 1073741824, found \"big\""},
    {"dtype=f8", NULL, "dtype: expected one of \"f32\", \"f16\", \"bf16\", found \"f8\""},
    {"dytpe=f16", NULL, "unknown problem key \"dytpe\"; did you mean \"dtype\"?"},
    {"n=8..4", NULL, "the range is empty: from 8 is above to 4"},
    {"n=8..64*1", NULL, "\"8..64*1\" is no range; expected from..to*times or from..to+step"},
    {"n=8..64+0", NULL, "\"8..64+0\" is no range; expected from..to*times or from..to+step"},
    {"n=0..64", NULL, "\"0..64\" is no range; expected from..to*times or from..to+step"},
    {"n=8..", NULL, "\"8..\" is no range; expected from..to*times or from..to+step"},
    {"n=..8", NULL, "\"..8\" is no range; expected from..to*times or from..to+step"},
    {"n=1..8*2*2", NULL, "\"1..8*2*2\" is no range; expected from..to*times or from..to+step"},
    {"n=1..99999999999", NULL,
     "\"1..99999999999\" is no range; expected from..to*times or from..to+step"},
    {"n=1..5000+1", NULL, "more than 4096 values"},
    {"heads_kv=3", NULL,
     "sweep \"x\": heads_q = 1 is no multiple of heads_kv = 3; each key/value head serves a whole "
     "group of query heads"},
};

static void set_replaces_or_adds_an_axis(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sets); ++i) {
        struct arena arena = {0};
        struct suite suite;
        struct err err = {""};
        assert_int_equal(
            load_text(&suite,
                      "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"a\",\"defaults\":{"
                      "\"d_k\":4},\"sweeps\":[{\"name\":\"x\",\"axes\":{\"n\":[8,16]}}]}",
                      &arena, &err),
            0);
        const int result = suite_set(&suite, sets[i].assignment, NULL, &arena, &err);
        if (result != (sets[i].want ? 0 : -1))
            fail_msg("--set %s: %d %s", sets[i].assignment, result, err.message);
        const struct sweep *sweep = &suite.sweeps[0];
        if (sets[i].want) {
            expect_text(sets[i].assignment, axis_text(sweep, sweep->axis_count - 1, &arena),
                        sets[i].want);
            assert_int_equal(sweep->axis_count, strncmp(sets[i].assignment, "n=", 2) == 0 ? 1 : 2);
        } else {
            expect_text(sets[i].assignment, err.message, sets[i].message);
        }
        suite_free(&suite);
        arena_free(&arena);
    }
}

static void check_modes_have_names(void **state)
{
    (void)state;
    for (int mode = CHECK_AUTO; mode <= CHECK_NONE; ++mode) {
        enum check_mode back = CHECK_AUTO;
        assert_int_equal(check_mode_parse(check_mode_name((enum check_mode)mode), &back), 0);
        assert_int_equal(back, mode);
    }
    enum check_mode mode = CHECK_FULL;
    assert_int_equal(check_mode_parse("Full", &mode), -1);
    assert_int_equal(check_mode_parse("", &mode), -1);
    assert_int_equal(mode, CHECK_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_suite_loads),
        cmocka_unit_test(what_is_left_out_has_defaults),
        cmocka_unit_test(mistakes_name_file_line_and_key_path),
        cmocka_unit_test(the_root_is_an_object),
        cmocka_unit_test(a_suite_has_a_limit_for_all_sweeps),
        cmocka_unit_test(too_many_lengths_are_refused),
        cmocka_unit_test(ranges_expand),
        cmocka_unit_test(the_nearer_setting_wins),
        cmocka_unit_test(set_of_a_shorthand_beats_defaults),
        cmocka_unit_test(set_replaces_or_adds_an_axis),
        cmocka_unit_test(check_modes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
