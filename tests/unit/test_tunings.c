/* Tunings: classes of problems, which entry is used, and files that may hold anything. */
#include "support.h"

#include "problem/plan.h"
#include "problem/tunings.h"

static const char variant_text[] =
    "{\"name\":\"v\",\"supports\":{\"mask\":[\"none\",\"causal\"]},"
    "\"tune\":{\"WG\":[64,32,16],\"B\":[1,2]},\"where\":\"WG >= 32 || B == 1\","
    "\"passes\":[{\"kernel\":\"k\",\"groups\":[1,1,1],\"local\":[\"WG\",1,1]}]}";

struct fixture {
    struct arena arena;
    struct variant variant;
    struct device_info device;
    struct tunings tunings;
};

/* What was warned of: the callback has no context. */
static char warnings[4000];

static void remember(const char *message)
{
    strncat(warnings, message, sizeof warnings - strlen(warnings) - 2);
    strcat(warnings, "\n");
}

static void set_up(struct fixture *f)
{
    struct err err = {""};
    *f = (struct fixture){.device = {.id = "gpu-0",
                                     .platform = "p",
                                     .name = "n",
                                     .vendor = "v",
                                     .driver = "1",
                                     .type = "gpu",
                                     .extensions = "",
                                     .max_work_group = 1024}};
    if (variant_load(&f->variant, "f", "v", variant_text, strlen(variant_text), &f->arena, &err))
        fail_msg("%s", err.message);
    f->variant.program_sha = "abc";
    warnings[0] = '\0';
}

static void tear_down(struct fixture *f)
{
    variant_free(&f->variant);
    arena_free(&f->arena);
}

static int load_as(struct fixture *f, const char *text, enum tuning_source source, bool strict,
                   struct err *err)
{
    const struct tuning_document document = {.file_name = "t.json",
                                             .text = text,
                                             .length = strlen(text),
                                             .source = source,
                                             .strict = strict,
                                             .warn = remember};
    return tunings_load(&f->tunings, &document, &f->variant, 1, &f->arena, err);
}

/* A file of one entry; `more` goes into the entry. */
static const char *file(struct arena *arena, const char *device, const char *class,
                        const char *tuning, const char *more)
{
    return arena_print(arena,
                       "{\"format\":\"attnbench-tuning\",\"version\":1,\n\"device\":{%s},\n"
                       "\"entries\":[\n{\"variant\":\"v\",\"class\":{%s},\n\"tuning\":{%s}%s}]}",
                       device, class, tuning, more);
}

#define CLASS(n_q, n_kv, mask, group)                                                              \
    "\"d_k\":64,\"d_v\":64,\"dtype\":\"f32\",\"layout\":\"bhnd\",\"mask\":\"" mask                 \
    "\",\"n_q\":" #n_q ",\"n_kv\":" #n_kv ",\"group\":" #group

static void add(struct fixture *f, const char *class, const char *tuning, enum tuning_source source)
{
    struct err err = {""};
    if (load_as(f, file(&f->arena, "", class, tuning, ""), source, true, &err))
        fail_msg("%s", err.message);
}

/* ---- classes --------------------------------------------------------------------------------- */

