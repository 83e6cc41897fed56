/* What a variant rounds its inputs to before it multiplies them, sums staying in f32. A variant
 * that says nothing computes in f32; one that says less is judged by that, and ranked in a class of
 * its own. */
#ifndef ATTNBENCH_PROBLEM_PRECISION_H
#define ATTNBENCH_PROBLEM_PRECISION_H

enum precision { PRECISION_F32, PRECISION_TF32, PRECISION_F16, PRECISION_BF16, PRECISIONS };

const char *precision_name(enum precision precision);             /* "f32", "tf32", "f16", "bf16" */
int precision_parse(const char *name, enum precision *precision); /* -1: unknown */

/* The largest relative error of rounding to it, beyond that of f32; 0 for f32. */
double precision_unit(enum precision precision);

#endif
