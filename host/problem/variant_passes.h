/* Passes of a variant file; only variant_load.c needs it. */
#ifndef ATTNBENCH_PROBLEM_VARIANT_PASSES_H
#define ATTNBENCH_PROBLEM_VARIANT_PASSES_H

#include "problem/variant.h"

/* Adds a pass; tunables and scratch have been read before. */
int variant_passes_load(struct variant *variant, const cJSON *object, struct arena *arena,
                        struct err *err);

#endif
