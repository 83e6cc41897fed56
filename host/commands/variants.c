/* attnbench variants: what there is, what it supports, and what runs on a device. */
#include "commands/common.h"
#include "util/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Problems that ask for one feature each: the columns of the matrix. */
static const struct {
    const char *label, *key, *value;
} features[] = {{"f32", "dtype", "\"f32\""},      {"f16", "dtype", "\"f16\""},
                {"bf16", "dtype", "\"bf16\""},    {"causal", "mask", "\"causal\""},
                {"window", "mask", "\"window\""}, {"gqa", "heads_kv", "1"},
                {"bnhd", "layout", "\"bnhd\""},   {"softcap", "softcap", "30"},
                {"d256", "d_k", "256"},           {"d512", "d_k", "512"}};
enum { FEATURES = sizeof features / sizeof *features };

static struct problem feature_problem(int feature, struct arena *arena)
{
    struct problem problem = problem_default();
    struct {
        const char *key, *value;
    } base[] = {{"n", "256"}, {"heads_q", "8"}, {"heads_kv", "8"}, {"d_k", "64"}};
    for (int i = 0; i < 5; ++i) {
        cJSON *value = cJSON_Parse(i < 4 ? base[i].value : features[feature].value);
        problem_set(&problem, i < 4 ? base[i].key : features[feature].key, value, arena, NULL);
        cJSON_Delete(value);
    }
    problem_resolve(&problem, NULL);
    return problem;
}

static void add_row(const struct variant *variant, const struct device_info *device,
                    struct arena *arena, struct text *out)
{
    struct text reasons = {0};
    text_print(out, "%-12s", variant->name);
    for (int f = 0; f < FEATURES; ++f) {
        const struct problem problem = feature_problem(f, arena);
        struct tuning tuning;
        struct err reason;
        const bool fits = variant_fit(variant, &problem, device, &tuning, &reason) == 0;
        text_print(out, " %-7s", fits ? "yes" : "-");
        if (!fits)
            text_print(&reasons, "    %s: %s\n", features[f].label, reason.message);
    }
    text_print(out, "\n    %s\n%s", variant->idea, text_get(&reasons));
    text_free(&reasons);
}

static void add_json(const struct setup *setup, struct text *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "device", setup->devices[0].id);
    cJSON *list = cJSON_AddArrayToObject(root, "variants");
    struct arena arena = {0};
    for (int v = 0; v < setup->kernels.count; ++v) {
        const struct variant *variant = &setup->kernels.variants[v];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddStringToObject(item, "name", variant->name);
        cJSON_AddStringToObject(item, "title", variant->title);
        cJSON_AddStringToObject(item, "idea", variant->idea);
        cJSON_AddStringToObject(item, "source", variant->source);
        cJSON_AddItemToObject(item, "supports", cJSON_Duplicate(variant->supports, 1));
        cJSON *runs = cJSON_AddObjectToObject(item, "runs");
        for (int f = 0; f < FEATURES; ++f) {
            const struct problem problem = feature_problem(f, &arena);
            struct tuning tuning;
            struct err reason;
            const bool fits =
                variant_fit(variant, &problem, &setup->devices[0], &tuning, &reason) == 0;
            cJSON_AddStringToObject(runs, features[f].label, fits ? "yes" : reason.message);
        }
    }
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
    arena_free(&arena);
}

int command_variants(const struct options *options)
{
    struct setup setup = {0};
    struct text out = {0};
    int status = setup_kernels(&setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&setup, options);
    if (status == EXIT_OK && options->json) {
        add_json(&setup, &out);
    } else if (status == EXIT_OK) {
        text_print(&out, "on %s (%s)\n\n%-12s", setup.devices[0].id, setup.devices[0].name, "");
        for (int f = 0; f < FEATURES; ++f)
            text_print(&out, " %-7s", features[f].label);
        text_add(&out, "\n");
        for (int v = 0; v < setup.kernels.count; ++v)
            add_row(&setup.kernels.variants[v], &setup.devices[0], &setup.arena, &out);
    }
    if (status == EXIT_OK)
        status = write_output(NULL, text_get(&out), out.length);
    text_free(&out);
    setup_free(&setup);
    return status;
}
