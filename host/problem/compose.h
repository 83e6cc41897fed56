/* Which variant computes a problem, and how a frame and an attention variant become one. Pure.
 *
 * A frame (multi-head attention, an encoder layer) is a variant with holes: passes {"attention":
 * ...} that name buffers for q, k, v and o. Composed with an attention variant it is a variant like
 * any other: the frame's passes in their order, those that the problem does without left out, the
 * attention variant's in each hole, its buffers renamed; matrix products by our kernel or by the
 * library, as the problem says. Its name is the attention variant's. */
#ifndef ATTNBENCH_PROBLEM_COMPOSE_H
#define ATTNBENCH_PROBLEM_COMPOSE_H

#include "problem/variant.h"

/* What computes the problem under `variant`'s name: itself; for an operation that has a frame among
 * the variants, the composition; NULL when the operation is none of its. What is returned lives in
 * the arena, and points into `variants`. */
const struct variant *compose_for(const struct variant *variants, int count,
                                  const struct variant *variant, const struct problem *problem,
                                  const struct device_info *device, struct arena *arena);

/* Would compose_for return something? */
bool compose_computes(const struct variant *variants, int count, const struct variant *variant,
                      enum op op);

/* Does it compute the operation by itself? A frame does not. */
bool variant_computes(const struct variant *variant, enum op op);

#endif
