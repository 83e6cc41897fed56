#include "problem/suite.h"
#include "problem/axis.h"

#include "util/sha256.h"
#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const check_modes[] = {"auto", "full", "sample", "none"};

const char *check_mode_name(enum check_mode mode)
{
    return check_modes[mode];
}

int check_mode_parse(const char *name, enum check_mode *mode)
{
    for (int i = 0; i < 4; ++i)
        if (strcmp(check_modes[i], name) == 0) {
            *mode = (enum check_mode)i;
            return 0;
        }
    return -1;
}

int measure_cache_parse(const char *name, bool *cold)
{
    *cold = strcmp(name, "cold") == 0;
    return *cold || strcmp(name, "hot") == 0 ? 0 : -1;
}

/* ---- values of an axis ----------------------------------------------------------------------- */

static int load_range(const struct json *json, const cJSON *range, cJSON *values, struct err *err)
{
    static const char *const keys[] = {"from", "to", "times", "step", NULL};
    int64_t from = 0, to = 0, times = 0, step = 0;
    if (json_only_keys(json, range, keys, err) ||
        json_int(json, range, "from", true, 1, PROBLEM_MAX_SIZE, &from, err) ||
        json_int(json, range, "to", true, 1, PROBLEM_MAX_SIZE, &to, err) ||
        json_int(json, range, "times", false, 2, 1024, &times, err) ||
        json_int(json, range, "step", false, 1, PROBLEM_MAX_SIZE, &step, err))
        return -1;
    if ((times != 0) == (step != 0))
        return json_fail(json, range, err, "expected either \"times\" or \"step\" with the range");
    struct err why;
    if (axis_add_range(values, from, to, times, step, &why))
        return json_fail(json, range, err, "%s", why.message);
    return 0;
}

static int load_axis(struct suite *suite, struct sweep *sweep, const cJSON *node,
                     struct arena *arena, struct err *err)
{
    const struct json *json = &suite->json;
    struct axis *axis = &sweep->axes[sweep->axis_count];
    if (sweep->axis_count == AXES_MAX)
        return json_fail(json, node, err, "more than %d axes", AXES_MAX);
    if (!problem_is_key(node->string)) {
        struct problem ignored = problem_default();
        struct err why;
        problem_set(&ignored, node->string, node, arena, &why);
        return json_fail(json, node, err, "%s", why.message);
    }
    *axis = (struct axis){node->string, node, cJSON_CreateArray()};
    ++sweep->axis_count;
    if (cJSON_IsObject(node))
        return load_range(json, node, axis->values, err);
    if (!cJSON_IsArray(node) || !cJSON_GetArraySize(node))
        return json_fail(json, node, err,
                         "expected a list of values or a range {\"from\", \"to\", \"times\"}");
    const cJSON *value = NULL;
    cJSON_ArrayForEach(value, node)
    {
        struct problem ignored = problem_default();
        struct err why;
        if (problem_set(&ignored, node->string, value, arena, &why))
            return json_fail(json, value, err, "%s", why.message);
        if (cJSON_GetArraySize(axis->values) >= AXIS_VALUES_MAX)
            return json_fail(json, node, err, "more than %d values", AXIS_VALUES_MAX);
        cJSON_AddItemToArray(axis->values, cJSON_Duplicate(value, 1));
    }
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int load_defaults(const struct suite *suite, const cJSON *defaults, struct arena *arena,
                         struct err *err)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, defaults)
    {
        struct problem ignored = problem_default();
        struct err why;
        if (problem_set(&ignored, item->string, item, arena, &why))
            return json_fail(&suite->json, item, err, "%s", why.message);
    }
    return 0;
}

static int check_combinations(struct suite *suite, const struct sweep *sweep, struct err *err)
{
    const int count = sweep_count(sweep);
    suite->problem_count += count;
    if (suite->problem_count > SUITE_MAX_PROBLEMS)
        return json_fail(&suite->json, sweep->node, err, "more than %d problems",
                         SUITE_MAX_PROBLEMS);
    struct arena arena = {0};
    struct err why;
    int k = 0, result = 0;
    for (; k < count && result == 0; ++k) {
        struct problem problem;
        result = sweep_problem(suite, sweep, k, &problem, &arena, &why);
        if (k % 1024 == 0) /* lengths of all problems at once could fill the memory */
            arena_free(&arena);
    }
    arena_free(&arena);
    if (result)
        json_fail(&suite->json, sweep->node, err, "problem %d of %d: %s", k, count, why.message);
    return result;
}

