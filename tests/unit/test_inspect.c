#include "report/inspect/inspect.h"

#include "report/colors.h"
#include "report/inspect/page.h"
#include "support.h"

/* Two heads, three queries, four keys; the first head is causal (offset 1), its row 0 even. */
static const double weights[] = {.5, .5, 0, 0, .25, .25, .5, 0,  .1, .2, .3, .4,
                                 1,  0,  0, 0, .7,  .1,  .1, .1, 0,  0,  0,  0};
static const unsigned char seen[] = {1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1,
                                     1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0};
static const char *const query_words[] = {"a", "b", "c"};
static const char *const key_words[] = {"w", "x", "y", "z"};

static struct inspection sample(void)
{
    return (struct inspection){.name = "sample",
                               .problem = "attention()",
                               .source = "a table",
                               .queries = {3, query_words, query_words, true},
                               .keys = {4, key_words, key_words, true},
                               .head_count = 2,
                               .weights = weights,
                               .seen = seen};
}

static void entropy_is_in_bits_and_of_what_is_possible(void **state)
{
    (void)state;
    const struct inspection in = sample();
    struct entropy e = inspection_entropy(&in, 0, 0);
    assert_true(e.visible == 2 && near(e.bits, 1, 1e-12) && near(e.share, 1, 1e-12));
    e = inspection_entropy(&in, 0, 1);
    assert_true(e.visible == 3 && near(e.bits, 1.5, 1e-12) && near(e.share, 1.5 / log2(3), 1e-12));
    e = inspection_entropy(&in, 0, 2);
    assert_true(near(e.bits, 1.8464393446710154, 1e-12));
    e = inspection_entropy(&in, 1, 0); /* one key: certain, and no share of nothing */
    assert_true(e.visible == 1 && e.bits == 0 && isnan(e.share));
    e = inspection_entropy(&in, 1, 2);
    assert_true(e.visible == 0 && isnan(e.bits) && isnan(e.share));
    e = inspection_mean_entropy(&in, 1, 0, 3); /* of the two that are known */
    assert_true(near(e.bits, 1.3567796494470394 / 2, 1e-12));
    assert_true(near(e.share, 1.3567796494470394 / 2, 1e-12)); /* of the one: / log2(4) */
}

/* A sink takes half of every weight: what is left is as even as before. */
static void entropy_leaves_sinks_out(void **state)
{
    (void)state;
    struct inspection in = sample();
    double halves[COUNT(weights)];
    for (size_t i = 0; i < COUNT(weights); ++i)
        halves[i] = weights[i] / 2;
    in.weights = halves;
    assert_true(near(inspection_entropy(&in, 0, 1).bits, 1.5, 1e-12));
}

static void pairs_are_ranked(void **state)
{
    (void)state;
    struct inspection in = sample();
    struct inspected_part part = inspection_whole(&in);
    struct pair pairs[4];
    assert_int_equal(inspection_rank(&in, &part, pairs, 4), 4);
    static const struct pair want[] = {{1, 1, 0, .7}, {0, 0, 0, .5}, {0, 0, 1, .5}, {0, 1, 2, .5}};
    for (int i = 0; i < 4; ++i) /* without the 1 of a query that sees one key */
        assert_true(pairs[i].head == want[i].head && pairs[i].query == want[i].query &&
                    pairs[i].key == want[i].key && near(pairs[i].weight, want[i].weight, 0));
    in.chosen = (const bool[]){true, false, false};
    part = inspection_whole(&in);
    assert_int_equal(inspection_rank(&in, &part, pairs, 4), 3); /* asked for: the 1, too */
    assert_true(pairs[0].head == 1 && pairs[0].weight == 1);
    part = (struct inspected_part){1, 2, 2, 3, NULL, false};
    assert_int_equal(inspection_rank(&in, &part, pairs, 4), 0);
}

static void blocks_show_the_largest_weight(void **state)
{
    (void)state;
    const struct inspection in = sample();
    struct map map = inspection_map(&in, 2, 2);
    struct text name = {0};
    assert_true(map.block_q == 2 && map.block_kv == 2 && map.rows == 2 && map.columns == 2);
    assert_true(near(inspection_cell(&in, &map, 0, 0, 1), .5, 0));
    assert_true(near(inspection_cell(&in, &map, 0, 1, 1), .4, 0));
    assert_true(near(inspection_cell(&in, &map, 1, 1, 0), -1, 0)); /* nothing is visible */
    inspection_add_block(&name, &in.queries, 2, 1);
    text_add(&name, " ");
    inspection_add_block(&name, &in.keys, 2, 1);
    assert_string_equal(text_get(&name), "2-2 2-3");
    text_free(&name);
    map = inspection_map(&in, 128, 128);
    assert_true(map.block_q == 1 && map.block_kv == 1 && map.rows == 3 && map.columns == 4);
}

static void foreign_text_is_no_markup(void **state)
{
    (void)state;
    struct text out = {0};
    page_add_text(&out, "<b a='1' c=\"2\">&", 80);
    assert_string_equal(text_get(&out), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
    text_free(&out);
    page_add_text(&out, "\u00fcber<<<<", 5); /* whole characters, whole entities */
    assert_string_equal(text_get(&out), "\u00fcber\u2026");
    text_free(&out);
    page_add_text(&out, "\u00fcber<", 5);
    assert_string_equal(text_get(&out), "\u00fcber&lt;");
    text_free(&out);
}

static void an_ascii_terminal_gets_ascii(void **state)
{
    (void)state;
    static const char *const words[] = {"\u00e9t\u00e9", "b", "a very long token indeed"};
    struct inspection in = sample();
    struct text out = {0};
    in.queries.words = in.queries.labels = words;
    report_inspect_text(&in, 80, false, &out);
    for (size_t i = 0; i < out.length; ++i)
        assert_true((unsigned char)out.data[i] < 0x80);
    assert_non_null(strstr(text_get(&out), "?t? -> w 0.50"));
    text_free(&out);
}

/* How light an sRGB colour is: L* of CIELAB, by its luminance. */
static double lightness(const char *hex)
{
    static const double part[] = {0.2126, 0.7152, 0.0722};
    const long rgb = strtol(hex + 1, NULL, 16);
    double luminance = 0;
    for (int i = 0; i < 3; ++i) {
        const double c = (double)(rgb >> (16 - 8 * i) & 255) / 255;
        luminance += part[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return luminance > 0.008856 ? 116 * cbrt(luminance) - 16 : 903.3 * luminance;
}

/* By another measure of lightness than the one that the colours are made with. */
static void colors_keep_the_order_of_values(void **state)
{
    (void)state;
    for (int dark = 0; dark < 2; ++dark) {
        char hex[8];
        color_at(0, dark, hex);
        double before = lightness(hex);
        for (int i = 1; i < PAGE_COLORS; ++i) {
            color_at((double)i / (PAGE_COLORS - 1), dark, hex);
            const double step = (lightness(hex) - before) * (dark ? 1 : -1);
            if (!(step > 0.2 && step < 2.5)) /* about 75 in 63 steps */
                fail_msg("%s colour %d, %s: a step of %g", dark ? "dark" : "light", i, hex, step);
            before = lightness(hex);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy_is_in_bits_and_of_what_is_possible),
        cmocka_unit_test(entropy_leaves_sinks_out),
        cmocka_unit_test(pairs_are_ranked),
        cmocka_unit_test(blocks_show_the_largest_weight),
        cmocka_unit_test(foreign_text_is_no_markup),
        cmocka_unit_test(an_ascii_terminal_gets_ascii),
        cmocka_unit_test(colors_keep_the_order_of_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
