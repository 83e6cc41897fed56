/* Text: suggestions, units, foreign text, numbers and times from the command line. */
#include "support.h"

#include "util/text.h"

static void buffers_grow(void **state)
{
    (void)state;
    struct text text = {0};
    assert_string_equal(text_get(&text), "");
    for (int i = 0; i < 1000; ++i)
        text_print(&text, "%d,", i % 10);
    assert_int_equal(text.length, 2000);
    assert_int_equal(strlen(text_get(&text)), 2000);
    text_add_bytes(&text, "a\0b", 3);
    assert_int_equal(text.length, 2003);
    text_free(&text);
    assert_string_equal(text_get(&text), "");
    text_add(&text, "");
    text_add_bytes(&text, NULL, 0);
    assert_string_equal(text_get(&text), "");
    text_free(&text);
}

static void starts_ends_contains(void **state)
{
    (void)state;
    assert_true(text_starts("attention(", "att") && text_starts("x", "") && text_starts("", ""));
    assert_false(text_starts("at", "att"));
    assert_true(text_ends("a.json", ".json") && text_ends("a", ""));
    assert_false(text_ends("json", ".json"));
    assert_false(text_ends("", "x"));
    assert_true(text_contains("NVIDIA H200", "h200") && text_contains("aab", "AB"));
    assert_true(text_contains("", "") && text_contains("x", ""));
    assert_false(text_contains("NVIDIA", "AMD"));
    assert_false(text_contains("ab", "abc"));
}

static const struct {
    const char *text;
    bool yes;
} identifiers[] = {{"WG", true},   {"_x", true},       {"a9", true},
                   {"", false},    {"9a", false},      {"a b", false},
                   {"a-b", false}, {"a=1 -Dx", false}, {"\xc3\xa4", false}};

static void identifiers_are_c_identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(identifiers); ++i)
        if (text_is_identifier(identifiers[i].text) != identifiers[i].yes)
            fail_msg("\"%s\"", identifiers[i].text);
}

static const char *const names[] = {"naive",   "tiled",    "fused", "clblast",
                                    "heads_q", "heads_kv", "n"};

static const struct {
    const char *typo, *nearest;
} typos[] = {
    {"naive", "naive"},
    {"naiv", "naive"},
    {"nave", "naive"},
    {"navie", "naive"},
    {"NAIVE", "naive"},
    {"fusde", "fused"},
    {"fusedd", "fused"},
    {"cblast", "clblast"},
    {"heads_k", "heads_q"},
    {"heads_vk", "heads_kv"},
    {"xyzzy", NULL},
    {"elephant", NULL},
    {"m", "n"},
    {"tilxxxx", NULL},
    {"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", NULL},
};

static void typos_have_a_nearest_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(typos); ++i) {
        const char *got = text_nearest(typos[i].typo, names, COUNT(names));
        if (!got != !typos[i].nearest || (got && strcmp(got, typos[i].nearest) != 0))
            fail_msg("\"%s\": %s", typos[i].typo, got ? got : "nothing");
    }
    assert_null(text_nearest("naive", names, 0));
}

/* "at most a third of its letters apart": an empty word has no letters to be apart in. */
static void nothing_is_near_an_empty_name(void **state)
{
    (void)state;
    assert_null(text_nearest("", names, COUNT(names)));
}

static const struct {
    const char *foreign, *one_line, *multiline;
} printables[] = {
    {"plain", "plain", "plain"},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
     "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"a\nb\tc", "a?b?c", "a\nb\tc"},
    {"a\r\b\x7f\x1b[0m", "a????[0m", "a????[0m"},
    {"\xff\xfe", "??", "??"},
    {"\xc3", "?", "?"},                   /* cut off */
    {"\xc3(", "?(", "?("},                /* no continuation */
    {"\xc0\x80", "??", "??"},             /* overlong NUL */
    {"\xe0\x80\xaf", "???", "???"},       /* overlong slash */
    {"\xed\xa0\x80", "???", "???"},       /* surrogate */
    {"\xf4\x90\x80\x80", "????", "????"}, /* above U+10FFFF */
    {"\xc2\x9b", "?", "?"},               /* C1 control: CSI */
    {"a\xe2\x80\xae"
     "b",
     "a?b", "a?b"},                           /* right-to-left override */
    {"\xe2\x81\xa6\xe2\x80\x8f", "??", "??"}, /* isolate, right-to-left mark */
    {"\xe2\x80\xa8", "?", "?"},               /* line separator */
    {"\xef\xbb\xbf", "?", "?"},               /* byte order mark */
};

static void foreign_text_cannot_act(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(printables); ++i) {
        struct text one = {0}, many = {0};
        text_add_printable(&one, printables[i].foreign, false);
        text_add_printable(&many, printables[i].foreign, true);
        expect_text("one line", text_get(&one), printables[i].one_line);
        expect_text("multiline", text_get(&many), printables[i].multiline);
        text_free(&one);
        text_free(&many);
    }
}

