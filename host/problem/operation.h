/* Operations beside attention: what goes in, how much work it is, and the attention inside.
 *
 * What an operation computes stands here and in its reference (host/verify/), how it is computed in
 * kernels/: a variant file whose "supports" names the operation. x, the first input, is [batch,
 * n_q, d_model]; the output o has the same shape. Definitions:
 *   mha            Vaswani et al. 2017, section 3.2.2: K and V of x itself, or of a second input y
 *                  [batch, n_kv, d_model] when `cross`
 *   encoder_layer, decoder_layer
 *                  section 3.1, `layers` of them stacked; y is what the encoder gave.
 * layer_norm=pre has the normalisation in front of each part (Xiong et al. 2020) and none at the
 * end rnn            Elman 1990; GRU: Cho et al. 2014 in the form of cuDNN, whose reset gate acts
 *                  after the product; LSTM: Hochreiter and Schmidhuber 1997 with forget gates.
 *                  States start at 0, the output is the hidden state of each step
 *   bahdanau       additive attention (Bahdanau et al. 2015): score v . tanh(x W_a + y U_a), no
 *                  mask, the output is the weighted sum of y; d_k is the width in the middle */
#ifndef ATTNBENCH_PROBLEM_OPERATION_H
#define ATTNBENCH_PROBLEM_OPERATION_H

#include "problem/problem.h"

/* Sets of operations. */
#define OPS_MHA      (1U << OP_MHA)
#define OPS_DECODER  (1U << OP_DECODER_LAYER)
#define OPS_LAYER    (1U << OP_ENCODER_LAYER | OPS_DECODER)
#define OPS_HEADS    (OPS_MHA | OPS_LAYER)
#define OPS_RNN      (1U << OP_RNN)
#define OPS_BAHDANAU (1U << OP_BAHDANAU)
#define OPS_OTHER    (OPS_HEADS | OPS_RNN | OPS_BAHDANAU)

/* What random values an input has: data, which the kinds of inputs shape; weights, normal with the
 * variance 2 / (rows + columns) of Glorot and Bengio 2010, so that activations keep their size;
 * shifts, normal / 10; gains, 1 + normal / 10. */
enum tensor_values { VALUES_DATA, VALUES_WEIGHT, VALUES_SHIFT, VALUES_GAIN };

/* An input of some operations. */
struct op_tensor {
    const char *name;
    const char *when;    /* expression over problem keys; NULL: always */
    const char *dims[4]; /* expressions; the last two are a weight's rows and columns */
    unsigned ops;
    enum tensor_values values;
};

enum { OP_TENSORS_MAX = 48 };
/* One table for all operations; the index identifies a tensor everywhere. */
int operation_tensor_count(void);
const struct op_tensor *operation_tensor(int index);
/* -1: there is no such tensor. */
int operation_tensor_find(const char *name);
/* Elements in this problem, 0 when it has none; dims (or NULL) gets the sizes, 1 past the last. */
int64_t operation_tensor_size(const struct problem *problem, int index, int64_t dims[4]);

/* The attention inside: over itself, or over y. */
enum attention_over { OVER_SELF, OVER_CROSS };
struct problem operation_attention(const struct problem *problem, enum attention_over over);

double operation_flops(const struct problem *problem);
/* Of it what a check of a few output rows needs all the same: every layer but the last, and the
 * last one's keys and values; a recurrence whole. */
double operation_unsampled_flops(const struct problem *problem);
double operation_bytes(const struct problem *problem);
double operation_pairs(const struct problem *problem);

/* For problem.c. Sizes that follow from others: d_model, d_k, d_ff. */
int operation_spread(struct problem *problem, struct err *err);
/* What the operation's keys demand of one another; names what it cannot combine. */
int operation_check(struct problem *problem, struct err *err);
/* "layers", "gates" (of a recurrent cell), "rope_pairs", "rope_base" with their defaults applied.
 */
bool operation_value(const struct problem *problem, const char *name, double *value);

#endif
