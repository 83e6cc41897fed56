/* Devices: JSON round trip, --device, extensions, the default choice. */
#include "support.h"

#include "problem/device_info.h"
#include "util/json.h"

static struct device_info device(const char *id, const char *index, const char *name,
                                 const char *type, int64_t units)
{
    return (struct device_info){.id = id,
                                .index = index,
                                .platform = "Some Platform",
                                .name = name,
                                .vendor = "v",
                                .driver = "d",
                                .opencl_c = "OpenCL C 1.2",
                                .type = type,
                                .extensions = "cl_khr_fp16 cl_khr_fp64",
                                .compute_units = units,
                                .clock_mhz = 1000,
                                .global_bytes = INT64_C(1) << 40,
                                .local_bytes = 49152,
                                .max_alloc_bytes = INT64_C(1) << 38,
                                .max_work_group = 1024,
                                .max_work_item = {1024, 512, 64},
                                .has_clblast = true,
                                .launch_us = 4.5};
}

static void json_round_trip(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct device_info before = device("gpu-0", "0:1", "Radeon \"X\"", "gpu", 60);
    struct device_info after;
    struct err err = {""};
    cJSON *object = device_info_to_json(&before);
    assert_int_equal(device_info_from_json(&after, object, &arena, &err), 0);
    cJSON *again = device_info_to_json(&after);
    assert_true(cJSON_Compare(object, again, 1));
    assert_string_equal(after.name, "Radeon \"X\"");
    assert_true(after.global_bytes == INT64_C(1) << 40 && after.max_work_item[1] == 512);
    assert_true(after.has_clblast && near(after.launch_us, 4.5, 0));
    cJSON_Delete(object);
    cJSON_Delete(again);
    arena_free(&arena);
}

static void bad_devices_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message; /* value NULL: the key is removed */
    } cases[] = {
        {"name", NULL, "device: the key \"name\" is missing"},
        {"max_work_item_2", NULL, "device: the key \"max_work_item_2\" is missing"},
        {"name", "3", "device.name: expected a string, found 3"},
        {"global_bytes", "\"8 GB\"",
         "device.global_bytes: expected a whole number, found \"8 GB\""},
        {"global_bytes", "-1", "device.global_bytes: expected a whole number, found -1"},
        {"global_bytes", "1e300",
         "device.global_bytes: expected a whole number, found 1.0000000000000001e+300"},
        {"compute_units", "1.5", "device.compute_units: expected a whole number, found 1.5"},
        {"local_bytes", "null", "device.local_bytes: expected a whole number, found null"},
        {"clblast", "1", "device.clblast: expected true or false, found 1"},
    };
    const struct device_info good = device("a", "0:0", "n", "gpu", 1);
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct device_info info;
        struct err err = {""};
        cJSON *object = device_info_to_json(&good);
        cJSON_DeleteItemFromObjectCaseSensitive(object, cases[i].key);
        if (cases[i].value)
            cJSON_AddItemToObject(object, cases[i].key, parse(cases[i].value));
        cJSON_AddNumberToObject(object, "a_key_of_the_future", 1);
        assert_int_equal(device_info_from_json(&info, object, &arena, &err), -1);
        expect_text(cases[i].key, err.message, cases[i].message);
        cJSON_Delete(object);
        arena_free(&arena);
    }
}

static void an_unmeasured_launch_is_null(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct device_info info = device("a", "0:0", "n", "gpu", 1);
    info.launch_us = 0;
    cJSON *object = device_info_to_json(&info);
    const cJSON *peaks = cJSON_GetObjectItemCaseSensitive(object, "peaks");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(peaks, "launch_us")));
    assert_int_equal(device_info_from_json(&info, object, &arena, NULL), 0);
    assert_true(info.launch_us <= 0);
    cJSON_Delete(object);
    arena_free(&arena);
}

static void extensions_are_whole_words(void **state)
{
    (void)state;
    struct device_info info = device("a", "0:0", "n", "gpu", 1);
    assert_true(device_has_extension(&info, "cl_khr_fp16"));
    assert_true(device_has_extension(&info, "cl_khr_fp64"));
    assert_false(device_has_extension(&info, "cl_khr_fp"));
    assert_false(device_has_extension(&info, "khr_fp16"));
    assert_false(device_has_extension(&info, "cl_khr_fp164"));
    info.extensions = "  cl_khr_fp64  ";
    assert_true(device_has_extension(&info, "cl_khr_fp64"));
    info.extensions = "";
    assert_false(device_has_extension(&info, "cl_khr_fp64"));
    info.extensions = NULL;
    assert_false(device_has_extension(&info, "cl_khr_fp64"));
}

