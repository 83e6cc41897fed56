/* A suite: which problems, which variants, how to measure. See suites/README.md for every key. */
#ifndef ATTNBENCH_PROBLEM_SUITE_H
#define ATTNBENCH_PROBLEM_SUITE_H

#include "problem/problem.h"
#include "util/json.h"
#include "util/text.h"

enum check_mode { CHECK_AUTO, CHECK_FULL, CHECK_SAMPLE, CHECK_NONE };
const char *check_mode_name(enum check_mode mode);
int check_mode_parse(const char *name, enum check_mode *mode); /* -1: unknown */

/* When a cell has been measured enough; see measure/sampling.h. */
struct measure_rule {
    int64_t min_samples;
    double min_time_s, max_time_s, target_rel_ci;
    bool cold; /* caches are emptied before each launch */
};

/* "hot" or "cold"; -1: another word. */
int measure_cache_parse(const char *name, bool *cold);

/* How long each step of the worker may take before it counts as hung. */
struct deadlines {
    double enumerate_s, build_s, run_s, read_s, teardown_s;
};

struct axis {
    const char *key;
    const cJSON *node; /* in the suite's JSON, for messages; NULL for --set */
    cJSON *values;     /* array, owned by the suite */
};

enum { AXES_MAX = 24, SWEEPS_MAX = 10000, SUITE_MAX_PROBLEMS = 100000 };

struct sweep {
    const char *name;
    const cJSON *node, *defaults; /* the sweep's own defaults, or NULL */
    struct axis axes[AXES_MAX];   /* in file order: the first is the outermost loop */
    int axis_count;
    const char *variants[64];
    int variant_count; /* 0: all */
};

struct suite {
    const char *name, *title;
    char sha256[65];
    struct json json;
    const cJSON *defaults;
    struct sweep *sweeps;
    int sweep_count;
    int problem_count; /* of all sweeps in the file */
    struct measure_rule measure;
    struct deadlines deadlines;
    double budget_s; /* 0: none */
    enum check_mode check;
};

/* Parses and validates a suite completely: every combination of every sweep is a possible problem.
 * `file_name` must outlive the suite. */
int suite_load(struct suite *suite, const char *file_name, const char *text, size_t length,
               struct arena *arena, struct err *err);
void suite_free(struct suite *suite);

/* The rules that hold where a suite says nothing. */
struct suite suite_default(void);

/* Overrides an axis (or a default) in every sweep: "n=128..4096*2", "heads=1..8+1",
 * "dtype=f32,f16", "d_k=64". A sweep that decodes (at most 16 queries, many more keys) keeps its
 * queries when n is set. What a shorthand did to keys that had values of their own goes to `notes`,
 * a line each (NULL: nobody asks). */
int suite_set(struct suite *suite, const char *assignment, struct text *notes, struct arena *arena,
              struct err *err);

/* Number of problems of a sweep and its k-th one (0 <= k < count), the last axis changing fastest.
 */
int sweep_count(const struct sweep *sweep);
int sweep_problem(const struct suite *suite, const struct sweep *sweep, int k,
                  struct problem *problem, struct arena *arena, struct err *err);

#endif
