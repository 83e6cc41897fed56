#include "problem/operation.h"

#include "problem/expr.h"
#include "util/checked.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct op_tensor tensors[] = {
    {"x", NULL, {"batch", "n_q", "d_model"}, OPS_OTHER, VALUES_DATA},
    {"y",
     "op != 1 || cross", /* 1: mha */
     {"batch", "n_kv", "d_model"},
     OPS_MHA | OPS_DECODER | OPS_BAHDANAU,
     VALUES_DATA},
    {"w_q", NULL, {"layers", "d_model", "heads_q*d_k"}, OPS_HEADS, VALUES_WEIGHT},
    {"w_k", NULL, {"layers", "d_model", "heads_kv*d_k"}, OPS_HEADS, VALUES_WEIGHT},
    {"w_v", NULL, {"layers", "d_model", "heads_kv*d_v"}, OPS_HEADS, VALUES_WEIGHT},
    {"w_o", NULL, {"layers", "heads_q*d_v", "d_model"}, OPS_HEADS, VALUES_WEIGHT},
    {"b_q", "biases", {"layers", "heads_q*d_k"}, OPS_HEADS, VALUES_SHIFT},
    {"b_k", "biases", {"layers", "heads_kv*d_k"}, OPS_HEADS, VALUES_SHIFT},
    {"b_v", "biases", {"layers", "heads_kv*d_v"}, OPS_HEADS, VALUES_SHIFT},
    {"b_o", "biases", {"layers", "d_model"}, OPS_HEADS, VALUES_SHIFT},
    {"cross_w_q", NULL, {"layers", "d_model", "heads_q*d_k"}, OPS_DECODER, VALUES_WEIGHT},
    {"cross_w_k", NULL, {"layers", "d_model", "heads_kv*d_k"}, OPS_DECODER, VALUES_WEIGHT},
    {"cross_w_v", NULL, {"layers", "d_model", "heads_kv*d_v"}, OPS_DECODER, VALUES_WEIGHT},
    {"cross_w_o", NULL, {"layers", "heads_q*d_v", "d_model"}, OPS_DECODER, VALUES_WEIGHT},
    {"cross_b_q", "biases", {"layers", "heads_q*d_k"}, OPS_DECODER, VALUES_SHIFT},
    {"cross_b_k", "biases", {"layers", "heads_kv*d_k"}, OPS_DECODER, VALUES_SHIFT},
    {"cross_b_v", "biases", {"layers", "heads_kv*d_v"}, OPS_DECODER, VALUES_SHIFT},
    {"cross_b_o", "biases", {"layers", "d_model"}, OPS_DECODER, VALUES_SHIFT},
    {"w_1", NULL, {"layers", "d_model", "d_ff"}, OPS_LAYER, VALUES_WEIGHT},
    {"w_2", NULL, {"layers", "d_ff", "d_model"}, OPS_LAYER, VALUES_WEIGHT},
    {"b_1", "biases", {"layers", "d_ff"}, OPS_LAYER, VALUES_SHIFT},
    {"b_2", "biases", {"layers", "d_model"}, OPS_LAYER, VALUES_SHIFT},
    {"gain_1", NULL, {"layers", "d_model"}, OPS_LAYER, VALUES_GAIN},
    {"gain_2", NULL, {"layers", "d_model"}, OPS_LAYER, VALUES_GAIN},
    {"gain_3", NULL, {"layers", "d_model"}, OPS_DECODER, VALUES_GAIN},
    {"shift_1", NULL, {"layers", "d_model"}, OPS_LAYER, VALUES_SHIFT},
    {"shift_2", NULL, {"layers", "d_model"}, OPS_LAYER, VALUES_SHIFT},
    {"shift_3", NULL, {"layers", "d_model"}, OPS_DECODER, VALUES_SHIFT},
    {"positions", "position == 2", {"n_q", "d_model"}, OPS_HEADS, VALUES_DATA},
    {"distances", "position == 3", {"heads_q", "2*relative_clip+1"}, OPS_HEADS, VALUES_DATA},
    {"w_x", NULL, {"d_model", "gates*d_model"}, OPS_RNN, VALUES_WEIGHT},
    {"w_h", NULL, {"d_model", "gates*d_model"}, OPS_RNN, VALUES_WEIGHT},
    {"b_x", NULL, {"gates*d_model"}, OPS_RNN, VALUES_SHIFT},
    {"b_h", NULL, {"gates*d_model"}, OPS_RNN, VALUES_SHIFT},
    {"w_a", NULL, {"d_model", "d_k"}, OPS_BAHDANAU, VALUES_WEIGHT},
    {"u_a", NULL, {"d_model", "d_k"}, OPS_BAHDANAU, VALUES_WEIGHT},
    {"v_a", NULL, {"d_k"}, OPS_BAHDANAU, VALUES_DATA},
};
enum { TENSORS = sizeof tensors / sizeof *tensors };
_Static_assert((int)TENSORS <= (int)OP_TENSORS_MAX, "OP_TENSORS_MAX");