static void classes_of_problems(void **state)
{
    (void)state;
    static const struct {
        const char *problem, *class;
    } cases[] = {
        {"{\"n\":1024,\"d_k\":64}", "d_k=64 d_v=64 f32 bhnd full n_q<=1024 n_kv<=1024 group=1"},
        {"{\"n\":257,\"d_k\":64}", "d_k=64 d_v=64 f32 bhnd full n_q<=1024 n_kv<=1024 group=1"},
        {"{\"n\":256,\"d_k\":64}", "d_k=64 d_v=64 f32 bhnd full n_q<=256 n_kv<=256 group=1"},
        {"{\"n_q\":1,\"n_kv\":5000,\"d_k\":80,\"d_v\":96,\"heads_q\":32,\"heads_kv\":4}",
         "d_k=80 d_v=96 f32 bhnd full n_q<=1 n_kv<=16384 group=8"},
        {"{\"n\":3,\"d_k\":8,\"mask\":\"causal\",\"dtype\":\"bf16\",\"layout\":\"bnhd\"}",
         "d_k=8 d_v=8 bf16 bnhd masked n_q<=4 n_kv<=4 group=1"},
        {"{\"n_q\":1,\"n_kv\":1073741824,\"d_k\":8,\"bias\":\"alibi\"}",
         "d_k=8 d_v=8 f32 bhnd full n_q<=1 n_kv<=1073741824 group=1"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        const struct problem problem = make_problem(cases[i].problem, &arena);
        const struct problem_class class = problem_class(&problem);
        expect_text(cases[i].problem, problem_class_text(&class, &arena), cases[i].class);
        assert_int_equal(problem_class_distance(&class, &class), 0);
        arena_free(&arena);
    }
}

static void distances_of_classes(void **state)
{
    (void)state;
    static const struct {
        const char *problem;
        int distance; /* from n = 1024, d_k = 64, 8 heads */
    } cases[] = {
        {"{\"n\":600,\"d_k\":64,\"heads\":8}", 0},
        {"{\"n\":256,\"d_k\":64,\"heads\":8}", 2},
        {"{\"n_q\":1024,\"n_kv\":4096,\"d_k\":64,\"heads\":8}", 1},
        {"{\"n_q\":1,\"n_kv\":1024,\"d_k\":64,\"heads\":8}", 5},
        {"{\"n\":1024,\"d_k\":64,\"heads\":8,\"mask\":\"causal\"}", 1},
        {"{\"n\":1024,\"d_k\":64,\"heads\":8,\"layout\":\"bnhd\"}", 1},
        {"{\"n\":1024,\"d_k\":64,\"heads_q\":8,\"heads_kv\":1}", 3},
        {"{\"n\":1024,\"d_k\":64,\"heads_q\":6,\"heads_kv\":2}", 2},
        {"{\"n\":1024,\"d_k\":65,\"d_v\":64,\"heads\":8}", -1},
        {"{\"n\":1024,\"d_k\":64,\"d_v\":65,\"heads\":8}", -1},
        {"{\"n\":1024,\"d_k\":64,\"heads\":8,\"dtype\":\"f16\"}", -1},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        const struct problem base = make_problem("{\"n\":1024,\"d_k\":64,\"heads\":8}", &arena);
        const struct problem problem = make_problem(cases[i].problem, &arena);
        const struct problem_class a = problem_class(&base), b = problem_class(&problem);
        if (problem_class_distance(&a, &b) != cases[i].distance ||
            problem_class_distance(&b, &a) != cases[i].distance)
            fail_msg("%s: %d", cases[i].problem, problem_class_distance(&a, &b));
        arena_free(&arena);
    }
}

/* ---- which entry ----------------------------------------------------------------------------- */

static const char *found(struct fixture *f, const char *problem_text)
{
    const struct problem problem = make_problem(problem_text, &f->arena);
    const struct tuned *tuned = tunings_find(&f->tunings, &f->variant, &problem, &f->device);
    return tuned ? arena_print(&f->arena, "%s %s", tuning_source_name(tuned->source),
                               tuning_text(&tuned->tuning, &f->arena))
                 : "none";
}

#define N(n) "{\"n\":" #n ",\"d_k\":64}"

static void the_nearest_class_is_used(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    expect_text("no file", found(&f, N(1024)), "none");
    add(&f, CLASS(256, 256, "full", 1), "\"WG\":16,\"B\":1", TUNING_TUNED);
    add(&f, CLASS(4096, 4096, "full", 1), "\"WG\":32,\"B\":1", TUNING_TUNED);
    add(&f, CLASS(256, 256, "masked", 1), "\"WG\":64,\"B\":2", TUNING_TUNED);
    expect_text("exact", found(&f, N(200)), "tuned WG=16,B=1");
    expect_text("exact, the other mask", found(&f, "{\"n\":200,\"d_k\":64,\"mask\":\"causal\"}"),
                "tuned WG=64,B=2");
    expect_text("as near to both: the first", found(&f, N(1024)), "tuned WG=16,B=1");
    expect_text("nearest", found(&f, N(5000)), "tuned WG=32,B=1");
    expect_text("too far", found(&f, "{\"n_q\":1,\"n_kv\":256,\"d_k\":64}"), "tuned WG=16,B=1");
    expect_text("too far", found(&f, "{\"n_q\":1,\"n_kv\":64,\"d_k\":64}"), "none");
    expect_text("another d_k", found(&f, "{\"n\":200,\"d_k\":32}"), "none");
    tear_down(&f);
}

static void the_devices_own_goes_before_a_shipped_one(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    add(&f, CLASS(1024, 1024, "full", 1), "\"WG\":16,\"B\":1", TUNING_SHIPPED);
    add(&f, CLASS(256, 256, "full", 1), "\"WG\":32,\"B\":1", TUNING_TUNED);
    expect_text("shipped, exact", found(&f, N(1024)), "shipped WG=16,B=1");
    add(&f, CLASS(1024, 1024, "full", 1), "\"WG\":64,\"B\":2", TUNING_TUNED);
    expect_text("own, exact", found(&f, N(1024)), "tuned WG=64,B=2");
    tear_down(&f);
}

static void what_does_not_fit_is_passed_over(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    add(&f, CLASS(1024, 1024, "full", 1), "\"WG\":64,\"B\":1", TUNING_TUNED);
    add(&f, CLASS(256, 256, "full", 1), "\"WG\":16,\"B\":1", TUNING_TUNED);
    f.device.max_work_group = 32;
    expect_text("the next", found(&f, N(1024)), "tuned WG=16,B=1");
    f.device.max_work_group = 8;
    expect_text("none is left", found(&f, N(1024)), "none");
    f.device.max_work_group = 1024;
    add(&f, CLASS(4096, 4096, "full", 1), "\"WG\":16,\"B\":2", TUNING_TUNED); /* breaks `where` */
    expect_text("against the rule", found(&f, N(4096)), "tuned WG=64,B=1");
    tear_down(&f);
}

static void entries_are_for_their_device(void **state)
{
    (void)state;
    static const struct {
        const char *device;
        bool same;
    } cases[] = {{"", true},
                 {"\"type\":\"gpu\"", true},
                 {"\"platform\":\"p\",\"name\":\"n\",\"vendor\":\"v\",\"driver\":\"1\"", true},
                 {"\"type\":\"cpu\"", false},
                 {"\"platform\":\"p\",\"driver\":\"2\"", false},
                 {"\"name\":\"N\"", false},
                 {"\"vendor\":\"\"", false}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct fixture f;
        struct err err = {""};
        set_up(&f);
        assert_int_equal(load_as(&f,
                                 file(&f.arena, cases[i].device, CLASS(1024, 1024, "full", 1),
                                      "\"WG\":16,\"B\":1", ""),
                                 TUNING_TUNED, true, &err),
                         0);
        expect_text(cases[i].device, found(&f, N(1024)),
                    cases[i].same ? "tuned WG=16,B=1" : "none");
        tear_down(&f);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

#define GOOD CLASS(1024, 1024, "full", 1)

static const struct {
    const char *class, *tuning, *more, *message;
} mistakes[] = {
    {GOOD, "\"WG\":16", "", "5: entries[0].tuning: the tunable \"B\" is missing"},
    {GOOD, "\"WG\":17,\"B\":1", "",
     "5: entries[0].tuning.WG: expected one of the variant's values (64, 32, 16), found 17"},
    {GOOD, "\"WG\":\"16\",\"B\":1", "",
     "5: entries[0].tuning.WG: expected an integer from 0 to 1048576, found \"16\""},
    {GOOD, "\"WG\":16,\"B\":1,\"BLOCK\":1", "",
     "5: entries[0].tuning.BLOCK: unknown key; expected one of: WG, B"},
    {GOOD, "\"WG\":16,\"B\":1", ",\"sha\":1",
     "5: entries[0].sha: unknown key; expected one of: variant, program_sha, class, tuning, "
     "problem, default_s, tuned_s, candidates, failed, wrong"},
    {GOOD, "\"WG\":16,\"B\":1", ",\"program_sha\":1",
     "5: entries[0].program_sha: expected a string, found 1"},
    {CLASS(1000, 1024, "full", 1), "\"WG\":16,\"B\":1", "",
     "4: entries[0].class.n_q: expected a power of 4"},
    {CLASS(1024, 1024, "causal", 1), "\"WG\":16,\"B\":1", "",
     "4: entries[0].class.mask: expected \"full\" or \"masked\""},
    {CLASS(1024, 1024, "full", 0), "\"WG\":16,\"B\":1", "",
     "4: entries[0].class.group: expected an integer from 1 to 1073741824, found 0"},
    {"\"d_k\":64", "\"WG\":16,\"B\":1", "", "4: entries[0].class: the key \"d_v\" is missing"},
    {"\"d_k\":64,\"d_v\":64,\"dtype\":\"f8\",\"layout\":\"bhnd\"", "\"WG\":16,\"B\":1", "",
     "4: entries[0].class.dtype: expected one of \"f32\", \"f16\", \"bf16\", found \"f8\""},
};

static void mistakes_name_file_line_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); ++i) {
        struct fixture f;
        struct err err = {"untouched"};
        set_up(&f);
        const char *text =
            file(&f.arena, "", mistakes[i].class, mistakes[i].tuning, mistakes[i].more);
        const char *message = arena_print(&f.arena, "t.json:%s", mistakes[i].message);
        assert_int_equal(load_as(&f, text, TUNING_GIVEN, true, &err), -1);
        expect_text("strict", err.message, message);
        assert_int_equal(f.tunings.count, 0);
        expect_text("strict does not warn", warnings, "");
        /* where it is not strict, a good entry beside it is used all the same */
        const char *both = arena_print(&f.arena,
                                       "%.*s,{\"variant\":\"v\",\"class\":{" GOOD
                                       "},\"tuning\":{\"WG\":32,\"B\":2}}]}",
                                       (int)strlen(text) - 2, text);
        strcpy(err.message, "untouched");
        assert_int_equal(load_as(&f, both, TUNING_TUNED, false, &err), 0);
        assert_string_equal(err.message, "untouched");
        assert_int_equal(f.tunings.count, 1);
        expect_text("warning", warnings,
                    arena_print(&f.arena, "%s; the entry is ignored\n", message));
        tear_down(&f);
    }
}

