#include "problem/variant.h"

#include "problem/expr.h"
#include "problem/quirk.h"
#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct sizes {
    const struct problem *problem;
    const struct tuning *tuning;
    const struct pass *pass; /* whose m, n and k are known too; or NULL */
};

static bool lookup_size(const void *context, const char *name, double *value)
{
    const struct sizes *sizes = context;
    if (sizes->pass && name[1] == '\0' && strchr("mnk", name[0])) {
        const struct sizes outer = {sizes->problem, sizes->tuning, NULL};
        const char *size = name[0] == 'm'   ? sizes->pass->m
                           : name[0] == 'n' ? sizes->pass->n
                                            : sizes->pass->k;
        *value = 1;
        return !size || expr_eval(size, lookup_size, &outer, value, NULL) == 0;
    }
    for (int i = 0; i < sizes->tuning->count; ++i)
        if (strcmp(sizes->tuning->items[i].name, name) == 0) {
            *value = (double)sizes->tuning->items[i].value;
            return true;
        }
    return problem_value(sizes->problem, name, value);
}

static int whole_size(const char *expression, const struct sizes *sizes, int64_t *size,
                      struct err *err)
{
    double value = 0;
    if (expr_eval(expression, lookup_size, sizes, &value, err))
        return -1;
    if (value < 0 || value > 0x1p62 || value != floor(value))
        return err_set(err, "expression \"%.200s\": expected a whole number >= 0, it is %g",
                       expression, value);
    *size = (int64_t)value;
    return 0;
}

int variant_size(const char *expression, const struct problem *problem, const struct tuning *tuning,
                 int64_t *size, struct err *err)
{
    const struct sizes sizes = {problem, tuning, NULL};
    return whole_size(expression, &sizes, size, err);
}

const struct problem *variant_part_problem(const struct variant *variant, int part,
                                           const struct problem *problem)
{
    return variant->part_count ? &variant->parts[part].problem : problem;
}

struct tuning variant_part_tuning(const struct variant *variant, int part,
                                  const struct tuning *tuning)
{
    if (!variant->part_count)
        return *tuning;
    const int frames = variant->parts[0].variant->tunable_count;
    const int first = part == 0 ? 0 : frames, end = part == 0 ? frames : tuning->count;
    struct tuning own = {0};
    for (int i = first; i < end && i < tuning->count; ++i)
        own.items[own.count++] = tuning->items[i];
    return own;
}

int variant_pass_size(const struct variant *variant, const struct pass *pass,
                      const char *expression, const struct problem *problem,
                      const struct tuning *tuning, int64_t *size, struct err *err)
{
    const struct sizes sizes = {variant_part_problem(variant, pass->part, problem), tuning, pass};
    return expression ? whole_size(expression, &sizes, size, err) : (*size = 1, 0);
}

int variant_launches(const struct variant *variant, const struct problem *problem,
                     const struct tuning *tuning)
{
    double launches = 0;
    for (int i = 0; i < variant->pass_count; ++i) {
        int64_t times = 1;
        if (variant_pass_size(variant, &variant->passes[i], variant->passes[i].repeat, problem,
                              tuning, &times, NULL))
            times = 1;
        launches += (double)times;
    }
    return launches < 1e9 ? (int)launches : 1000000000;
}

const char *pass_name(const struct pass *pass)
{
    return pass->stage ? pass->stage : pass->kernel ? pass->kernel : "gemm";
}

static int list_allows(const cJSON *list, const char *key, const struct problem *problem,
                       struct err *reason)
{
    const char *name = problem_enum_name(problem, key);
    double number = 0;
    problem_value(problem, key, &number);
    struct text choices = {0};
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
    {
        if (name ? cJSON_IsString(item) && strcmp(item->valuestring, name) == 0
                 : cJSON_IsNumber(item) && fabs(item->valuedouble - number) <= 0)
            return 0;
    }
    cJSON_ArrayForEach(item, list)
    {
        char shown[64];
        json_describe(item, shown, sizeof shown);
        text_print(&choices, "%s%s", choices.length ? ", " : "",
                   cJSON_IsString(item) ? item->valuestring : shown);
    }
    if (name)
        err_set(reason, "%s=%s is not among what it supports: %s", key, name, text_get(&choices));
    else
        err_set(reason, "%s=%g is not among what it supports: %s", key, number, text_get(&choices));
    text_free(&choices);
    return -1;
}

