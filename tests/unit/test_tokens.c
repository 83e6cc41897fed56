#include "store/tokens.h"

#include "support.h"
#include "util/text.h"

static int parse_tokens(struct tokens *tokens, const char *bytes, size_t length, int64_t count,
                        struct arena *arena, struct err *err)
{
    return tokens_parse(tokens, "t.txt", bytes, length, count, "queries", arena, err);
}

static void lines_are_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *words; /* separated by | */
        int64_t count;
    } cases[] = {
        {"a\nb\n", "a|b", 2},
        {"a\nb", "a|b", 2},
        {"a\r\nb\r\n", "a|b", 2},
        {"\xef\xbb\xbf"
         "a\n",
         "a", 1},
        {" the\nĠcat\n", " the|Ġcat", 2},
        {"<script>alert(1)</script>\n&amp;\n", "<script>alert(1)</script>|&amp;", 2},
        {"\x1b[31mred\n\tx\n", "?[31mred|?x", 2},
        {"\u202eevil\u2066\nx\xc2\x9by\n", "?evil?|x?y", 2},
        {"   \n", "\u2423\u2423\u2423", 1},
        {"a\rb\n", "a?b", 1},
        {"注意\n", "注意", 1},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct tokens tokens;
        struct text joined = {0};
        struct err err = {""};
        if (parse_tokens(&tokens, cases[i].bytes, strlen(cases[i].bytes), cases[i].count, &arena,
                         &err))
            fail_msg("case %zu: %s", i, err.message);
        assert_true(tokens.named && tokens.count == cases[i].count);
        for (int64_t t = 0; t < tokens.count; ++t)
            text_print(&joined, "%s%s", t ? "|" : "", tokens.words[t]);
        assert_string_equal(text_get(&joined), cases[i].words);
        text_free(&joined);
        arena_free(&arena);
    }
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length; /* 0: up to the NUL */
        int64_t count;
        const char *message;
    } cases[] = {
        {"a\nb\nc\n", 0, 2, "t.txt:3: more lines than the 2 queries"},
        {"a\n\n", 0, 1, "t.txt:2: more lines than the 1 queries"},
        {"a\nb\n", 0, 4, "t.txt:3: ends after 2 tokens; there are 4 queries"},
        {"", 0, 1, "t.txt:1: ends after 0 tokens; there are 1 queries"},
        {"a\n\nc\n", 0, 3, "t.txt:2: an empty line; expected a token"},
        {"a\n\r\nc\n", 0, 3, "t.txt:2: an empty line; expected a token"},
        {"a\nb\xff\n", 0, 2, "t.txt:2: byte 2 is not UTF-8; expected UTF-8"},
        {"\xc0\xaf\n", 0, 1, "t.txt:1: byte 1 is not UTF-8; expected UTF-8"},
        {"\xed\xa0\x80\n", 0, 1, "t.txt:1: byte 1 is not UTF-8; expected UTF-8"},
        {"x\xe6\xb3", 0, 1, "t.txt:1: byte 2 is not UTF-8; expected UTF-8"},
        {"a\0b\n", 4, 1, "t.txt:1: byte 2 is NUL; expected UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct tokens tokens;
        struct err err = {""};
        const size_t length = cases[i].length ? cases[i].length : strlen(cases[i].bytes);
        assert_int_equal(
            parse_tokens(&tokens, cases[i].bytes, length, cases[i].count, &arena, &err), -1);
        assert_string_equal(err.message, cases[i].message);
        arena_free(&arena);
    }
}

static void long_lines_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct tokens tokens;
    struct err err = {""};
    char *line = arena_alloc(&arena, 1 << 20);
    memset(line, 'x', 1 << 20);
    assert_int_equal(parse_tokens(&tokens, line, TOKEN_BYTES_MAX, 1, &arena, &err), 0);
    assert_int_equal(parse_tokens(&tokens, line, TOKEN_BYTES_MAX + 1, 1, &arena, &err), -1);
    assert_int_equal(parse_tokens(&tokens, line, 1 << 20, 1, &arena, &err), -1);
    assert_string_equal(err.message,
                        "t.txt:1: a token of 1048576 bytes; expected at most 256, one token a "
                        "line");
    arena_free(&arena);
}

static void repeated_words_have_their_index_in_labels(void **state)
{
    (void)state;
    static const char bytes[] = "the\ncat\nthe\nThe\nthe\n";
    static const char *const labels[] = {"the[0]", "cat", "the[2]", "The", "the[4]"};
    struct arena arena = {0};
    struct tokens tokens;
    struct err err = {""};
    assert_int_equal(parse_tokens(&tokens, bytes, sizeof bytes - 1, 5, &arena, &err), 0);
    for (int i = 0; i < 5; ++i)
        assert_string_equal(tokens.labels[i], labels[i]);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_tokens),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(long_lines_are_refused),
        cmocka_unit_test(repeated_words_have_their_index_in_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
