/* The roofline against floors worked out by hand, one for each roof, and with peaks unknown. */
#include "support.h"

#include "measure/roofline.h"

/* 8 heads of 1024 queries and keys: 8388608 pairs, 2 * 128 operations each, and four tensors of
 * 524288 elements. */
static const char *const square = "{\"n\":1024,\"heads\":8,\"d_k\":64}";

static struct device_info device(double f32, double f16, double exp, double copy, double read,
                                 double launch_us)
{
    return (struct device_info){.id = "d",
                                .launch_us = launch_us,
                                .peaks.rates = {[PEAK_F32].value = f32,
                                                [PEAK_F16].value = f16,
                                                [PEAK_EXP].value = exp,
                                                [PEAK_COPY].value = copy,
                                                [PEAK_READ].value = read}};
}

static struct roofline build(const char *keys, struct device_info info)
{
    struct arena arena = {0};
    const struct problem problem = make_problem(keys, &arena);
    const struct roofline roofline = roofline_build(&problem, &info);
    arena_free(&arena);
    return roofline;
}

static void expect(struct roofline roofline, enum roof roof, double floor_s)
{
    assert_string_equal(roof_name(roofline.roof), roof_name(roof));
    assert_true(near(roofline.floor_s, floor_s, 1e-12));
}

static void each_roof_binds(void **state)
{
    (void)state;
    /* 2147483648 operations, 8388608 bytes, 8388608 exponentials */
    expect(build(square, device(1000, NAN, 50, 80, 100, 5)), ROOF_COMPUTE, 2.147483648e-3);
    expect(build(square, device(1e6, NAN, 50, 8, 10, 5)), ROOF_BANDWIDTH, 8.388608e-4);
    expect(build(square, device(1e6, NAN, 5, 80, 100, 5)), ROOF_EXP, 1.6777216e-3);
    expect(build(square, device(1e6, NAN, 1000, 800, 1000, 40)), ROOF_LAUNCH, 4e-5);
    /* nobody waits for a launch of many in flight */
    expect(build("{\"n\":1024,\"heads\":8,\"d_k\":64,\"queue\":\"stream\"}",
                 device(1e6, NAN, 1000, 800, 1000, 40)),
           ROOF_BANDWIDTH, 8.388608e-6);
}

static void masks_and_grouped_heads_count(void **state)
{
    (void)state;
    /* causal: 8 * 1024 * 1025 / 2 pairs */
    expect(build("{\"n\":1024,\"heads\":8,\"d_k\":64,\"mask\":\"causal\"}",
                 device(1000, NAN, 50, 80, 100, 5)),
           ROOF_COMPUTE, 8.0 * 1024 * 1025 / 2 * 256 * 1e-12);
    /* decoding: one query, 4096 keys, 32 heads over 8: k and v are 2 * 8 * 4096 * 128 halves, and
     * q and o 32 * 128 each */
    const double bytes = 2.0 * (2 * 8 * 4096 * 128 + 2 * 32 * 128);
    expect(build("{\"n_q\":1,\"n_kv\":4096,\"heads_q\":32,\"heads_kv\":8,\"d_k\":128,"
                 "\"dtype\":\"f16\"}",
                 device(1000, NAN, 50, 80, 100, 5)),
           ROOF_BANDWIDTH, bytes / 100 * 1e-9);
}

static void the_compute_peak_follows_the_storage(void **state)
{
    (void)state;
    const struct device_info fast = device(1000, 4000, 50, 80, 100, 5);
    const struct device_info slow = device(1000, 500, 50, 80, 100, 5);
    const struct device_info none = device(1000, NAN, 50, 80, 100, 5);
    const char *half = "{\"n\":1024,\"heads\":8,\"d_k\":64,\"dtype\":\"f16\"}";
    const char *bfloat = "{\"n\":1024,\"heads\":8,\"d_k\":64,\"dtype\":\"bf16\"}";
    assert_true(near(build(square, fast).compute_gflop_s, 1000, 0));
    assert_true(near(build(half, fast).compute_gflop_s, 4000, 0));
    assert_true(near(build(bfloat, fast).compute_gflop_s, 4000, 0));
    assert_true(near(build(half, slow).compute_gflop_s, 1000, 0));
    assert_true(near(build(half, none).compute_gflop_s, 1000, 0));
}

static void bandwidth_is_the_larger_one(void **state)
{
    (void)state;
    assert_true(near(build(square, device(1, 1, 1, 80, 100, 5)).bandwidth_gb_s, 100, 0));
    assert_true(near(build(square, device(1, 1, 1, 120, 100, 5)).bandwidth_gb_s, 120, 0));
    assert_true(near(build(square, device(1, 1, 1, NAN, 100, 5)).bandwidth_gb_s, 100, 0));
}

static void unknown_peaks(void **state)
{
    (void)state;
    assert_true(isnan(build(square, device(NAN, NAN, 50, 80, 100, 5)).floor_s));
    assert_true(isnan(build(square, device(0, 0, 0, 0, 0, 5)).floor_s));
    assert_true(isnan(build(square, device(-1, INFINITY, 50, 80, 100, 5)).floor_s));
    assert_true(isnan(build(square, device(1000, NAN, 50, NAN, NAN, 5)).floor_s));
    const struct roofline none = build(square, (struct device_info){.id = "d"});
    assert_true(isnan(none.floor_s) && isnan(none.compute_gflop_s) && isnan(none.bandwidth_gb_s));
    assert_true(isnan(roofline_fraction(&none, 1, 1)));
    /* these two are left out */
    expect(build(square, device(1000, NAN, NAN, 80, 100, 0)), ROOF_COMPUTE, 2.147483648e-3);
}

static void fractions_use_the_roofs_own_clock(void **state)
{
    (void)state;
    const struct roofline compute = build(square, device(1000, NAN, 50, 80, 100, 5));
    assert_true(near(roofline_fraction(&compute, 4.294967296e-3, 1), 0.5, 1e-12));
    const struct roofline launch = build(square, device(1e6, NAN, 1000, 800, 1000, 40));
    assert_true(near(roofline_fraction(&launch, 1e-6, 8e-5), 0.5, 1e-12));
    assert_true(isnan(roofline_fraction(&compute, NAN, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_roof_binds),
        cmocka_unit_test(masks_and_grouped_heads_count),
        cmocka_unit_test(the_compute_peak_follows_the_storage),
        cmocka_unit_test(bandwidth_is_the_larger_one),
        cmocka_unit_test(unknown_peaks),
        cmocka_unit_test(fractions_use_the_roofs_own_clock),
    };
    return cmocka_run_group_tests_name("roofline", tests, NULL, NULL);
}
