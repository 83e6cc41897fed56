/* Edge shapes: problems in which kernels read or write past an end, or meet a barrier unequally, if
 * they do so anywhere. Small enough for a simulator. Pure.
 *
 * Lengths are 1, primes, and one around the tiles of 16, 32 and 64 that variants have; decoding
 * over the splits of 256 and 512; head sizes that no vector divides, 72 and 256; grouped heads,
 * both layouts, every mask, bias, and second output, padding, softcap and sink; and every operation
 * beside attention. */
#ifndef ATTNBENCH_PROBLEM_EDGES_H
#define ATTNBENCH_PROBLEM_EDGES_H

#include "problem/problem.h"

int edge_count(void);
/* The index-th of them, with its default dtype. */
struct problem edge_problem(int index, struct arena *arena);

#endif
