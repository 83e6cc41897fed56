/* The references of the operations beside attention: double precision, independent of every kernel.
 *
 * Output rows are b * n_q + i, d_model values each. Where rows are sampled, only what the last
 * stages compute is saved: keys and values need all rows of the sequence. */
#ifndef ATTNBENCH_VERIFY_OPERATION_REFERENCE_H
#define ATTNBENCH_VERIFY_OPERATION_REFERENCE_H

#include "verify/stages.h"

/* How often the reference is computed in all: exactly, and with noise. */
enum { REFERENCE_DRAWS = 2, REFERENCE_RUNS = 1 + REFERENCE_DRAWS };

/* output: [row_count, d_model]. */
void reference_operation(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output);

/* The same to expected->want, with what a right kernel may be off by: the spread of the noisy
 * outcomes. */
void reference_operation_expected(const struct problem *problem,
                                  const struct attention_inputs *inputs, const row_index *rows,
                                  int64_t row_count, struct expected *expected);

#endif