static const struct {
    double bytes;
    const char *want;
} byte_sizes[] = {{0, "0 B"},
                  {512, "512 B"},
                  {1023, "1023 B"},
                  {1024, "1.00 KiB"},
                  {1536, "1.50 KiB"},
                  {10240, "10.0 KiB"},
                  {1048576, "1.00 MiB"},
                  {209715200, "200 MiB"},
                  {1073741824.0 * 1.5, "1.50 GiB"},
                  {1099511627776.0, "1.00 TiB"},
                  {0x1p70, "1024 EiB"}};

static const struct {
    double seconds;
    const char *want;
} durations[] = {{1.2, "1.20 s"},      {12.34, "12.3 s"},   {123.4, "123 s"},
                 {0.00456, "4.56 ms"}, {0.05, "50.0 ms"},   {12.3e-6, "12.3 us"},
                 {250e-9, "250 ns"},   {1.5e-9, "1.50 ns"}, {0, "0.00 ns"}};

static void units_for_people(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(byte_sizes); ++i) {
        struct text text = {0};
        text_add_bytes_size(&text, byte_sizes[i].bytes);
        expect_text("bytes", text_get(&text), byte_sizes[i].want);
        text_free(&text);
    }
    for (size_t i = 0; i < COUNT(durations); ++i) {
        struct text text = {0};
        text_add_seconds(&text, durations[i].seconds);
        expect_text("seconds", text_get(&text), durations[i].want);
        text_free(&text);
    }
}

static void dates_are_utc(void **state)
{
    (void)state;
    char out[32];
    text_utc(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00Z");
    text_utc(1769862896, out);
    assert_string_equal(out, "2026-01-31T12:34:56Z");
    text_utc(951782400, out);
    assert_string_equal(out, "2000-02-29T00:00:00Z");
    text_utc(INT64_MAX, out); /* no such year: any date, but whole */
    assert_int_equal(strlen(out), 20);
}

static const struct {
    const char *text;
    bool ok;
    double want;
} doubles[] = {{"1.5", true, 1.5}, {"-2e3", true, -2000}, {"0", true, 0},      {"", false, 0},
               {" 1", false, 0},   {"1 ", false, 0},      {"1x", false, 0},    {"nan", false, 0},
               {"inf", false, 0},  {"-inf", false, 0},    {"1e999", false, 0}, {"one", false, 0}};

static const struct {
    const char *text;
    bool ok;
    int64_t want;
} integers[] = {{"42", true, 42},
                {"-7", true, -7},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"", false, 0},
                {" 1", false, 0},
                {"1.0", false, 0},
                {"1e3", false, 0},
                {"0x10", false, 0},
                {"12a", false, 0}};

static const struct {
    const char *text;
    bool ok;
    double want;
} times[] = {{"60", true, 60},
             {"60s", true, 60},
             {"500ms", true, 0.5},
             {"2m", true, 120},
             {"2min", true, 120},
             {"1h", true, 3600},
             {"1.5s", true, 1.5},
             {"0", true, 0},
             {"", false, 0},
             {"s", false, 0},
             {"-1s", false, 0},
             {"1d", false, 0},
             {"1 s", false, 0},
             {"nan", false, 0},
             {"1e400", false, 0},
             {"infs", false, 0},
             {"1111111111111111111111111111111111111111111111111111111111111111", false, 0}};

static void numbers_and_times_are_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(doubles); ++i) {
        double got = 77;
        if (text_to_double(doubles[i].text, &got) != doubles[i].ok ||
            !near(got, doubles[i].ok ? doubles[i].want : 77, 0))
            fail_msg("double \"%s\": %g", doubles[i].text, got);
    }
    for (size_t i = 0; i < COUNT(integers); ++i) {
        int64_t got = 77;
        if (text_to_int64(integers[i].text, &got) != integers[i].ok ||
            got != (integers[i].ok ? integers[i].want : 77))
            fail_msg("integer \"%s\": %lld", integers[i].text, (long long)got);
    }
    for (size_t i = 0; i < COUNT(times); ++i) {
        double got = 77;
        if (text_to_seconds(times[i].text, &got) != times[i].ok ||
            !near(got, times[i].ok ? times[i].want : 77, 1e-15))
            fail_msg("time \"%s\": %g", times[i].text, got);
    }
    static const struct {
        const char *text;
        bool ok;
        double want;
    } percentages[] = {{"3%", true, 0.03}, {"0.5%", true, 0.005}, {"0%", true, 0},
                       {"3", true, 0.03},  {"%", false, 0},       {"-1%", false, 0},
                       {"0", true, 0},     {"0.03", false, 0},    {"", false, 0},
                       {"nan%", false, 0}, {"3 %", false, 0},     {"3%%", false, 0}};
    for (size_t i = 0; i < COUNT(percentages); ++i) {
        double got = 77;
        if (text_to_percent(percentages[i].text, &got) != percentages[i].ok ||
            !near(got, percentages[i].ok ? percentages[i].want : 77, 1e-15))
            fail_msg("percentage \"%s\": %g", percentages[i].text, got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(starts_ends_contains),
        cmocka_unit_test(identifiers_are_c_identifiers),
        cmocka_unit_test(typos_have_a_nearest_name),
        cmocka_unit_test(nothing_is_near_an_empty_name),
        cmocka_unit_test(foreign_text_cannot_act),
        cmocka_unit_test(units_for_people),
        cmocka_unit_test(dates_are_utc),
        cmocka_unit_test(numbers_and_times_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
