/* attnbench variants: what there is, what it supports, and what runs on a device. */
#include "commands/common.h"
#include "problem/compose.h"
#include "util/json.h"

#include <stdlib.h>
#include <string.h>

/* Problems that ask for one feature each: the rows of the matrix. The rest of the problem is 16
 * queries against 256 keys in 8 heads of 64. */
static const struct {
    const char *label, *key, *value;
} features[] = {{"f32", "dtype", "\"f32\""},
                {"f16", "dtype", "\"f16\""},
                {"bf16", "dtype", "\"bf16\""},
                {"layout bnhd", "layout", "\"bnhd\""},
                {"grouped heads", "heads_kv", "2"},
                {"long queries", "n_q", "256"},
                {"one query", "n_q", "1"},
                {"d 256", "d_k", "256"},
                {"d 512", "d_k", "512"},
                {"causal", "mask", "\"causal\""},
                {"window", "mask", "\"window\""},
                {"padding", "kv_lengths", "[100]"},
                {"float bias", "bias", "\"float\""},
                {"boolean mask", "bias", "\"bool\""},
                {"ALiBi", "bias", "\"alibi\""},
                {"softcap", "softcap", "30"},
                {"sink", "sink", "true"},
                {"returns weights", "returns", "\"weights\""},
                {"returns scores", "returns", "\"scores\""}};
enum { FEATURES = sizeof features / sizeof *features };

static void set(struct problem *problem, const char *key, const char *json, struct arena *arena)
{
    cJSON *value = cJSON_Parse(json);
    problem_set(problem, key, value, arena, NULL);
    cJSON_Delete(value);
}

static bool fits(const struct variant *variant, const struct device_info *device, int feature,
                 struct err *reason)
{
    struct arena arena = {0};
    struct problem problem = problem_default();
    struct tuning tuning;
    set(&problem, "heads", "8", &arena);
    set(&problem, "n_q", "16", &arena);
    set(&problem, "n_kv", "256", &arena);
    set(&problem, "d_k", "64", &arena);
    set(&problem, features[feature].key, features[feature].value, &arena);
    problem_resolve(&problem, NULL);
    const bool result = variant_fit(variant, &problem, device, &tuning, reason) == 0;
    arena_free(&arena);
    return result;
}

static bool is_attention(const struct variant *variant)
{
    return variant_computes(variant, OP_ATTENTION);
}

static void add_matrix(const struct setup *setup, struct text *out)
{
    text_print(out, "%-15s", "");
    for (int v = 0; v < setup->kernels.count; ++v)
        if (is_attention(&setup->kernels.variants[v]))
            text_print(out, " %s", setup->kernels.variants[v].name);
    text_add(out, "\n");
    for (int f = 0; f < FEATURES; ++f) {
        text_print(out, "%-15s", features[f].label);
        for (int v = 0; v < setup->kernels.count; ++v) {
            const struct variant *variant = &setup->kernels.variants[v];
            if (!is_attention(variant))
                continue;
            text_print(out, " %-*s", (int)strlen(variant->name),
                       fits(variant, &setup->devices[0], f, NULL) ? "yes" : "-");
        }
        text_add(out, "\n");
    }
}

/* What it cannot do here, once for each reason. */
static void add_words(const struct variant *variant, const struct device_info *device,
                      struct text *out)
{
    text_print(out, "\n%s: %s\n", variant->name, variant->idea);
    struct arena arena = {0};
    struct err *reasons = arena_array(&arena, FEATURES, sizeof *reasons);
    bool told[FEATURES];
    for (int f = 0; f < FEATURES; ++f)
        told[f] = fits(variant, device, f, &reasons[f]);
    for (int f = 0; f < FEATURES; ++f) {
        if (told[f])
            continue;
        text_print(out, "    not %s", features[f].label);
        for (int same = f + 1; same < FEATURES; ++same)
            if (!told[same] && strcmp(reasons[f].message, reasons[same].message) == 0) {
                told[same] = true;
                text_print(out, ", %s", features[same].label);
            }
        text_print(out, ": %s\n", reasons[f].message);
    }
    arena_free(&arena);
}

/* Operations beside attention, and what computes them. */
static void add_operations(const struct setup *setup, struct text *out)
{
    for (int v = 0; v < setup->kernels.count; ++v) {
        const struct variant *variant = &setup->kernels.variants[v];
        if (is_attention(variant))
            continue;
        text_print(out, "\n%s%s: %s\n    for", variant->name,
                   variant->is_frame ? " (around any of the above)" : "", variant->idea);
        for (int op = 0; op < OPS; ++op)
            if (variant->ops & 1U << op)
                text_print(out, " op=%s", op_name((enum op)op));
        text_add(out, "\n");
    }
}

static void add_json(const struct setup *setup, struct text *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "device", setup->devices[0].id);
    cJSON *list = cJSON_AddArrayToObject(root, "variants");
    for (int v = 0; v < setup->kernels.count; ++v) {
        const struct variant *variant = &setup->kernels.variants[v];
        if (!is_attention(variant))
            continue;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddStringToObject(item, "name", variant->name);
        cJSON_AddStringToObject(item, "title", variant->title);
        cJSON_AddStringToObject(item, "idea", variant->idea);
        cJSON_AddStringToObject(item, "source", variant->source);
        cJSON_AddItemToObject(item, "supports", cJSON_Duplicate(variant->supports, 1));
        cJSON *runs = cJSON_AddObjectToObject(item, "runs");
        for (int f = 0; f < FEATURES; ++f) {
            struct err reason;
            const bool yes = fits(variant, &setup->devices[0], f, &reason);
            cJSON_AddStringToObject(runs, features[f].label, yes ? "yes" : reason.message);
        }
    }
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
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
        text_print(&out, "on %s (%s)\n\n", setup.devices[0].id, setup.devices[0].name);
        add_matrix(&setup, &out);
        for (int v = 0; v < setup.kernels.count; ++v)
            if (is_attention(&setup.kernels.variants[v]))
                add_words(&setup.kernels.variants[v], &setup.devices[0], &out);
        add_operations(&setup, &out);
    }
    if (status == EXIT_OK)
        status = write_output(NULL, text_get(&out), out.length);
    text_free(&out);
    setup_free(&setup);
    return status;
}
