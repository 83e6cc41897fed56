/* Size expressions of variant files: "ceil(n_q/BLOCK_Q)", "4*BLOCK_KV*d_k", "WG % BLOCK_Q == 0".
 *
 * Numbers, names, + - * / %, comparisons, && || !, parentheses, ceil floor min max. Arithmetic is
 * in double: sizes up to 2^53 are exact, and an overflow becomes infinity, which is refused. */
#ifndef ATTNBENCH_PROBLEM_EXPR_H
#define ATTNBENCH_PROBLEM_EXPR_H

#include "util/err.h"

#include <stdbool.h>

/* Returns false for a name it does not know. */
typedef bool expr_lookup(const void *context, const char *name, double *value);

/* Value of the expression; comparisons give 0 or 1. -1 for a syntax error, an unknown name, a
 * division by zero or a result that is not finite. */
int expr_eval(const char *expression, expr_lookup *lookup, const void *context, double *value,
              struct err *err);

/* Syntax and names only: for checking a file before any sizes are known. */
int expr_check(const char *expression, expr_lookup *lookup, const void *context, struct err *err);

#endif