static const struct {
    const char *wanted;
    int index; /* -1: refused */
    const char *message;
} selections[] = {
    {"pocl-cpu-0", 0, ""},
    {"nvidia-gpu-0", 1, ""},
    {"1:1", 2, ""},
    {"0:0", 0, ""},
    {"h200", 1, ""},
    {"EPYC", 0, ""},
    {"epyc", 0, ""},
    {"POCL", 0, ""},
    {"gpu-1", 2, ""},
    {"NVIDIA", -1,
     "more than one device matches 'NVIDIA'; there are: pocl-cpu-0 (0:0, cpu AMD EPYC); "
     "nvidia-gpu-0 (1:0, NVIDIA H200); nvidia-gpu-1 (1:1, NVIDIA T4)"},
    {"platform", -1,
     "more than one device matches 'platform'; there are: pocl-cpu-0 (0:0, cpu AMD EPYC); "
     "nvidia-gpu-0 (1:0, NVIDIA H200); nvidia-gpu-1 (1:1, NVIDIA T4)"},
    {"radeon", -1,
     "no device matches 'radeon'; there are: pocl-cpu-0 (0:0, cpu AMD EPYC); nvidia-gpu-0 (1:0, "
     "NVIDIA H200); nvidia-gpu-1 (1:1, NVIDIA T4)"},
    {"2:0", -1,
     "no device matches '2:0'; there are: pocl-cpu-0 (0:0, cpu AMD EPYC); nvidia-gpu-0 (1:0, "
     "NVIDIA "
     "H200); nvidia-gpu-1 (1:1, NVIDIA T4)"},
};

static void devices_are_selected_by_id_index_or_name(void **state)
{
    (void)state;
    const struct device_info devices[] = {device("pocl-cpu-0", "0:0", "cpu AMD EPYC", "cpu", 2),
                                          device("nvidia-gpu-0", "1:0", "NVIDIA H200", "gpu", 132),
                                          device("nvidia-gpu-1", "1:1", "NVIDIA T4", "gpu", 40)};
    for (size_t i = 0; i < COUNT(selections); ++i) {
        struct err err = {""};
        const int got = device_select(devices, 3, selections[i].wanted, &err);
        if (got != selections[i].index)
            fail_msg("%s selected %d", selections[i].wanted, got);
        expect_text(selections[i].wanted, err.message, selections[i].message);
    }
    struct err err = {""};
    assert_int_equal(device_select(devices, 0, "x", &err), -1);
    assert_true(strncmp(err.message, "no device matches 'x'; there are none", 37) == 0);
}

static void a_name_that_is_part_of_another_can_be_selected(void **state)
{
    (void)state;
    const struct device_info devices[] = {device("a-0", "0:0", "RTX 4090 Laptop", "gpu", 2),
                                          device("a-1", "0:1", "RTX 4090", "gpu", 2)};
    struct err err = {""};
    assert_int_equal(device_select(devices, 2, "a-1", &err), 1);
    assert_int_equal(device_select(devices, 2, "laptop", &err), 0);
}

static void names_are_shown_safely(void **state)
{
    (void)state;
    const struct device_info devices[] = {device("a-0", "0:0", "evil\x1b[2J\nname", "gpu", 2)};
    struct err err = {""};
    assert_int_equal(device_select(devices, 1, "x", &err), -1);
    assert_string_equal(err.message, "no device matches 'x'; there are: a-0 (0:0, evil?[2J?name)");
}

static const struct {
    const char *types[4];
    int64_t units[4], mhz[4];
    int count, best;
} choices[] = {
    {{"cpu"}, {4}, {1000}, 1, 0},
    {{"cpu", "gpu"}, {64, 1}, {4000, 1}, 2, 1},
    {{"gpu", "cpu"}, {1, 64}, {1, 4000}, 2, 0},
    {{"cpu", "accelerator", "other"}, {64, 1, 99}, {1000, 1000, 1000}, 3, 1},
    {{"other", "cpu"}, {99, 1}, {1000, 1000}, 2, 1},
    {{"gpu", "gpu", "gpu"}, {10, 30, 20}, {1000, 1000, 1000}, 3, 1},
    {{"gpu", "gpu", "gpu"}, {10, 30, 20}, {4000, 1000, 1000}, 3, 0},
    {{"gpu", "gpu"}, {10, 10}, {1000, 1000}, 2, 0}, /* alike: the first */
};

/* ---- one device among many ------------------------------------------------------------------- */

static const char *rocr, *ordinal, *cuda;

static const char *scheduler(const char *name)
{
    return strcmp(name, "ROCR_VISIBLE_DEVICES") == 0   ? rocr
           : strcmp(name, "GPU_DEVICE_ORDINAL") == 0   ? ordinal
           : strcmp(name, "CUDA_VISIBLE_DEVICES") == 0 ? cuda
                                                       : NULL;
}

