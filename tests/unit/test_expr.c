/* Size expressions: values, errors with their column, depth, overflow. */
#include "support.h"

#include "problem/expr.h"
#include "util/text.h"

static bool lookup(const void *context, const char *name, double *value)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"n_q", 100}, {"BLOCK_Q", 16}, {"d_k", 64},
                 {"zero", 0},  {"_x1", 7},      {"big", 1e300}};
    (void)context;
    for (size_t i = 0; i < COUNT(names); ++i)
        if (strcmp(names[i].name, name) == 0) {
            *value = names[i].value;
            return true;
        }
    return false;
}

static const struct {
    const char *text;
    double want;
} values[] = {
    {"1", 1},
    {"0", 0},
    {" 42 ", 42},
    {"1.5", 1.5},
    {".5", 0.5},
    {"2e3", 2000},
    {"2E-3", 0.002},
    {"1e+2", 100},
    {"n_q", 100},
    {"_x1", 7},
    {"1+2*3", 7},
    {"(1+2)*3", 9},
    {"10-4-3", 3},
    {"64/4/2", 8},
    {"2*3%4", 2},
    {"7 % 4", 3},
    {"-7 % 4", -3},
    {"7/2", 3.5},
    {"-3", -3},
    {"--3", 3},
    {"2--3", 5},
    {"2*-3", -6},
    {"-(1+2)", -3},
    {"ceil(n_q/BLOCK_Q)", 7},
    {"floor(n_q/BLOCK_Q)", 6},
    {"ceil(3)", 3},
    {"ceil (1.2)", 2},
    {"floor(-1.5)", -2},
    {"min(3,5)", 3},
    {"min(5,3)", 3},
    {"max(3,5)", 5},
    {"max(5,3)", 5},
    {"min(4,4)", 4},
    {"max(min(9,d_k),2)", 9},
    {"4*BLOCK_Q*d_k", 4096},
    {"1<2", 1},
    {"2<2", 0},
    {"2<=2", 1},
    {"3<=2", 0},
    {"3>2", 1},
    {"2>2", 0},
    {"2>=2", 1},
    {"1>=2", 0},
    {"2==2", 1},
    {"2==3", 0},
    {"2!=3", 1},
    {"2!=2", 0},
    {"d_k % BLOCK_Q == 0", 1},
    {"1 && 2", 1},
    {"1 && 0", 0},
    {"0 || 3", 1},
    {"0 || 0", 0},
    {"1 || 0 && 0", 1},
    {"(1 || 0) && 0", 0},
    {"1 < 2 && 3 < 2", 0},
    {"!0", 1},
    {"!5", 0},
    {"!!5", 1},
    {"!(1 == 2)", 1},
    {"!zero + 1", 2},
    {"1 + 1 == 2", 1},
    {"\t1\n+ 2", 3},
    {"9007199254740992", 9007199254740992.0},
    {"1e300 * 1e8", 1e308},
};

static void expressions_have_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); ++i) {
        double got = NAN;
        struct err err = {"untouched"};
        if (expr_eval(values[i].text, lookup, NULL, &got, &err))
            fail_msg("%s: %s", values[i].text, err.message);
        if (!near(got, values[i].want, 1e-15))
            fail_msg("%s is %g, not %g", values[i].text, got, values[i].want);
        assert_string_equal(err.message, "untouched");
        assert_int_equal(expr_check(values[i].text, lookup, NULL, &err), 0);
    }
}

/* eval_only: the value is at fault, not the text; expr_check accepts it. */
static const struct {
    const char *text, *message;
    bool eval_only;
} errors[] = {
    {"", "expected a number, a name or '(' at column 1", false},
    {"   ", "expected a number, a name or '(' at column 4", false},
    {"1+", "expected a number, a name or '(' at column 3", false},
    {"*1", "expected a number, a name or '(' at column 1", false},
    {"()", "expected a number, a name or '(' at column 2", false},
    {"(1", "expected ')' at column 3", false},
    {"1)", "unexpected text at column 2", false},
    {"1 2", "unexpected text at column 3", false},
    {"1 = 2", "unexpected text at column 3", false},
    {"1 & 2", "unexpected text at column 3", false},
    {"1 < 2 < 3", "unexpected text at column 7", false},
    {"!= 2", "expected a number, a name or '(' at column 1", false},
    {"1.2.3", "expected a number, a name or '(' at column 1", false},
    {".", "expected a number, a name or '(' at column 1", false},
    {"1e", "unexpected text at column 2", false},
    {"0x10", "unexpected text at column 2", false},
    {"inf", "unknown name \"inf\" at column 1", false},
    {"nan", "unknown name \"nan\" at column 1", false},
    {"1 + foo", "unknown name \"foo\" at column 5", false},
    {"N_Q", "unknown name \"N_Q\" at column 1", false},
    {"sqrt(4)", "unknown function; expected ceil, floor, min or max at column 6", false},
    {"ceil(1", "expected ')' at column 7", false},
    {"ceil(1,2)", "expected ')' at column 7", false},
    {"ceil()", "expected a number, a name or '(' at column 6", false},
    {"min(1)", "expected ',' and a second argument at column 6", false},
    {"min(1,2,3)", "expected ')' at column 8", false},
    {"1; system(2)", "unexpected text at column 2", false},
    {"\"a\"", "expected a number, a name or '(' at column 1", false},
    {"1e999", "expected a number, a name or '(' at column 1", false},
    {"11111111111111111111111111111111111111111111111111",
     "a number of too many digits at column 1", false},
    {"a23456789_123456789_123456789_123456789_123456789_123456789_1234",
     "a name of over 63 letters at column 64", false},
    {"1/0", "division by zero before at column 4", true},
    {"1%zero", "division by zero before at column 7", true},
    {"1/(2-2)", "division by zero before at column 8", true},
    {"big*big", NULL, true},
    {"big*big-big*big", NULL, true},
    {"-(big*big)", NULL, true},
};

