/* Shared by the two files that read variant files; nothing else needs it. */
#ifndef ATTNBENCH_PROBLEM_VARIANT_LOAD_H
#define ATTNBENCH_PROBLEM_VARIANT_LOAD_H

#include "problem/variant.h"

/* A string with an expression, or a number. */
int variant_load_expression(const struct variant *variant, const cJSON *node, const char **out,
                            struct arena *arena, struct err *err);
/* The expression under a key; otherwise: the default, or NULL for a key that must be there. */
int variant_load_key(const struct variant *variant, const cJSON *object, const char *key,
                     const char *otherwise, const char **out, struct arena *arena, struct err *err);
/* An array of strings, at most `max`. */
int variant_load_texts(const struct json *json, const cJSON *object, const char *key, int max,
                       const char **out, int *count, struct err *err);
/* Adds a pass; tunables and scratch have been read before. */
int variant_load_pass(struct variant *variant, const cJSON *object, struct arena *arena,
                      struct err *err);

#endif