static int load_sweep(struct suite *suite, struct sweep *sweep, const cJSON *node,
                      struct arena *arena, struct err *err)
{
    static const char *const keys[] = {"name", "title", "defaults", "axes", "variants", NULL};
    const struct json *json = &suite->json;
    const cJSON *axes = NULL, *variants = NULL, *item = NULL;
    const char *title = NULL;
    sweep->node = node;
    if (json_only_keys(json, node, keys, err) ||
        json_string(json, node, "name", true, &sweep->name, err) ||
        json_string(json, node, "title", false, &title, err) ||
        json_node(json, node, "defaults", false, cJSON_Object, &sweep->defaults, err) ||
        json_node(json, node, "axes", true, cJSON_Object, &axes, err) ||
        json_node(json, node, "variants", false, cJSON_Array, &variants, err))
        return -1;
    for (const struct sweep *other = suite->sweeps; other < sweep; ++other)
        if (strcmp(other->name, sweep->name) == 0)
            return json_fail(json, node, err, "another sweep is named \"%s\" too", sweep->name);
    if (load_defaults(suite, sweep->defaults, arena, err))
        return -1;
    cJSON_ArrayForEach(item, axes) if (load_axis(suite, sweep, item, arena, err)) return -1;
    cJSON_ArrayForEach(item, variants)
    {
        if (sweep->variant_count == 64)
            return json_fail(json, variants, err, "more than 64 variants");
        if (json_as_string(json, item, &sweep->variants[sweep->variant_count++], err))
            return -1;
    }
    return 0;
}

static int load_measure(struct suite *suite, const cJSON *node, struct err *err)
{
    static const char *const keys[] = {"min_samples", "min_time_s", "max_time_s", "target_rel_ci",
                                       "budget_s",    "check",      "cache",      NULL};
    const struct json *json = &suite->json;
    struct measure_rule *rule = &suite->measure;
    const char *check = NULL, *cache = NULL;
    if (!node)
        return 0;
    if (json_only_keys(json, node, keys, err) ||
        json_int(json, node, "min_samples", false, 1, 1000, &rule->min_samples, err) ||
        json_double(json, node, "min_time_s", false, 0, 3600, &rule->min_time_s, err) ||
        json_double(json, node, "max_time_s", false, 0.001, 86400, &rule->max_time_s, err) ||
        json_double(json, node, "target_rel_ci", false, 0.0001, 1, &rule->target_rel_ci, err) ||
        json_double(json, node, "budget_s", false, 1, 1e7, &suite->budget_s, err) ||
        json_string(json, node, "check", false, &check, err) ||
        json_string(json, node, "cache", false, &cache, err))
        return -1;
    if (rule->min_time_s > rule->max_time_s)
        return json_fail(json, node, err, "min_time_s = %g is above max_time_s = %g",
                         rule->min_time_s, rule->max_time_s);
    if (check && check_mode_parse(check, &suite->check))
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(node, "check"), err,
                         "expected \"auto\", \"full\", \"sample\" or \"none\"");
    if (cache && measure_cache_parse(cache, &rule->cold))
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(node, "cache"), err,
                         "expected \"hot\" or \"cold\"");
    return 0;
}

static int load_deadlines(struct suite *suite, const cJSON *node, struct err *err)
{
    struct deadlines *d = &suite->deadlines;
    const struct {
        const char *key;
        double *value;
    } steps[] = {{"enumerate_s", &d->enumerate_s},
                 {"build_s", &d->build_s},
                 {"run_s", &d->run_s},
                 {"read_s", &d->read_s},
                 {"teardown_s", &d->teardown_s}};
    static const char *const keys[] = {"enumerate_s", "build_s",    "run_s",
                                       "read_s",      "teardown_s", NULL};
    if (!node)
        return 0;
    if (json_only_keys(&suite->json, node, keys, err))
        return -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
        if (json_double(&suite->json, node, steps[i].key, false, 0.1, 86400, steps[i].value, err))
            return -1;
    return 0;
}