int operation_tensor_count(void)
{
    return TENSORS;
}

const struct op_tensor *operation_tensor(int index)
{
    return &tensors[index];
}

int operation_tensor_find(const char *name)
{
    for (int t = 0; t < TENSORS; ++t)
        if (strcmp(tensors[t].name, name) == 0)
            return t;
    return -1;
}

static bool look_up(const void *context, const char *name, double *value)
{
    return problem_value(context, name, value);
}

int64_t operation_tensor_size(const struct problem *problem, int index, int64_t dims[4])
{
    const struct op_tensor *tensor = &tensors[index];
    double present = 1;
    int64_t count = 1;
    if (!(tensor->ops & 1U << problem->op) ||
        (tensor->when && expr_eval(tensor->when, look_up, problem, &present, NULL)) || present == 0)
        return 0;
    for (int d = 0; d < 4; ++d) {
        double size = 1;
        if (tensor->dims[d] && expr_eval(tensor->dims[d], look_up, problem, &size, NULL))
            return 0; /* the table's expressions are right */
        const int64_t whole = size < 0x1p62 ? (int64_t)size : SIZE_LIMIT;
        count = size_times(count, whole);
        if (dims)
            dims[d] = whole;
    }
    return count;
}

/* ---- the attention inside -------------------------------------------------------------------- */

struct problem operation_attention(const struct problem *problem, enum attention_over over)
{
    enum { ONE_BIAS_A_HEAD = 1 }; /* index of "1hqk" among the bias shapes */
    struct problem part = problem_default();
    part.batch = problem->batch;
    part.heads_q = problem->heads_q;
    part.heads_kv = problem->heads_kv;
    part.n_q = problem->n_q;
    part.n_kv = problem->n_kv;
    part.d_k = problem->d_k;
    part.d_v = problem->d_v;
    part.dtype = problem->dtype;
    part.layout = problem->layout;
    part.scale = problem->scale;
    part.kv_lengths = problem->kv_lengths;
    if (problem->op == OP_DECODER_LAYER && over == OVER_CROSS)
        return part; /* the mask and positions are those of the decoder's own sequence */
    if (problem->op == OP_DECODER_LAYER) {
        part.n_kv = problem->n_q;
        part.kv_lengths = NULL;
    }
    if (problem->position == POSITION_ROPE_IN_LOAD) { /* the frame does the others */
        part.position = problem->position;
        part.rope_base = problem->rope_base;
        part.rope_fraction = problem->rope_fraction;
    }
    part.mask = problem->mask;
    part.causal_offset = problem->causal_offset;
    part.window_left = problem->window_left;
    part.window_right = problem->window_right;
    part.bias = problem->position == POSITION_RELATIVE ? BIAS_FLOAT : problem->bias;
    part.bias_shape = problem->position == POSITION_RELATIVE ? ONE_BIAS_A_HEAD : 0;
    return part;
}

