/* --set: an axis over those of a suite. */
#include "problem/axis.h"
#include "problem/suite.h"
#include "util/text.h"

#include <string.h>

static cJSON *parse_value(const char *text)
{
    double number;
    if (text_to_double(text, &number))
        return cJSON_CreateNumber(number);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return cJSON_CreateBool(text[0] == 't');
    return cJSON_CreateString(text);
}

/* "128..4096*2", "1..8+1", "1,2,3" or "64". */
static int parse_values(const char *key, const char *text, cJSON *values, struct arena *arena,
                        struct err *err)
{
    const char *dots = strstr(text, "..");
    if (dots) {
        const size_t sign_at = strcspn(dots, "*+");
        const char *from = arena_copy_bytes(arena, text, (size_t)(dots - text));
        const char *to = arena_copy_bytes(arena, dots + 2, sign_at > 2 ? sign_at - 2 : 0);
        int64_t low = 0, high = 0, by = 2;
        const bool adds = dots[sign_at] == '+';
        if (!text_to_int64(from, &low) || !text_to_int64(to, &high) || low < 1 ||
            high > PROBLEM_MAX_SIZE || (dots[sign_at] && !text_to_int64(dots + sign_at + 1, &by)) ||
            by < (adds ? 1 : 2) || by > PROBLEM_MAX_SIZE)
            return err_set(err, "\"%.100s\" is no range; expected from..to*times or from..to+step",
                           text);
        return axis_add_range(values, low, high, adds ? 0 : by, adds ? by : 0, err);
    }
    while (true) {
        const size_t length = strcspn(text, ",");
        cJSON *value = parse_value(arena_copy_bytes(arena, text, length));
        struct problem ignored = problem_default();
        cJSON_AddItemToArray(values, value);
        if (problem_set(&ignored, key, value, arena, err))
            return err_prefix(err, "%s", key);
        if (!text[length])
            return 0;
        text += length + 1;
    }
}

/* `n` replaces axes over n_q and n_kv too: the shorthand would otherwise lose against them. */
static bool replaces(const char *key, const char *axis)
{
    return strcmp(key, axis) == 0 ||
           (strcmp(key, "n") == 0 && (strcmp(axis, "n_q") == 0 || strcmp(axis, "n_kv") == 0)) ||
           (strcmp(key, "heads") == 0 &&
            (strcmp(axis, "heads_q") == 0 || strcmp(axis, "heads_kv") == 0));
}

/* How a shorthand meets a sweep whose two keys have values of their own. */
enum split { SPLIT_NONE, SPLIT_DIFFERENT, SPLIT_DECODING };

static enum split find_split(const struct suite *suite, const struct sweep *sweep, const char *key)
{
    enum { DECODE_QUERIES = 16, MANY_MORE = 8 };
    const bool lengths = strcmp(key, "n") == 0;
    if (!lengths && strcmp(key, "heads") != 0)
        return SPLIT_NONE;
    struct arena arena = {0};
    enum split split = lengths ? SPLIT_DECODING : SPLIT_NONE;
    bool different = false;
    for (int k = 0; k < sweep_count(sweep); ++k) {
        struct problem problem;
        if (sweep_problem(suite, sweep, k, &problem, &arena, NULL))
            break;
        different |= lengths ? problem.n_q != problem.n_kv : problem.heads_q != problem.heads_kv;
        if (problem.n_q > DECODE_QUERIES || problem.n_kv < MANY_MORE * problem.n_q)
            split = SPLIT_NONE;
        if (k % 1024 == 0)
            arena_free(&arena);
    }
    arena_free(&arena);
    return split == SPLIT_DECODING ? split : different ? SPLIT_DIFFERENT : SPLIT_NONE;
}

static void add_note(struct text *notes, const struct sweep *sweep, const char *key,
                     enum split split)
{
    if (!notes || split == SPLIT_NONE)
        return;
    if (split == SPLIT_DECODING)
        text_print(notes, "sweep \"%s\" decodes: n sets n_kv there, n_q stays\n", sweep->name);
    else if (strcmp(key, "n") == 0)
        text_print(notes, "sweep \"%s\": n sets n_q and n_kv, which differed there\n", sweep->name);
    else
        text_print(notes, "sweep \"%s\": heads sets heads_q and heads_kv, which differed there\n",
                   sweep->name);
}

static int set_axis(struct suite *suite, struct sweep *sweep, const char *key, const char *values,
                    struct arena *arena, struct err *err)
{
    int kept = 0;
    for (int a = 0; a < sweep->axis_count; ++a)
        if (replaces(key, sweep->axes[a].key))
            cJSON_Delete(sweep->axes[a].values);
        else
            sweep->axes[kept++] = sweep->axes[a];
    sweep->axis_count = kept;
    if (kept == AXES_MAX)
        return err_set(err, "sweep \"%s\" has no room for another axis", sweep->name);
    struct axis *axis = &sweep->axes[sweep->axis_count++];
    *axis = (struct axis){key, NULL, cJSON_CreateArray()};
    if (parse_values(key, values, axis->values, arena, err))
        return -1;
    const int count = sweep_count(sweep);
    if (count > SUITE_MAX_PROBLEMS)
        return err_set(err, "sweep \"%s\": more than %d problems", sweep->name, SUITE_MAX_PROBLEMS);
    for (int k = 0; k < count; ++k) {
        struct problem problem;
        if (sweep_problem(suite, sweep, k, &problem, arena, err))
            return err_prefix(err, "sweep \"%s\"", sweep->name);
    }
    return 0;
}

int suite_set(struct suite *suite, const char *assignment, struct text *notes, struct arena *arena,
              struct err *err)
{
    const size_t length = strcspn(assignment, "=");
    const char *key = arena_copy_bytes(arena, assignment, length);
    if (!assignment[length])
        return err_set(err, "\"%.100s\" is no assignment; expected KEY=VALUES", assignment);
    struct problem ignored = problem_default();
    if (!problem_is_key(key))
        return problem_set(&ignored, key, NULL, arena, err);
    for (int s = 0; s < suite->sweep_count; ++s) {
        struct sweep *sweep = &suite->sweeps[s];
        const enum split split = find_split(suite, sweep, key);
        add_note(notes, sweep, key, split);
        if (set_axis(suite, sweep, split == SPLIT_DECODING ? "n_kv" : key, assignment + length + 1,
                     arena, err))
            return -1;
    }
    return 0;
}
