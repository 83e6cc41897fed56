/* Variant descriptions: what is accepted can be asked for any problem on any device. */
#include "fuzz.h"
#include "problem/variant.h"

static const char *const problems[] = {
    "{\"n_q\": 128, \"n_kv\": 128, \"d_k\": 64}",
    "{\"n_q\": 1, \"n_kv\": 1048576, \"d_k\": 1, \"mask\": \"causal\", \"dtype\": \"f16\"}",
    "{\"n_q\": 7, \"n_kv\": 13, \"d_k\": 4, \"d_v\": 3, \"heads_q\": 6, \"heads_kv\": 2, "
    "\"batch\": 2, \"kv_lengths\": [0, 13], \"bias\": \"float\", \"sink\": true, "
    "\"softcap\": 30, \"returns\": \"weights\", \"layout\": \"bnhd\"}"};

/* An ordinary device, one whose driver says nothing, and one that claims everything. */
static const struct device_info devices[] = {
    {.type = "gpu",
     .extensions = "cl_khr_fp16",
     .local_bytes = 65536,
     .global_bytes = INT64_C(1) << 34,
     .max_work_group = 1024,
     .max_work_item = {1024, 1024, 64}},
    {.type = "cpu", .extensions = ""},
    {.type = "gpu",
     .extensions = "",
     .local_bytes = INT64_C(1) << 62,
     .max_work_group = INT64_C(1) << 62,
     .max_work_item = {INT64_C(1) << 62, INT64_C(1) << 62, INT64_C(1) << 62},
     .has_clblast = true}};

static void ask(const struct variant *variant, const char *text, const struct device_info *device)
{
    struct arena arena = {0};
    struct err err = {""};
    struct problem problem;
    struct tuning tuning;
    struct memory memory;
    cJSON *json = cJSON_Parse(text);
    promise(problem_from_json(&problem, json, &arena, &err) == 0, "the problem is a good one",
            err.message);
    cJSON_Delete(json);
    if (variant_fit(variant, &problem, device, &tuning, &err) == 0) {
        promise(variant_tuning_fits(variant, &problem, device, &tuning, &err) == 0,
                "the tuning that was chosen fits", err.message);
        if (variant_memory(variant, &problem, &tuning, &memory, &err) == 0)
            promise(memory.total_bytes >= memory.largest_bytes && memory.largest_bytes > 0,
                    "memory adds up", text);
        promise(strlen(variant_build_options(&problem, &tuning, &arena)) > 0, "options", text);
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct variant variant;
    struct err err = {""};
    if (variant_load(&variant, "fuzz.json", "fuzz", (const char *)data, size, &arena, &err) == 0) {
        for (size_t p = 0; p < sizeof problems / sizeof *problems; ++p)
            for (size_t d = 0; d < sizeof devices / sizeof *devices; ++d)
                ask(&variant, problems[p], &devices[d]);
        variant_free(&variant);
    } else {
        promise_refusal(&err);
    }
    arena_free(&arena);
    return 0;
}