static void mistakes_are_named_with_their_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); ++i) {
        double value = 7;
        struct err err = {""};
        char want[512];
        if (expr_eval(errors[i].text, lookup, NULL, &value, &err) != -1)
            fail_msg("\"%s\" was accepted as %g", errors[i].text, value);
        assert_true(near(value, 7, 0)); /* untouched */
        if (errors[i].message)
            snprintf(want, sizeof want, "expression \"%s\": %s", errors[i].text, errors[i].message);
        else
            snprintf(want, sizeof want, "expression \"%s\": the value is too large",
                     errors[i].text);
        expect_text(errors[i].text, err.message, want);
        err.message[0] = '\0';
        if (expr_check(errors[i].text, lookup, NULL, &err) != (errors[i].eval_only ? 0 : -1))
            fail_msg("expr_check of \"%s\": %s", errors[i].text, err.message);
        if (!errors[i].eval_only)
            expect_text(errors[i].text, err.message, want);
    }
}

/* `count` times `open`, then 1, then `count` times `close`. */
static int eval_nested(const char *open, const char *close, int count, double *value,
                       struct err *err)
{
    struct text text = {0};
    for (int i = 0; i < count; ++i)
        text_add(&text, open);
    text_add(&text, "1");
    for (int i = 0; i < count; ++i)
        text_add(&text, close);
    const int result = expr_eval(text_get(&text), lookup, NULL, value, err);
    text_free(&text);
    return result;
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } shapes[] = {{"(", ")"}, {"-", ""}, {"!", ""}, {"ceil(", ")"}, {"min(2,", ")"}, {"1+(", ")"}};
    for (size_t i = 0; i < COUNT(shapes); ++i) {
        double value = NAN;
        struct err err = {""};
        if (eval_nested(shapes[i].open, shapes[i].close, 20, &value, &err))
            fail_msg("20 times %s: %s", shapes[i].open, err.message);
        assert_int_equal(eval_nested(shapes[i].open, shapes[i].close, 100, &value, &err), -1);
        assert_non_null(strstr(err.message, "nested too deeply"));
        /* would overflow the stack of a parser that only counts on the way back */
        assert_int_equal(eval_nested(shapes[i].open, shapes[i].close, 1000000, &value, &err), -1);
        assert_non_null(strstr(err.message, "nested too deeply"));
    }
}

static void long_chains_are_no_nesting(void **state)
{
    (void)state;
    double value = 0;
    struct err err = {""};
    assert_int_equal(eval_nested("1+", "", 1000, &value, &err), 0);
    assert_true(near(value, 1001, 0));
    assert_int_equal(eval_nested("(1)*", "", 1000, &value, &err), 0);
    assert_true(near(value, 1, 0));
}

static void foreign_bytes_are_shown_safely(void **state)
{
    (void)state;
    double value;
    struct err err = {""};
    assert_int_equal(expr_eval("1\x1b[31m", lookup, NULL, &value, &err), -1);
    assert_string_equal(err.message, "expression \"1?[31m\": unexpected text at column 2");
    assert_int_equal(expr_eval("\xff", lookup, NULL, &value, &err), -1);
    assert_null(strchr(err.message, '\xff'));
    assert_int_equal(expr_eval("\xff", lookup, NULL, &value, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_values),
        cmocka_unit_test(mistakes_are_named_with_their_column),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(long_chains_are_no_nesting),
        cmocka_unit_test(foreign_bytes_are_shown_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
