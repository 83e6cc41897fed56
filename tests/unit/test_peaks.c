/* Peaks: JSON round trip, unknown and impossible values, the text for people. */
#include "support.h"

#include "problem/peaks.h"

static int read_peaks(struct peaks *peaks, const char *text, struct arena *arena, struct err *err)
{
    cJSON *object = parse(text);
    const int result = peaks_from_json(peaks, object, arena, err);
    cJSON_Delete(object);
    return result;
}

static void names_are_found(void **state)
{
    (void)state;
    for (int i = 0; i < PEAKS; ++i)
        assert_int_equal(peak_find(peak_name((enum peak)i)), i);
    assert_int_equal(peak_find("launch_us"), -1);
    assert_int_equal(peak_find(""), -1);
}

static void json_round_trip(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err err = {""};
    const struct peaks before = {.rates = {[PEAK_F32] = {484.25, "float16 x 12"},
                                           [PEAK_F16] = {NAN, "no cl_khr_fp16"},
                                           [PEAK_READ] = {77, NULL}},
                                 .measured_utc = "2026-01-31T12:00:00Z"};
    struct peaks after;
    cJSON *object = cJSON_CreateObject(), *again = cJSON_CreateObject();
    peaks_to_json(&before, object);
    assert_int_equal(peaks_from_json(&after, object, &arena, &err), 0);
    peaks_to_json(&after, again);
    assert_true(cJSON_Compare(object, again, 1));
    assert_true(near(peaks_get(&after, PEAK_F32), 484.25, 0));
    assert_true(near(peaks_get(&after, PEAK_READ), 77, 0));
    assert_true(isnan(peaks_get(&after, PEAK_F16)) && isnan(peaks_get(&after, PEAK_EXP)));
    assert_string_equal(after.rates[PEAK_F16].how, "no cl_khr_fp16");
    assert_null(after.rates[PEAK_READ].how);
    assert_string_equal(after.measured_utc, "2026-01-31T12:00:00Z");
    cJSON_Delete(object);
    cJSON_Delete(again);
    arena_free(&arena);
}

static void nothing_measured_is_all_null(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err err = {""};
    struct peaks peaks = {0};
    cJSON *object = cJSON_CreateObject();
    peaks_to_json(&peaks, object);
    for (int i = 0; i < PEAKS; ++i)
        assert_true(
            cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(object, peak_name((enum peak)i))));
    assert_null(cJSON_GetObjectItemCaseSensitive(object, "how"));
    assert_int_equal(peaks_from_json(&peaks, NULL, &arena, &err), 0);
    assert_null(peaks.measured_utc);
    assert_true(isnan(peaks_get(&peaks, PEAK_LOCAL)));
    cJSON_Delete(object);
    arena_free(&arena);
}

static void impossible_rates_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "-1", "\"x\"", "[1]", "true", "1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        struct arena arena = {0};
        struct err err = {""};
        struct peaks peaks;
        char text[64];
        snprintf(text, sizeof text, "{\"read_gb_s\": %s}", bad[i]);
        assert_int_equal(read_peaks(&peaks, text, &arena, &err), -1);
        assert_true(text_starts(err.message,
                                "peaks.read_gb_s: expected a positive number or null, found "));
        arena_free(&arena);
    }
}

static void strings_of_other_types_are_unknown(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err err = {""};
    struct peaks peaks;
    assert_int_equal(read_peaks(&peaks,
                                "{\"f32_gflop_s\": 1, \"how\": [\"x\"], \"measured_utc\": 3}",
                                &arena, &err),
                     0);
    assert_null(peaks.rates[PEAK_F32].how);
    assert_null(peaks.measured_utc);
    arena_free(&arena);
}

static void text_names_every_peak(void **state)
{
    (void)state;
    struct text out = {0};
    const struct peaks peaks = {.rates = {[PEAK_F32] = {484.25, "float16 x 12"},
                                          [PEAK_F16] = {NAN, "bad\x1b[31m"},
                                          [PEAK_EXP] = {21.54, NULL}}};
    peaks_add_text(&peaks, "  ", &out);
    assert_string_equal(text_get(&out), "  f32 multiply-add 484 GFLOP/s: float16 x 12\n"
                                        "  f16 multiply-add unknown: bad?[31m\n"
                                        "  exp2             21.5 Gop/s\n"
                                        "  global copy      unknown\n"
                                        "  global read      unknown\n"
                                        "  local read       unknown\n");
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(nothing_measured_is_all_null),
        cmocka_unit_test(impossible_rates_are_refused),
        cmocka_unit_test(strings_of_other_types_are_unknown),
        cmocka_unit_test(text_names_every_peak),
    };
    return cmocka_run_group_tests_name("peaks", tests, NULL, NULL);
}