static const struct {
    const char *id, *platform, *type, *uuid, *cuda, *rocr, *ordinal, *visible, *unit;
} narrowed[] = {
    {"nvidia-gpu-0", "NVIDIA CUDA", "gpu", NULL, NULL, NULL, NULL, NULL, "nvidia-gpu-0"},
    {"nvidia-gpu-1", "NVIDIA CUDA", "gpu", NULL, "4,6", NULL, NULL, "CUDA_VISIBLE_DEVICES=4,6",
     "nvidia-gpu-6"},
    {"nvidia-gpu-2", "NVIDIA CUDA", "gpu", NULL, "4,6", NULL, NULL, "CUDA_VISIBLE_DEVICES=4,6",
     "nvidia-gpu-2"}, /* more devices than the list has: it cannot be of this driver */
    {"nvidia-gpu-0", "NVIDIA CUDA", "gpu", NULL, "", NULL, NULL,
     "CUDA_VISIBLE_DEVICES=", "nvidia-gpu-0"},
    {"nvidia-gpu-0", "NVIDIA CUDA", "gpu", "0123456789abcdef0123456789abcdef", "4", NULL, NULL,
     "CUDA_VISIBLE_DEVICES=4", "nvidia-gpu-01234567"},
    {"nvidia-gpu-0", "NVIDIA CUDA", "gpu", NULL, "GPU-aa,GPU-bb", NULL, NULL,
     "CUDA_VISIBLE_DEVICES=GPU-aa,GPU-bb", "nvidia-gpu-GPU-aa"},
    {"amd-gpu-0", "AMD Accelerated Parallel Processing", "gpu", NULL, "9", "2,3", "1",
     "ROCR_VISIBLE_DEVICES=2,3 GPU_DEVICE_ORDINAL=1", "amd-gpu-3"},
    {"pocl-cpu-0", "Portable Computing Language", "cpu", NULL, "1", "2", NULL, NULL, "pocl-cpu-0"},
};

static void a_physical_device_has_one_name_whatever_is_shown_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(narrowed); ++i) {
        struct arena arena = {0};
        struct device_info one = device(narrowed[i].id, "0:0", "name", narrowed[i].type, 1);
        one.platform = narrowed[i].platform;
        one.vendor = "";
        one.uuid = narrowed[i].uuid;
        cuda = narrowed[i].cuda;
        rocr = narrowed[i].rocr;
        ordinal = narrowed[i].ordinal;
        one.visible = device_visible(&one, scheduler, &arena);
        if (narrowed[i].visible)
            expect_text(narrowed[i].id, one.visible ? one.visible : "", narrowed[i].visible);
        else
            assert_null(one.visible);
        expect_text(narrowed[i].id, device_unit(&one, &arena), narrowed[i].unit);
        arena_free(&arena);
    }
}

static void the_best_is_a_gpu_then_the_fastest(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(choices); ++i) {
        struct device_info devices[4];
        for (int d = 0; d < choices[i].count; ++d) {
            devices[d] = device("x", "0:0", "x", choices[i].types[d], choices[i].units[d]);
            devices[d].clock_mhz = choices[i].mhz[d];
        }
        assert_int_equal(device_best(devices, choices[i].count), choices[i].best);
    }
}

static void a_key_follows_the_driver_and_suits_a_file_name(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct device_info one = device("a-0", "0:0", "  ../AMD  EPYC (x)/", "cpu", 2);
    one.platform = one.vendor = one.driver = "1";
    const char *key = device_info_key(&one, &arena);
    assert_int_equal(strlen(key), strlen("amd-epyc-x-") + 12);
    assert_memory_equal(key, "amd-epyc-x-", 11);
    struct device_info other = one;
    other.id = "b-1"; /* where the loader lists it does not matter */
    assert_string_equal(device_info_key(&other, &arena), key);
    other.driver = "2";
    assert_string_not_equal(device_info_key(&other, &arena), key);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(bad_devices_are_refused),
        cmocka_unit_test(an_unmeasured_launch_is_null),
        cmocka_unit_test(extensions_are_whole_words),
        cmocka_unit_test(devices_are_selected_by_id_index_or_name),
        cmocka_unit_test(a_name_that_is_part_of_another_can_be_selected),
        cmocka_unit_test(names_are_shown_safely),
        cmocka_unit_test(a_key_follows_the_driver_and_suits_a_file_name),
        cmocka_unit_test(a_physical_device_has_one_name_whatever_is_shown_of_it),
        cmocka_unit_test(the_best_is_a_gpu_then_the_fastest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
