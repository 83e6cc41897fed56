/* Two devices in sentences: like with like, prefill and decode apart, holes named. */
#include "sample_results.h"
#include "support.h"

#include "report/pairs.h"

/* Results of two devices, a row for each of the entries. */
struct entry {
    const char *device, *variant;
    int64_t n_q, n_kv;
    double seconds; /* 0: skipped */
};

static struct results build(const struct entry *entries, int count)
{
    struct results results = {0};
    static const struct device_info devices[] = {{.id = "a"}, {.id = "b"}};
    results.devices = devices;
    results.device_count = 2;
    results.rows = arena_array(&results.arena, (size_t)count, sizeof *results.rows);
    for (int i = 0; i < count; ++i) {
        struct problem problem = sample_problem(entries[i].n_kv, 8);
        problem.n_q = entries[i].n_q;
        struct row row = sample_row(&results.arena, problem, entries[i].variant, "demo/n");
        row.device = entries[i].device;
        if (entries[i].seconds > 0) {
            sample_times(&row, &results.arena, entries[i].seconds);
        } else {
            row.status = ROW_SKIPPED;
            row.reason = "over the budget";
        }
        results.rows[results.row_count++] = row;
    }
    return results;
}

static void the_best_of_each_is_compared(void **state)
{
    (void)state;
    /* The best of a is fused, of b naive: 1 against 6, 2 against 8; never 1 against 100. */
    static const struct entry entries[] = {
        {"a", "naive", 64, 64, 5},    {"a", "fused", 64, 64, 1},  {"b", "naive", 64, 64, 6},
        {"b", "fused", 64, 64, 100},  {"a", "naive", 1, 64, 50},  {"a", "fused", 1, 64, 2},
        {"b", "naive", 1, 64, 8},     {"b", "fused", 1, 64, 100}, {"a", "fused", 128, 128, 1},
        {"b", "naive", 256, 256, 0.1}};
    struct results results = build(entries, COUNT(entries));
    const struct pair_side a = {"a", &results, "a"}, b = {"b", &results, "b"};
    struct pair pair;
    pair_build(&pair, &a, &b);
    assert_int_equal(pair.all.problems, 2); /* the others have one side only */
    assert_int_equal(pair.prefill.problems, 1);
    assert_int_equal(pair.decode.problems, 1);
    assert_true(near(pair.all.least, 4, 1e-9) && near(pair.all.most, 6, 1e-9));
    assert_true(near(pair.all.mean, sqrt(24), 1e-9));
    assert_true(near(pair.prefill.mean, 6, 1e-9) && near(pair.decode.mean, 4, 1e-9));
    assert_int_equal(pair.all.partial, 0);
    assert_false(pair.by_host);
    pair_build(&pair, &b, &a);
    assert_true(near(pair.all.most, 0.25, 1e-9));
    struct winners winners;
    winners_find(&winners, &b, false);
    assert_int_equal(winners.problems, 2);
    expect_text("winner", winners.items[0].variant, "naive");
    results_free(&results);
}

static void sentences_say_it(void **state)
{
    (void)state;
    static const struct entry entries[] = {{"a", "fused", 64, 64, 1}, {"b", "fused", 64, 64, 50},
                                           {"a", "fused", 1, 64, 1},  {"b", "fused", 1, 64, 80},
                                           {"a", "naive", 64, 64, 0}, {"b", "naive", 64, 64, 100},
                                           {"b", "naive", 1, 64, 60}, {"b", "fused", 128, 128, 0}};
    struct results results = build(entries, COUNT(entries));
    const struct pair_side sides[] = {{"b", &results, "b"}, {"a", &results, "a"}};
    const struct text_list said = pairs_sentences(sides, 2, &results.arena);
    static const char *const want[] = {
        "a is 50.0 to 60.0 times as fast as b (geometric mean 54.8 over 2 problems that both "
        "computed, "
        "the best variant of each, by the device's clock); prefill 50.0 (1 problem); decode 60.0 "
        "(1 "
        "problem); of 1 problem not every variant was measured",
        "on b use fused (fastest on 1 of 1 problem), and for decoding naive (fastest on 1 of 1 "
        "problem)",
        "on a use fused (fastest on 1 of 1 problem), and for decoding fused (fastest on 1 of 1 "
        "problem)",
        "not measured on b: 1 of 5 cells: 1 skipped of fused (over the budget)",
        "not measured on a: 1 of 3 cells: 1 skipped of naive (over the budget)"};
    assert_int_equal(said.count, (int)COUNT(want));
    for (size_t i = 0; i < COUNT(want); ++i)
        expect_text("sentence", said.values[i], want[i]);
    results_free(&results);
}

static void clocks_that_differ_leave_the_hosts(void **state)
{
    (void)state;
    static const struct entry entries[] = {{"a", "fused", 64, 64, 1}, {"b", "fused", 64, 64, 10}};
    struct results results = build(entries, COUNT(entries));
    results.rows[1].time.clock = "host";
    results.rows[0].time.host_median_s = 2;
    results.rows[1].time.host_median_s = 10;
    const struct pair_side a = {"a", &results, "a"}, b = {"b", &results, "b"};
    struct pair pair;
    pair_build(&pair, &a, &b);
    assert_true(pair.by_host);
    assert_true(near(pair.all.mean, 5, 1e-9));
    results_free(&results);
}

static void nothing_in_common_is_said(void **state)
{
    (void)state;
    static const struct entry entries[] = {{"a", "fused", 64, 64, 1}, {"b", "fused", 32, 32, 0}};
    struct results results = build(entries, COUNT(entries));
    const struct pair_side sides[] = {{"a", &results, "a"}, {"b", &results, "b"}};
    const struct text_list said = pairs_sentences(sides, 2, &results.arena);
    expect_text("none", said.values[0],
                "a and b have no problem in common that both computed right");
    expect_text("no kernel", said.values[2], "on b no variant has a right result");
    results_free(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_each_is_compared),
        cmocka_unit_test(sentences_say_it),
        cmocka_unit_test(clocks_that_differ_leave_the_hosts),
        cmocka_unit_test(nothing_in_common_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
