/* --filter: limits, matching, what is near, and selections of cells. */
#include "support.h"

#include "problem/filter.h"

static const struct {
    const char *text, *refused; /* NULL: compiled */
} expressions[] = {
    {"n_q=(8|16),.* fused$", NULL},
    {"^attention\\(n_q=8\\) naive$", NULL},
    {"n_q=[0-9]{1,4},", NULL},
    {"[(((((((((((((((((((((]", NULL},
    {"[]((((((((((((((((((((]", NULL},
    {"[[:alpha:]((((((((((((((((((]", NULL},
    {"\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(\\(", NULL},
    {"((((((((((((((((a))))))))))))))))", NULL},
    {"(((((((((((((((((a)))))))))))))))))", "nested more than 16 deep"},
    {"(a{99}){99}", NULL},
    {"((a{99}){99}){99}", "too many of"},
    {"[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+", NULL},
    {"a++++++++++++++++", "too many of"},
    {"((((((((((a+)+)+)+)+)+)+)+)+)+)+", "too many of"},
    {"a{99999999999999999999}", "too many of"},
    {"(a)\\1", "back references"},
    {"(ab*)*(a|b)+(causal)?(a{2})*a{0,3}", NULL},
    {"(a*)*", "may be empty"}, /* each of these may search for minutes once it is nested */
    {"a*+", "may be empty"},
    {"(a**++*++++$a*)*", "may be empty"},
    {"((((((((a*)+)+)+)+)+)+)+$a*)*", "may be empty"},
    {"(a|)*", "may be empty"},
    {"(|a)+", "may be empty"},
    {"()*", "may be empty"},
    {"(^|$)*", "may be empty"},
    {"(a?b?c{0,2})+", "may be empty"},
    {"(\\b)*", "may be empty"},
    {"(", "Unmatched"},
    {"", NULL},
};

static void hostile_expressions_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expressions); ++i) {
        struct filter filter;
        struct err err = {""};
        const int result = filter_compile(&filter, expressions[i].text, &err);
        if (expressions[i].refused ? result == 0 || !strstr(err.message, expressions[i].refused)
                                   : result != 0)
            fail_msg("%s: %d %s", expressions[i].text, result, err.message);
        filter_free(&filter);
    }
}

static void long_ones_are_refused_by_what_they_expand_to(void **state)
{
    (void)state;
    static char text[FILTER_LENGTH_MAX + 2];
    struct filter filter;
    memset(text, 'a', FILTER_LENGTH_MAX);
    assert_int_equal(filter_compile(&filter, text, NULL), 0);
    filter_free(&filter);
    text[FILTER_LENGTH_MAX] = 'a';
    assert_int_equal(filter_compile(&filter, text, NULL), -1);
    for (int i = 0; i < FILTER_OPERATORS_MAX + 1; ++i)
        memcpy(text + 2 * i, "a?", 3);
    assert_int_equal(filter_compile(&filter, text, NULL), -1);
    text[2 * FILTER_OPERATORS_MAX] = '\0';
    assert_int_equal(filter_compile(&filter, text, NULL), 0);
    filter_free(&filter);
}

static void no_filter_lets_all_through(void **state)
{
    (void)state;
    struct filter filter;
    assert_int_equal(filter_compile(&filter, NULL, NULL), 0);
    assert_true(filter_passes(&filter, 0, "x", "y"));
    filter_free(&filter);
}

static const struct {
    const char *ranges, *passed; /* of ten cells */
} selections[] = {{"0-3,8", "1111000010"}, {"", "0000000000"},      {"0-9", "1111111111"},
                  {"9", "0000000001"},     {"5-2,7", "0000000100"}, {"x,3", "0001000000"},
                  {"3,1", "0001000000"}};

static void selections_are_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(selections); ++i) {
        struct filter filter;
        char passed[11] = "";
        filter_take(&filter, selections[i].ranges);
        for (int c = 0; c < 10; ++c)
            passed[c] = filter_passes(&filter, c, "", "") ? '1' : '0';
        expect_text(selections[i].ranges, passed, selections[i].passed);
    }
}

static void likeness_counts_letters_in_a_row(void **state)
{
    (void)state;
    const char *cell = "attention(n_q=16,n_kv=16) fused";
    assert_int_equal(filter_likeness("n_q=17", cell), 5);
    assert_int_equal(filter_likeness("fussed", cell), 3);
    assert_int_equal(filter_likeness("^attention\\(n_q=16", cell), 16);
    assert_int_equal(filter_likeness("", cell), 0);
    assert_true(filter_likeness("n_q=16", cell) >
                filter_likeness("n_q=16", "attention(n_q=8,n_kv=8) fused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_expressions_are_refused),
        cmocka_unit_test(long_ones_are_refused_by_what_they_expand_to),
        cmocka_unit_test(no_filter_lets_all_through),
        cmocka_unit_test(selections_are_ranges),
        cmocka_unit_test(likeness_counts_letters_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