static void files_that_are_something_else(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } files[] = {
        {"{", "t.json:1: not valid JSON"},
        {"[]", NULL},
        {"{\"format\":\"attnbench-suite\"}", "t.json:1: format: expected \"attnbench-tuning\""},
        {"{\"format\":\"attnbench-tuning\",\n\"version\":2}",
         "t.json:2: version: expected an integer from 1 to 1, found 2"},
        {"{\"format\":\"attnbench-tuning\",\"version\":1,\"device\":{\"id\":\"x\"},\"entries\":[]}",
         "t.json:1: device.id: unknown key; expected one of: platform, name, vendor, driver, type"},
        {"{\"format\":\"attnbench-tuning\",\"version\":1,\"device\":{},\"entries\":3}",
         "t.json:1: entries: expected an array, found 3"},
    };
    for (size_t i = 0; i < COUNT(files); ++i) {
        struct fixture f;
        struct err err = {""};
        set_up(&f);
        assert_int_equal(load_as(&f, files[i].text, TUNING_GIVEN, true, &err), -1);
        if (files[i].message)
            assert_true(strncmp(err.message, files[i].message, strlen(files[i].message)) == 0);
        assert_int_equal(load_as(&f, files[i].text, TUNING_TUNED, false, NULL), 0);
        expect_text("warning", warnings,
                    arena_print(&f.arena, "%s; the file is ignored\n", err.message));
        tear_down(&f);
    }
}

