/* What a reader takes the first character for, and what is made of links. */
#include "support.h"

#include "report/words.h"
#include "util/checked.h"
#include "util/fold.h"
#include "util/text.h"

static const struct {
    const char *text;
    uint32_t first;
} firsts[] = {
    {"=1", '='},
    {" \t\r\n=1", '='},
    {"\xc2\xa0=1", '='},                 /* no-break space */
    {"\xe2\x80\x8b=1", '='},             /* zero-width space */
    {"\xe2\x80\x8d\xe2\x81\xa0=1", '='}, /* joiners */
    {"\xef\xbb\xbf=1", '='},             /* byte order mark */
    {"\xe3\x80\x80\xe2\x80\x83=1", '='}, /* ideographic and em space */
    {"\xc2\xad=1", '='},                 /* soft hyphen */
    {"\xef\xb8\x8f=1", '='},             /* variation selector */
    {"\xf3\xa0\x80\xa0=1", '='},         /* tag */
    {"\xef\xbc\x9d"
     "1",
     '='}, /* full-width signs */
    {"\xef\xbc\x8b"
     "1",
     '+'},
    {"\xef\xbc\x8d"
     "1",
     '-'},
    {"\xef\xbc\xa0"
     "1",
     '@'},
    {"\xef\xb9\xa6"
     "1",
     '='}, /* small */
    {"\xe2\x81\xbc"
     "1",
     '='}, /* raised */
    {"\xe2\x88\x92"
     "1",
     '-'}, /* minus */
    {"a=1", 'a'},
    {"\xff=1", '?'}, /* no UTF-8: it is shown as '?' */
    {"", 0},
    {" \xe2\x80\x8b", 0},
};

static void the_first_visible_character_is_folded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(firsts); ++i) {
        const char *rest = NULL;
        const uint32_t first = fold_first(firsts[i].text, &rest);
        if (first != firsts[i].first)
            fail_msg("%s: U+%04X, not U+%04X", firsts[i].text, first, firsts[i].first);
    }
}

static const struct {
    const char *foreign, *shown;
} links[] = {
    {"see http://a.b/c", "see http[:]//a.b/c"},
    {"HTTPS://A", "HTTPS[:]//A"},
    {"ftp://x www.a.b WWW.c", "ftp[:]//x www[.]a.b WWW[.]c"},
    {"mail me@a.org", "mail me[@]a.org"},
    {"mailto:x", "mailto[:]x"},
    {"@user (@team/x)", "[@]user ([@]team/x)"},
    {"a@b/c", "a[@]b/c"},
    {"pocl-cpu-0@node07", "pocl-cpu-0@node07"},
    {"#12 x#3 # 4 #a", "[#]12 x[#]3 # 4 #a"},
    {"GH-7 gh-8 x-9", "GH[-]7 gh[-]8 x-9"},
    {"ratio 1:2, a: b", "ratio 1:2, a: b"},
};

static void links_are_defused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(links); ++i) {
        struct text text = {0};
        words_unlink(&text, links[i].foreign, 1000);
        expect_text(links[i].foreign, text_get(&text), links[i].shown);
        text_free(&text);
    }
    struct text text = {0};
    words_markdown(&text, "<http://a> @b", 1000);
    expect_text("markdown", text_get(&text), "&lt;http\\[:\\]//a&gt; \\[@\\]b");
    text_free(&text);
}

static void invisible_characters_are_not_printed(void **state)
{
    (void)state;
    struct text text = {0};
    text_add_printable(&text,
                       "a\xe2\x80\x8b"
                       "b\xc2\xad\xe2\x81\xa0\xef\xbb\xbf"
                       "c",
                       false);
    expect_text("printable", text_get(&text), "a?b???c");
    text_free(&text);
}

static void sizes_stop_at_the_largest_number(void **state)
{
    (void)state;
    assert_true(size_times(3, 5) == 15 && size_plus(3, 5) == 8);
    assert_true(size_times(INT64_C(1) << 40, INT64_C(1) << 40) == SIZE_LIMIT);
    assert_true(size_times(SIZE_LIMIT, 0) == 0 && size_times(SIZE_LIMIT, 2) == SIZE_LIMIT);
    assert_true(size_plus(SIZE_LIMIT, 1) == SIZE_LIMIT);
    assert_true(size_plus(SIZE_LIMIT - 1, 1) == SIZE_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_visible_character_is_folded),
        cmocka_unit_test(links_are_defused),
        cmocka_unit_test(invisible_characters_are_not_printed),
        cmocka_unit_test(sizes_stop_at_the_largest_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
