/* Known quirks: which devices they apply to, what they change, and mistakes in the list. */
#include "problem/plan.h"
#include "problem/quirk.h"
#include "store/kernels.h"
#include "support.h"

#define LIST(item) "{\"format\": \"attnbench-quirks\", \"version\": 1, \"quirks\": [" item "]}"

static int load(struct quirk_list *quirks, const char *text, struct arena *arena, struct err *err)
{
    return quirks_load(quirks, "q.json", text, strlen(text), arena, err);
}

static void patterns_are_parts_in_any_case(void **state)
{
    (void)state;
    static const char text[] = LIST(
        "{\"name\": \"q\", \"reason\": \"r\", \"platform\": \"RUSTICL\", \"device\": \"llvmpipe\","
        "\"driver\": \"22.3\", \"type\": \"cpu\", \"vendor\": \"mesa\"}");
    const struct device_info good = {.platform = "rusticl",
                                     .name = "llvmpipe (LLVM 15)",
                                     .vendor = "Mesa/X.org",
                                     .driver = "22.3.6",
                                     .type = "cpu"};
    struct arena arena = {0};
    struct quirk_list quirks;
    struct err err = {""};
    assert_int_equal(load(&quirks, text, &arena, &err), 0);
    assert_int_equal(quirks.count, 1);
    assert_true(quirk_applies(quirks.items, &good));
    struct device_info others[] = {good, good, good, good, good};
    others[0].platform = "clover";
    others[1].name = "radeonsi";
    others[2].driver = "23.0";
    others[3].type = "gpu";
    others[4].vendor = NULL;
    for (size_t i = 0; i < COUNT(others); ++i)
        assert_false(quirk_applies(quirks.items, &others[i]));
    others[0] = good;
    quirks_attach(&quirks, others, COUNT(others), &arena);
    assert_int_equal(others[0].quirk_count, 1);
    assert_int_equal(others[1].quirk_count, 0);
    assert_true(quirk_concerns(quirks.items, "anything"));
    arena_free(&arena);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "q.json:1: expected an object, found an array"},
        {"{}", "q.json:1: the key \"format\" is missing"},
        {"{\"format\": \"attnbench-quirks\", \"version\": 2, \"quirks\": []}",
         "q.json:1: version: expected an integer from 1 to 1, found 2"},
        {"{\"format\": \"x\", \"version\": 1, \"quirks\": []}",
         "q.json:1: expected the format \"attnbench-quirks\""},
        {LIST("{\"name\": \"q\"}"), "q.json:1: quirks[0]: the key \"reason\" is missing"},
        {LIST("{\"name\": \"q\", \"reason\": \"r\"}"),
         "q.json:1: quirks[0]: expected a pattern: platform, device, vendor, driver"},
        {LIST("{\"name\": \"q\", \"reason\": \"r\", \"device\": \"d\", \"requires\": \"W > 1\"}"),
         "q.json:1: quirks[0]: the key \"variants\" is missing: whose tunables?"},
        {LIST("{\"name\": \"q\", \"reason\": \"r\", \"device\": \"d\", \"variants\": [1]}"),
         "q.json:1: quirks[0].variants[0]: expected a string, found 1"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct quirk_list quirks;
        struct err err = {""};
        assert_int_equal(load(&quirks, cases[i].text, &arena, &err), -1);
        expect_text(cases[i].text, err.message, cases[i].message);
        arena_free(&arena);
    }
}

/* The list that is built in, on the device that it was written for. */
static void the_loop_limit_changes_the_tuning(void **state)
{
    (void)state;
    struct device_info device = {.platform = "rusticl",
                                 .name = "llvmpipe (LLVM 15.0.6, 256 bits)",
                                 .driver = "22.3.6",
                                 .type = "cpu",
                                 .extensions = "",
                                 .local_bytes = 32768,
                                 .max_work_group = 1024,
                                 .max_work_item = {1024, 1024, 1024}};
    struct arena arena = {0};
    struct kernel_tree tree;
    struct quirk_list quirks;
    struct err err = {""};
    assert_int_equal(kernel_tree_load(&tree, NULL, &err), 0);
    assert_int_equal(kernel_tree_quirks(&quirks, &arena, &err), 0);
    assert_true(quirks.count >= 2);
    const struct variant *tiled = kernel_tree_find(&tree, "tiled");
    for (int attached = 0; attached < 2; ++attached) {
        if (attached)
            quirks_attach(&quirks, &device, 1, &arena);
        for (int large = 0; large < 2; ++large) {
            const struct problem problem = make_problem(
                large ? "{\"n\": 256, \"d_k\": 64}" : "{\"n\": 128, \"d_k\": 64}", &arena);
            struct tuning tuning;
            int64_t items = 0;
            assert_int_equal(variant_fit(tiled, &problem, &device, &tuning, &err), 0);
            assert_int_equal(variant_size("GRID_M*GRID_N", &problem, &tuning, &items, &err), 0);
            assert_int_equal(items >= 16, attached && large);
        }
    }
    /* Where no tuning is left, the cell is skipped, with the reason. */
    device.max_work_group = 1;
    const struct problem problem = make_problem("{\"n\": 256, \"d_k\": 64}", &arena);
    const struct suite suite = suite_default();
    struct plan plan;
    assert_int_equal(plan_build(&plan,
                                &(struct plan_request){.suites = &suite,
                                                       .suite_count = 1,
                                                       .variants = tree.variants,
                                                       .variant_count = tree.count,
                                                       .devices = &device,
                                                       .device_count = 1,
                                                       .problem = &problem,
                                                       .only_variants = "tiled"},
                                &err),
                     0);
    assert_int_equal(plan.cells[0].fate, CELL_SKIPPED);
    assert_non_null(strstr(plan.cells[0].reason, "known quirk llvmpipe-loop-limit: "));
    assert_non_null(strstr(plan.cells[0].reason, "(--no-quirks runs it)"));
    plan_free(&plan);
    kernel_tree_free(&tree);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_parts_in_any_case),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_loop_limit_changes_the_tuning),
    };
    return cmocka_run_group_tests_name("quirk", tests, NULL, NULL);
}
