/* A problem: one attention computation, or one operation around it, described by the keys of the
 * suite file.
 *
 * One table (problem.c) names every key with its type, limits and default; it feeds suite files,
 * cell ids, results files and --set. What operations beside attention consist of stands in
 * operation.h. Attention is defined as in "Attention Is All You Need"
 * (Vaswani et al., 2017), softmax(scale Q K^T) V, with the grouped heads of Ainslie et al. (2023):
 * query head h reads key/value head h / (heads_q / heads_kv). */
#ifndef ATTNBENCH_PROBLEM_PROBLEM_H
#define ATTNBENCH_PROBLEM_PROBLEM_H

#include "util/arena.h"
#include "util/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum op { OP_ATTENTION, OP_MHA, OP_ENCODER_LAYER, OP_DECODER_LAYER, OP_RNN, OP_BAHDANAU, OPS };
enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16 };
enum layout { LAYOUT_BHND, LAYOUT_BNHD };
enum mask { MASK_NONE, MASK_CAUSAL, MASK_WINDOW, MASK_CAUSAL_WINDOW };
enum bias { BIAS_NONE, BIAS_FLOAT, BIAS_BOOL, BIAS_ALIBI };
/* A second output beside o: [batch, heads_q, n_q, n_kv] in f32. */
enum returns { RETURNS_NONE, RETURNS_WEIGHTS, RETURNS_SCORES };

/* Who multiplies matrices in an operation: our kernel, or the library. */
enum gemm_by { GEMM_OWN, GEMM_CLBLAST };
enum norm { NORM_POST, NORM_PRE };
enum activation { ACTIVATION_RELU, ACTIVATION_GELU };
enum position {
    POSITION_NONE,
    POSITION_SINUSOIDAL,
    POSITION_LEARNED,
    POSITION_RELATIVE,
    POSITION_ROPE,
    POSITION_ROPE_IN_LOAD /* the same, done by the attention variant where it loads q and k */
};
enum rnn_cell { RNN_ELMAN, RNN_GRU, RNN_LSTM };
/* How work is handed to the device: each launch is waited for, or many are in flight and the last
 * is waited for; timed by the device's events, or by the host's clock alone; q, k, v and o in the
 * device's own memory, or in the host's. Kernels need not know. */
enum queue { QUEUE_WAIT, QUEUE_STREAM };
enum profiling { PROFILING_ON, PROFILING_OFF };
enum memory_place { MEMORY_DEVICE, MEMORY_HOST };

/* causal_offset: the default, n_kv - n_q (bottom-right aligned). */
#define CAUSAL_OFFSET_AUTO INT64_MIN
/* window_left, window_right: no limit on that side. */
#define WINDOW_UNLIMITED (-1)

enum {
    PROBLEM_MAX_SIZE = 1 << 30,     /* of any one dimension */
    PROBLEM_MAX_LAYERS = 256,       /* stacked */
    PROBLEM_MAX_HEAD = 4096,        /* of d_k and d_v */
    PROBLEM_MAX_LENGTHS = 1024,     /* of kv_lengths; they are part of a cell's id */
    PROBLEM_MAX_MASK_ROWS = 1 << 25 /* of a drawn boolean mask, whose keys are counted by row */
};

/* Shapes (bhnd): q [batch, heads_q, n_q, d_k], k [batch, heads_kv, n_kv, d_k],
 * v [batch, heads_kv, n_kv, d_v], o [batch, heads_q, n_q, d_v]. */
struct problem {
    int64_t op;
    int64_t batch, heads_q, heads_kv, n_q, n_kv, d_k, d_v;
    int64_t dtype, layout, mask; /* enum values, stored wide so that one table reaches all keys */
    int64_t causal_offset, window_left, window_right;
    int64_t bias;
    const int64_t *kv_lengths; /* batch values, or NULL: no padding; owned by an arena */
    double softcap;            /* 0: none */
    int64_t sink;              /* bool */
    double scale;              /* 0: 1 / sqrt(d_k) */
    int64_t bias_shape;        /* index into the shapes of bias_dims */
    int64_t returns;
    /* Of the other operations; 0 in attention. */
    int64_t d_model, d_ff, layers, biases, cross, gemm, layer_norm, activation;
    int64_t position, relative_clip;
    double rope_base, rope_fraction; /* 0: 10000, and all of d_k */
    int64_t rnn_cell;
    int64_t queue, profiling, memory; /* the last: problem_is_handover */
    uint64_t given;                   /* which keys were set explicitly; internal to problem.c */
};

/* All defaults; n_q, n_kv, d_k and d_v have none and must be set. */
struct problem problem_default(void);

/* Sets one key (or a shorthand: n, heads) from a JSON value. The message says what was expected.
 * Lists are copied to the arena. */
