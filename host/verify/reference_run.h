/* What the references of the operations share: a problem, its inputs, and the stages that several
 * of them have. */
#ifndef ATTNBENCH_VERIFY_REFERENCE_RUN_H
#define ATTNBENCH_VERIFY_REFERENCE_RUN_H

#include "verify/stages.h"

/* What is made for it lives in the arena. */
struct reference_run {
    const struct problem *problem;
    const struct attention_inputs *inputs;
    const row_index *rows;
    int64_t row_count;
    struct noise *noise;
    struct arena *arena;
};

/* One file an operation; output: [row_count, d_model]. */
void reference_mha(const struct reference_run *run, double *output);
void reference_layers(const struct reference_run *run, double *output);
void reference_rnn(const struct reference_run *run, double *output);
void reference_bahdanau(const struct reference_run *run, double *output);

double *run_matrix(const struct reference_run *run, int64_t rows, int64_t columns);
/* An input, of a layer where it has several; NULL where the problem has none. */
const float *run_tensor(const struct reference_run *run, const char *name, int64_t layer);
/* The same as doubles. */
double *run_data(const struct reference_run *run, const char *name);
/* x with the positions that are added to it, all rows. */
double *run_embedded(const struct reference_run *run);
/* Rows of `from` that are listed; rows NULL: all `count` of them. */
double *run_gather(const struct reference_run *run, const double *from, const row_index *rows,
                   int64_t count, int64_t columns);

/* Multi-head attention of the rows: q_rows [row_count, d_model] are the listed rows of the queries'
 * sequence, kv all rows of the other. prefix: "" or "cross_". */
double *run_heads(const struct reference_run *run, enum attention_over over, const char *prefix,
                  int64_t layer, const double *q_rows, const row_index *rows, int64_t row_count,
                  const double *kv);

#endif