/* ---- work ------------------------------------------------------------------------------------ */

static double stacked(const struct problem *problem)
{
    return problem->layers > 1 ? (double)problem->layers : 1;
}

/* Four projections and what they enclose. */
static double heads_flops(const struct problem *problem, enum attention_over over)
{
    const struct problem part = operation_attention(problem, over);
    const double q_rows = (double)part.batch * (double)part.n_q;
    const double kv_rows = (double)part.batch * (double)part.n_kv;
    const double q_width = (double)part.heads_q * (double)(part.d_k + part.d_v);
    const double kv_width = (double)part.heads_kv * (double)(part.d_k + part.d_v);
    return 2 * (double)problem->d_model * (q_rows * q_width + kv_rows * kv_width) +
           problem_flops(&part);
}

double operation_flops(const struct problem *problem)
{
    const double d = (double)problem->d_model, middle = (double)problem->d_k;
    const double q_rows = (double)problem->batch * (double)problem->n_q;
    const double kv_rows = (double)problem->batch * (double)problem->n_kv;
    const double feed_forward = 4 * q_rows * d * (double)problem->d_ff;
    double gates = 1;
    switch ((enum op)problem->op) {
    case OP_MHA:
        return heads_flops(problem, OVER_SELF);
    case OP_ENCODER_LAYER:
        return stacked(problem) * (heads_flops(problem, OVER_SELF) + feed_forward);
    case OP_DECODER_LAYER:
        return stacked(problem) *
               (heads_flops(problem, OVER_SELF) + heads_flops(problem, OVER_CROSS) + feed_forward);
    case OP_RNN:
        operation_value(problem, "gates", &gates);
        return 4 * q_rows * d * gates * d;
    case OP_BAHDANAU: /* the sum, tanh and product of each element in the middle count as three */
        return 2 * (q_rows + kv_rows) * d * middle +
               q_rows * (double)problem->n_kv * (3 * middle + 2 * d);
    case OP_ATTENTION:
    case OPS:
        break;
    }
    return 0;
}

double operation_unsampled_flops(const struct problem *problem)
{
    const double flops = operation_flops(problem), layers = stacked(problem);
    const double kv_width = (double)problem->heads_kv * (double)(problem->d_k + problem->d_v);
    const double kv_rows = (double)problem->batch * (double)problem->n_kv;
    if (problem->op == OP_RNN || problem->op == OP_BAHDANAU)
        return flops;
    return flops * (layers - 1) / layers + 2 * (double)problem->d_model * kv_rows * kv_width;
}

double operation_bytes(const struct problem *problem)
{
    double elements = (double)problem_sizes(problem).o;
    for (int t = 0; t < TENSORS; ++t)
        elements += (double)operation_tensor_size(problem, t, NULL);
    return elements * (double)dtype_bytes((enum dtype)problem->dtype);
}

double operation_pairs(const struct problem *problem)
{
    if (problem->op == OP_RNN)
        return 0;
    const struct problem self = operation_attention(problem, OVER_SELF);
    const struct problem cross = operation_attention(problem, OVER_CROSS);
    const double more = problem->op == OP_DECODER_LAYER ? problem_pairs(&cross) : 0;
    return stacked(problem) * (problem_pairs(&self) + more);
}

/* ---- for problem.c --------------------------------------------------------------------------- */

int operation_spread(struct problem *problem, struct err *err)
{
    if (problem->op == OP_ATTENTION)
        return 0;
    const bool heads = (OPS_HEADS & 1U << problem->op) != 0;
    if (!problem->d_k && !problem->d_model)
        return err_set(err, "neither \"d_model\" nor \"d_k\" is set; give one among the defaults "
                            "or the axes");
    if (!problem->d_k && heads && problem->d_model % problem->heads_q)
        return err_set(err, "d_model = %" PRId64 " is no multiple of heads_q = %" PRId64,
                       problem->d_model, problem->heads_q);
    if (!problem->d_k)
        problem->d_k = heads ? problem->d_model / problem->heads_q : problem->d_model;
    if (!problem->d_model)
        problem->d_model = problem->heads_q * problem->d_k;
    if ((OPS_LAYER & 1U << problem->op) && !problem->d_ff)
        problem->d_ff = 4 * problem->d_model;
    if (problem->position == POSITION_RELATIVE && !problem->relative_clip)
        problem->relative_clip = 16;
    if (problem->layers == 1) /* one id for one problem */
        problem->layers = 0;
    return 0;
}