int problem_set(struct problem *problem, const char *name, const cJSON *value, struct arena *arena,
                struct err *err);

/* The same, but a shorthand also replaces keys that were given themselves (--set n=64). */
int problem_override(struct problem *problem, const char *name, const cJSON *value,
                     struct arena *arena, struct err *err);

/* After the last problem_set: spreads the shorthands (n to n_q and n_kv, heads to heads_q and
 * heads_kv, d_k to d_v, each unless given) and checks what keys demand of one another. */
int problem_resolve(struct problem *problem, struct err *err);

bool problem_is_key(const char *name); /* a key or a shorthand */
bool problem_is_shorthand(const char *name);
bool problem_is_handover(const char *name); /* queue, profiling, memory */
/* NULL-terminated: every key and shorthand, for messages. */
const char *const *problem_keys(void);

/* "attention(heads_q=8,heads_kv=8,n_q=64,n_kv=64,d_k=64,d_v=64,mask=causal)": op and every key that
 * differs from its default, in the table's order. */
char *problem_id(const struct problem *problem, struct arena *arena);

/* An object with every key that differs from its default; problem_from_json reads it back. */
cJSON *problem_to_json(const struct problem *problem);
int problem_from_json(struct problem *problem, const cJSON *object, struct arena *arena,
                      struct err *err);

/* The value of a key as a number for size expressions (enums and bools as their index, "scale" as
 * problem_scale); false for an unknown name. Also: dtype_bytes, and pairs, those of one head. */
bool problem_value(const struct problem *problem, const char *name, double *value);
/* The enum value's name, such as "causal"; for keys that are not enums, NULL. */
const char *problem_enum_name(const struct problem *problem, const char *name);
/* True when the key has its default value (for kv_lengths: absent). */
bool problem_is_default(const struct problem *problem, const char *name);

double problem_scale(const struct problem *problem);
int64_t problem_causal_offset(const struct problem *problem);
int64_t dtype_bytes(enum dtype dtype);
const char *dtype_name(enum dtype dtype);

/* Keys that row i of a batch sees by mask, window and padding: first <= j < end. The range is empty
 * (first == end) for a row that is masked entirely. A boolean mask hides more of them. */
void problem_visible_keys(const struct problem *problem, int64_t batch, int64_t row, int64_t *first,
                          int64_t *end);

bool problem_has_rope(const struct problem *problem);

/* "mha" */
const char *op_name(enum op op);

/* A float or bool bias is stored as [batch or 1, heads_q or 1, n_q or 1, n_kv or 1]. */
enum bias_dim { BIAS_BATCH, BIAS_HEAD, BIAS_ROW, BIAS_KEY, BIAS_DIMS };
struct bias_dims {
    bool full[BIAS_DIMS]; /* false: size 1, the same for all */
    int64_t size[BIAS_DIMS];
    int64_t count; /* the product of the sizes */
};
struct bias_dims problem_bias_dims(const struct problem *problem);
/* Index of the bias that applies to (b, h, i, j). */
int64_t bias_index(const struct bias_dims *dims, int64_t batch, int64_t head, int64_t row,
                   int64_t key);

/* The generated boolean mask: about a quarter of a row's keys is hidden, every fourth from a phase
 * that is drawn for each row, and one row in 64 hides all; so that pairs can be counted exactly
 * without looking at every one. Shapes that are 1 along the keys hide a quarter of the rows. */
bool problem_mask_keeps(const struct problem *problem, int64_t batch, int64_t head, int64_t row,
                        int64_t key);

/* The slope of ALiBi for a head (Press et al. 2022): 2^(-8 (h + 1) / heads) when heads is a power
 * of two; otherwise those of the next smaller power of two, then every other one of the next
 * larger. */
double alibi_slope(int64_t head, int64_t heads);

/* Unmasked (query, key) pairs of all query heads and batch entries: by mask, window, padding and
 * boolean mask. A float bias hides nothing: no kernel can skip it without reading it. */
double problem_pairs(const struct problem *problem);
/* 2 * pairs * (d_k + d_v): multiply and add count as two. Of the other operations
 * operation_flops. */
double problem_flops(const struct problem *problem);
/* Each input read once, the output written once. */
double problem_bytes(const struct problem *problem);

/* Elements of q, k, v, o; of the other operations o alone, their inputs are operation_tensors. */
struct problem_sizes {
    int64_t q, k, v, o;
};
struct problem_sizes problem_sizes(const struct problem *problem);
/* Columns of o: d_v, of the other operations d_model. */
int64_t problem_columns(const struct problem *problem);
/* batch * heads_q * n_q * n_kv: scores, masked ones too. */
int64_t problem_scores(const struct problem *problem);

#endif
