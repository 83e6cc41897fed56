/* Values of a variant file that need its tunables to be understood; for the files that read one. */
#ifndef ATTNBENCH_PROBLEM_VARIANT_KEYS_H
#define ATTNBENCH_PROBLEM_VARIANT_KEYS_H

#include "problem/variant.h"

/* A string with an expression, or a number. */
int variant_keys_expression(const struct variant *variant, const cJSON *node, const char **out,
                            struct arena *arena, struct err *err);
/* The expression under a key; otherwise: the default, or NULL for a key that must be there. */
int variant_keys_load(const struct variant *variant, const cJSON *object, const char *key,
                      const char *otherwise, const char **out, struct arena *arena,
                      struct err *err);
/* An array of strings, at most `max`. */
int variant_keys_texts(const struct json *json, const cJSON *object, const char *key, int max,
                       const char **out, int *count, struct err *err);

#endif
