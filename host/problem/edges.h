/* Edge shapes: problems in which kernels read or write past an end, or meet a barrier unequally, if
 * they do so anywhere. Small enough for a simulator. Pure.
 *
 * Lengths are 1, primes, and one around the tiles of 16, 32 and 64 that variants have; decoding
 * over more than a split of 64 or 128; head sizes that no vector divides, and 72; grouped heads,
 * both layouts, every mask, bias, and second output, padding, softcap and sink; and every operation
 * beside attention. */
#ifndef ATTNBENCH_PROBLEM_EDGES_H
#define ATTNBENCH_PROBLEM_EDGES_H

#include "problem/problem.h"

int edge_count(void);
/* Is it one of the few for tunings whose tiles are large? These are the first. */
enum { EDGES_FEW = 3 };
/* The index-th of them, with its default dtype. */
struct problem edge_problem(int index, struct arena *arena);

#endif