static int load_fields(struct suite *suite, struct arena *arena, struct err *err)
{
    static const char *const keys[] = {"format",   "version", "name",    "title",     "comment",
                                       "defaults", "sweeps",  "measure", "deadlines", NULL};
    const struct json *json = &suite->json;
    const cJSON *root = json->root, *sweeps = NULL, *measure = NULL, *deadlines = NULL;
    const char *format = NULL;
    const cJSON *item = NULL;
    int64_t version = 0;
    suite->title = "";
    if (json_only_keys(json, root, keys, err) ||
        json_string(json, root, "format", true, &format, err) ||
        json_int(json, root, "version", true, 1, 1000, &version, err))
        return -1;
    if (strcmp(format, "attnbench-suite") != 0)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(root, "format"), err,
                         "expected \"attnbench-suite\", found \"%.40s\"", format);
    if (version != 1)
        return json_fail(json, cJSON_GetObjectItemCaseSensitive(root, "version"), err,
                         "suite version %" PRId64 " is newer than this attnbench; it reads 1",
                         version);
    if (json_string(json, root, "name", true, &suite->name, err) ||
        json_string(json, root, "title", false, &suite->title, err) ||
        json_node(json, root, "defaults", false, cJSON_Object, &suite->defaults, err) ||
        json_node(json, root, "sweeps", true, cJSON_Array, &sweeps, err) ||
        json_node(json, root, "measure", false, cJSON_Object, &measure, err) ||
        json_node(json, root, "deadlines", false, cJSON_Object, &deadlines, err) ||
        load_defaults(suite, suite->defaults, arena, err) || load_measure(suite, measure, err) ||
        load_deadlines(suite, deadlines, err))
        return -1;
    const int count = cJSON_GetArraySize(sweeps);
    if (!count)
        return json_fail(json, sweeps, err, "expected at least one sweep");
    if (count > SWEEPS_MAX)
        return json_fail(json, sweeps, err, "more than %d sweeps", SWEEPS_MAX);
    suite->sweeps = arena_array(arena, (size_t)count, sizeof *suite->sweeps);
    cJSON_ArrayForEach(item, sweeps)
    {
        struct sweep *sweep = &suite->sweeps[suite->sweep_count++];
        if (load_sweep(suite, sweep, item, arena, err) || check_combinations(suite, sweep, err))
            return -1;
    }
    return 0;
}

struct suite suite_default(void)
{
    return (struct suite){
        .name = "default",
        .title = "",
        .measure = {.min_samples = 10, .min_time_s = 0.5, .max_time_s = 15, .target_rel_ci = 0.01},
        .deadlines = {
            .enumerate_s = 30, .build_s = 120, .run_s = 60, .read_s = 60, .teardown_s = 10}};
}

int suite_load(struct suite *suite, const char *file_name, const char *text, size_t length,
               struct arena *arena, struct err *err)
{
    *suite = suite_default();
    if (json_load(&suite->json, file_name, text, length, err))
        return -1;
    sha256_hex(text, length, suite->sha256);
    if (load_fields(suite, arena, err)) {
        suite_free(suite);
        return -1;
    }
    return 0;
}

void suite_free(struct suite *suite)
{
    for (int s = 0; s < suite->sweep_count; ++s)
        for (int a = 0; a < suite->sweeps[s].axis_count; ++a)
            cJSON_Delete(suite->sweeps[s].axes[a].values);
    suite->sweep_count = 0;
    json_free(&suite->json);
}

/* ---- problems -------------------------------------------------------------------------------- */

int sweep_count(const struct sweep *sweep)
{
    int64_t count = 1;
    for (int a = 0; a < sweep->axis_count; ++a) {
        count *= cJSON_GetArraySize(sweep->axes[a].values);
        if (count > SUITE_MAX_PROBLEMS)
            return SUITE_MAX_PROBLEMS + 1;
    }
    return (int)count;
}

static int set_all(struct problem *problem, const cJSON *object, struct arena *arena,
                   struct err *err)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, object) if (problem_set(problem, item->string, item, arena, err))
    {
        return err_prefix(err, "%s", item->string);
    }
    return 0;
}

int sweep_problem(const struct suite *suite, const struct sweep *sweep, int k,
                  struct problem *problem, struct arena *arena, struct err *err)
{
    *problem = problem_default();
    if (set_all(problem, suite->defaults, arena, err))
        return err_prefix(err, "defaults");
    if (set_all(problem, sweep->defaults, arena, err))
        return err_prefix(err, "the sweep's defaults");
    const cJSON *values[AXES_MAX];
    for (int a = sweep->axis_count; a-- > 0;) {
        const int count = cJSON_GetArraySize(sweep->axes[a].values);
        values[a] = cJSON_GetArrayItem(sweep->axes[a].values, k % count);
        k /= count;
    }
    for (int a = 0; a < sweep->axis_count; ++a) {
        const struct axis *axis = &sweep->axes[a];
        /* The axes of --set, which have no node in the file, come last and win. */
        if (axis->node ? problem_set(problem, axis->key, values[a], arena, err)
                       : problem_override(problem, axis->key, values[a], arena, err))
            return err_prefix(err, "%s", axis->key);
    }
    return problem_resolve(problem, err);
}