static int check_heads(const struct problem *problem, struct err *err)
{
    const bool self = problem->op == OP_ENCODER_LAYER || (problem->op == OP_MHA && !problem->cross);
    if (self && problem->n_q != problem->n_kv)
        return err_set(err,
                       "n_q = %" PRId64 " and n_kv = %" PRId64 " differ, but a sequence "
                       "attends to itself%s",
                       problem->n_q, problem->n_kv,
                       problem->op == OP_MHA ? " (\"cross\": true has a second one)" : "");
    if (problem->position == POSITION_RELATIVE && problem->bias != BIAS_NONE)
        return err_set(err, "position=relative is a bias itself and excludes another one");
    if (problem_has_rope(problem) && problem->cross)
        return err_set(err, "rotated positions need one sequence, cross has two");
    if (problem->position != POSITION_RELATIVE && problem->relative_clip)
        return err_set(err, "\"relative_clip\" needs position=relative");
    if (!problem_has_rope(problem) && (problem->rope_base > 0 || problem->rope_fraction > 0))
        return err_set(err, "\"rope_base\" and \"rope_fraction\" need position=rope");
    return 0;
}

int operation_check(struct problem *problem, struct err *err)
{
    static const char *const absent[] = {"softcap", "sink", "returns", "bias_shape", NULL};
    const double limit = 1e13;
    if (problem->op == OP_ATTENTION)
        return 0;
    for (int i = 0; absent[i]; ++i)
        if (!problem_is_default(problem, absent[i]))
            return err_set(err, "\"%s\" is no key of the operation %s", absent[i],
                           op_name((enum op)problem->op));
    if (problem->bias == BIAS_FLOAT || problem->bias == BIAS_BOOL)
        return err_set(err, "bias=%s is for the operation attention; here are none and alibi",
                       problem_enum_name(problem, "bias"));
    if (problem->op == OP_RNN || problem->op == OP_BAHDANAU) {
        if (problem->heads_q != 1 || problem->heads_kv != 1 || problem->mask != MASK_NONE ||
            problem->bias != BIAS_NONE || problem->kv_lengths)
            return err_set(err, "the operation %s has no heads, masks, biases or padding",
                           op_name((enum op)problem->op));
        if (problem->op == OP_RNN && problem->n_q != problem->n_kv)
            return err_set(err, "n_q and n_kv differ, but a recurrence has one length; give \"n\"");
    } else if (check_heads(problem, err)) {
        return -1;
    }
    if (operation_bytes(problem) > limit)
        return err_set(err, "the problem is too large: more than %g bytes", limit);
    return 0;
}

bool operation_value(const struct problem *problem, const char *name, double *value)
{
    static const double gates[] = {[RNN_ELMAN] = 1, [RNN_GRU] = 3, [RNN_LSTM] = 4};
    const double fraction = problem->rope_fraction > 0 ? problem->rope_fraction : 1;
    if (!strchr("lgr", name[0])) /* plans ask often, mostly for others */
        return false;
    if (strcmp(name, "layers") == 0)
        *value = stacked(problem);
    else if (strcmp(name, "gates") == 0)
        *value = gates[problem->rnn_cell];
    else if (strcmp(name, "rope_base") == 0)
        *value = problem->rope_base > 0 ? problem->rope_base : 10000;
    else if (strcmp(name, "rope_pairs") == 0)
        *value = floor((double)problem->d_k * fraction / 2);
    else
        return false;
    return true;
}