static void a_changed_kernel_makes_entries_stale(void **state)
{
    (void)state;
    struct fixture f;
    struct err err = {""};
    set_up(&f);
    const char *same = file(&f.arena, "", GOOD, "\"WG\":16,\"B\":1", ",\"program_sha\":\"abc\"");
    const char *other = file(&f.arena, "", GOOD, "\"X\":0", ",\"program_sha\":\"abd\"");
    assert_int_equal(load_as(&f, same, TUNING_TUNED, true, &err), 0);
    assert_int_equal(f.tunings.count, 1);
    expect_text("nothing to tell", warnings, "");
    assert_int_equal(load_as(&f, other, TUNING_TUNED, true, &err), 0);
    assert_int_equal(f.tunings.count, 1);
    expect_text("stale", warnings,
                "t.json: 1 tunings are of kernels that have changed since (v) and are ignored; "
                "attnbench tune finds new ones\n");
    tear_down(&f);
}

/* A variant that is not loaded today is no mistake: its tunings wait. */
static void an_unknown_variant_is_silent(void **state)
{
    (void)state;
    struct fixture f;
    struct err err = {""};
    set_up(&f);
    const char *text =
        "{\"format\":\"attnbench-tuning\",\"version\":1,\"device\":{},\n\"entries\":["
        "\n3,\n{\"variant\":\"w\",\"class\":{},\"tuning\":{}},\n"
        "{\"variant\":\"v\",\"class\":{" GOOD "},\"tuning\":{\"B\":1,\"WG\":64}}]}";
    assert_int_equal(load_as(&f, text, TUNING_TUNED, false, &err), 0);
    expect_text("warnings", warnings,
                "t.json:3: entries[0]: expected an object, found 3; the entry is ignored\n");
    assert_int_equal(f.tunings.count, 1);
    expect_text("in the variant's order", tuning_text(&f.tunings.items[0].tuning, &f.arena),
                "WG=64,B=1");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_of_problems),
        cmocka_unit_test(distances_of_classes),
        cmocka_unit_test(the_nearest_class_is_used),
        cmocka_unit_test(the_devices_own_goes_before_a_shipped_one),
        cmocka_unit_test(what_does_not_fit_is_passed_over),
        cmocka_unit_test(entries_are_for_their_device),
        cmocka_unit_test(mistakes_name_file_line_and_key),
        cmocka_unit_test(files_that_are_something_else),
        cmocka_unit_test(a_changed_kernel_makes_entries_stale),
        cmocka_unit_test(an_unknown_variant_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