static int range_allows(const cJSON *range, const char *key, const struct problem *problem,
                        struct err *reason)
{
    double x = 0;
    problem_value(problem, key, &x);
    const cJSON *min = cJSON_GetObjectItemCaseSensitive(range, "min");
    const cJSON *max = cJSON_GetObjectItemCaseSensitive(range, "max");
    const cJSON *multiple = cJSON_GetObjectItemCaseSensitive(range, "multiple_of");
    if (min && x < min->valuedouble)
        return err_set(reason, "%s=%g is below its minimum of %g", key, x, min->valuedouble);
    if (max && x > max->valuedouble)
        return err_set(reason, "%s=%g is above its maximum of %g", key, x, max->valuedouble);
    if (multiple && fmod(x, multiple->valuedouble) != 0)
        return err_set(reason, "%s=%g is no multiple of %g", key, x, multiple->valuedouble);
    return 0;
}

/* Sizes are free unless limited; every feature must be declared, so that a variant written before a
 * new mask existed is not asked for it. */
static bool is_size_key(const char *key)
{
    static const char *const sizes[] = {
        "batch",   "heads_q", "heads_kv", "n_q",           "n_kv",      "d_k",           "d_v",
        "d_model", "d_ff",    "layers",   "relative_clip", "rope_base", "rope_fraction", "scale"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i)
        if (strcmp(sizes[i], key) == 0)
            return true;
    return false;
}

/* Keys that only say more about a mask come with the mask. */
static bool is_mask_detail(const char *key)
{
    return strcmp(key, "causal_offset") == 0 || strcmp(key, "window_left") == 0 ||
           strcmp(key, "window_right") == 0 || strcmp(key, "bias_shape") == 0;
}

static int problem_supported(const struct variant *variant, const struct problem *problem,
                             struct err *reason)
{
    for (const char *const *key = problem_keys(); *key; ++key) {
        const cJSON *rule = cJSON_GetObjectItemCaseSensitive(variant->supports, *key);
        if (cJSON_IsArray(rule)) {
            if (list_allows(rule, *key, problem, reason))
                return -1;
        } else if (cJSON_IsObject(rule)) {
            if (range_allows(rule, *key, problem, reason))
                return -1;
        } else if (!cJSON_IsTrue(rule) && !problem_is_default(problem, *key) &&
                   !is_size_key(*key) && !is_mask_detail(*key) && !problem_is_handover(*key)) {
            const char *name = problem_enum_name(problem, *key);
            return err_set(reason, "%s%s%s is not supported", *key, name ? "=" : "",
                           name ? name : "");
        }
    }
    const cJSON *where = cJSON_GetObjectItemCaseSensitive(variant->supports, "where");
    const struct tuning none = {0};
    const struct sizes sizes = {problem, &none, NULL};
    double holds = 1;
    if (!where)
        return 0;
    if (expr_eval(where->valuestring, lookup_size, &sizes, &holds, reason))
        return -1;
    if (holds == 0)
        return err_set(reason, "it needs %s", where->valuestring);
    return 0;
}

static int device_supported(const struct variant *variant, const struct device_info *device,
                            struct err *reason)
{
    for (int i = 0; i < variant->extension_count; ++i)
        if (!device_has_extension(device, variant->extensions[i]))
            return err_set(reason, "the device lacks the extension %s", variant->extensions[i]);
    bool type_fits = variant->device_type_count == 0;
    for (int i = 0; i < variant->device_type_count; ++i)
        type_fits = type_fits || strcmp(variant->device_types[i], device->type) == 0;
    if (!type_fits)
        return err_set(reason, "it is not made for devices of type %s", device->type);
    if (variant->library && !device->has_clblast)
        return err_set(reason, "this attnbench was built without CLBlast; install libclblast-dev "
                               "and build again");
    return 0;
}

static int pass_fits(const struct variant *variant, const struct pass *pass,
                     const struct problem *problem, const struct device_info *device,
                     const struct tuning *tuning, struct err *reason)
{
    int64_t items = 1;
    for (int i = 0; i < 3 && pass->kernel; ++i) {
        int64_t local = 0, groups = 0;
        if (variant_pass_size(variant, pass, pass->local[i], problem, tuning, &local, reason) ||
            variant_pass_size(variant, pass, pass->groups[i], problem, tuning, &groups, reason))
            return -1;
        if (local < 1 || groups < 1 || groups > INT64_MAX / (local ? local : 1))
            return err_set(reason, "pass %s has an empty or impossible range", pass->kernel);
        if (device->max_work_item[i] && local > device->max_work_item[i])
            return err_set(reason,
                           "pass %s needs %" PRId64 " work-items in dimension %d, the device "
                           "allows %" PRId64,
                           pass->kernel, local, i, device->max_work_item[i]);
        if (local > INT64_MAX / items)
            return err_set(reason, "pass %s has an impossible work-group", pass->kernel);
        items *= local;
    }
    if (device->max_work_group && items > device->max_work_group)
        return err_set(reason,
                       "pass %s needs work-groups of %" PRId64 ", the device allows %" PRId64,
                       pass->kernel, items, device->max_work_group);
    return 0;
}

