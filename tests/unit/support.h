/* What the unit tests share: cmocka with what it needs, comparisons that NaN fails, and short ways
 * to make problems. */
#ifndef ATTNBENCH_TESTS_SUPPORT_H
#define ATTNBENCH_TESTS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "problem/problem.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline bool near(double got, double want, double rtol)
{
    return fabs(got - want) <= rtol * fabs(want);
}

/* A test that depends on it fails here, with the text at fault. */
static inline cJSON *parse(const char *text)
{
    cJSON *node = cJSON_Parse(text);
    if (!node)
        fail_msg("bad JSON in the test: %s", text);
    return node;
}

/* Sets all keys of a JSON object and resolves; -1 with the message. */
static inline int try_problem(const char *text, struct problem *problem, struct arena *arena,
                              struct err *err)
{
    cJSON *object = parse(text);
    const cJSON *item = NULL;
    int result = 0;
    *problem = problem_default();
    cJSON_ArrayForEach(item, object) if (result == 0) result =
        problem_set(problem, item->string, item, arena, err);
    cJSON_Delete(object);
    return result ? result : problem_resolve(problem, err);
}

static inline struct problem make_problem(const char *text, struct arena *arena)
{
    struct problem problem;
    struct err err = {""};
    if (try_problem(text, &problem, arena, &err))
        fail_msg("%s: %s", text, err.message);
    return problem;
}

/* Shows both texts in full: cmocka's own message cuts long ones. */
static inline void expect_text(const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s\n     got: %s\n    want: %s", what, got, want);
}

/* The lines of a document, with line `number` (from 1; 0: none) replaced. Freed by the caller. */
static inline char *replace_line(const char *const *lines, size_t count, size_t number,
                                 const char *replacement)
{
    size_t bytes = strlen(replacement) + 2;
    for (size_t i = 0; i < count; ++i)
        bytes += strlen(lines[i]) + 1;
    char *text = calloc(bytes, 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; ++i) {
        strcat(text, i + 1 == number ? replacement : lines[i]);
        strcat(text, "\n");
    }
    return text;
}

#endif