static int quirks_allow(const struct variant *variant, const struct device_info *device,
                        const struct sizes *sizes, struct err *reason)
{
    for (int i = 0; i < device->quirk_count; ++i) {
        const struct quirk *quirk = device->quirks[i];
        double holds = 1;
        if (!quirk->requires || !quirk_concerns(quirk, variant->name))
            continue;
        /* Another variant of that name may not have these tunables: it is not the one meant. */
        if (expr_eval(quirk->requires, lookup_size, sizes, &holds, NULL) == 0 && holds == 0)
            return err_set(reason, "known quirk %s: %s (--no-quirks runs it)", quirk->name,
                           quirk->reason);
    }
    return 0;
}

int variant_tuning_fits(const struct variant *variant, const struct problem *problem,
                        const struct device_info *device, const struct tuning *tuning,
                        struct err *reason)
{
    const struct sizes sizes = {problem, tuning, NULL};
    double holds = 0;
    int64_t local_bytes = 0;
    for (int p = 1; p < variant->part_count; ++p) {
        const struct tuning own = variant_part_tuning(variant, p, tuning);
        if (variant_tuning_fits(variant->parts[p].variant, &variant->parts[p].problem, device, &own,
                                reason))
            return -1;
    }
    if (expr_eval(variant->where, lookup_size, &sizes, &holds, reason))
        return -1;
    if (holds == 0)
        return err_set(reason, "the tuning breaks its rule %s", variant->where);
    if (variant_size(variant->local_bytes, problem, tuning, &local_bytes, reason))
        return -1;
    if (device->local_bytes && local_bytes > device->local_bytes)
        return err_set(reason,
                       "it needs %" PRId64 " bytes of local memory, the device has %" PRId64,
                       local_bytes, device->local_bytes);
    for (int i = 0; i < variant->pass_count; ++i)
        if (variant->passes[i].part == 0 &&
            pass_fits(variant, &variant->passes[i], problem, device, tuning, reason))
            return -1;
    return variant->part_count ? 0 : quirks_allow(variant, device, &sizes, reason);
}

/* The k-th combination in file order, the last tunable changing fastest; false past the end. */
static bool tuning_at(const struct variant *variant, int64_t k, struct tuning *tuning)
{
    *tuning = (struct tuning){.count = variant->tunable_count};
    for (int i = variant->tunable_count; i-- > 0;) {
        const struct tunable *tunable = &variant->tunables[i];
        tuning->items[i].name = tunable->name;
        tuning->items[i].value = tunable->values[k % tunable->count];
        k /= tunable->count;
    }
    return k == 0;
}

/* The defaults for the device's type and, where the file has them, for its vectors. */
const cJSON *variant_defaults(const struct variant *variant, const struct device_info *device)
{
    char name[32];
    snprintf(name, sizeof name, "%.10s%lld", device->type, (long long)device->vector_width);
    const cJSON *exact = cJSON_GetObjectItemCaseSensitive(variant->defaults, name);
    return exact ? exact : cJSON_GetObjectItemCaseSensitive(variant->defaults, device->type);
}

static int parts_supported(const struct variant *variant, struct err *reason)
{
    for (int p = 0; p < variant->part_count; ++p)
        if (problem_supported(variant->parts[p].variant, &variant->parts[p].problem, reason))
            return -1;
    return 0;
}

int variant_fit(const struct variant *variant, const struct problem *problem,
                const struct device_info *device, struct tuning *tuning, struct err *reason)
{
    if (variant->is_too_large)
        return err_set(reason, "together with its frame it has too many passes, buffers or "
                               "tunables");
    if (variant->part_count ? parts_supported(variant, reason)
                            : problem_supported(variant, problem, reason))
        return -1;
    if (device_supported(variant, device, reason))
        return -1;
    if (problem->op != OP_ATTENTION && problem->gemm == GEMM_CLBLAST && problem->dtype != DTYPE_F32)
        return err_set(reason, "gemm=clblast multiplies f32 only, dtype is %s",
                       dtype_name((enum dtype)problem->dtype));
    const cJSON *defaults = variant_defaults(variant, device);
    tuning_at(variant, 0, tuning);
    for (int i = 0; i < tuning->count; ++i) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(defaults, variant->tunables[i].name);
        if (value)
            tuning->items[i].value = (int64_t)value->valuedouble;
    }
    if (variant_tuning_fits(variant, problem, device, tuning, reason) == 0)
        return 0;
    /* The reason of the preferred tuning is the one to show: the others are only smaller. */
    for (int64_t k = 0; k < COMBINATIONS_MAX && tuning_at(variant, k, tuning); ++k)
        if (variant_tuning_fits(variant, problem, device, tuning, NULL) == 0)
            return 0;
    return -1;
}
