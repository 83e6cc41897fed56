/* Other inputs with a known output: signs that change so that the output's do, to the last bit. */
#include "problem/operation.h"

#include <string.h>

enum flip {
    FLIP_NONE,
    FLIP_ALL,
    FLIP_LAST_LAYER,
    FLIP_GATES,    /* the columns of gates that a sigmoid closes */
    FLIP_CANDIDATE /* the columns of what goes through tanh */
};

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; ++list)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* Elman's h is odd in x and its biases. In GRU and LSTM the state is, once the gates' weights
 * follow x and h, so that the gates stay. Post-norm ends with the last LayerNorm's gain and shift.
 * Pre-norm is a sum of x and of what its parts add: each LayerNorm sees -h, and gives what it gave
 * with the gain negated; each part's last product negates what it adds. */
static enum flip flip_of(const struct problem *problem, const char *name)
{
    static const char *const heads[] = {"w_o", "b_o", NULL};
    static const char *const additive[] = {"y", "u_a", NULL};
    static const char *const pre[] = {"x",         "positions", "w_o",    "b_o",
                                      "cross_w_o", "cross_b_o", "w_2",    "b_2",
                                      "gain_1",    "gain_2",    "gain_3", NULL};
    static const char *const encoder[] = {"gain_2", "shift_2", NULL};
    static const char *const decoder[] = {"gain_3", "shift_3", NULL};
    switch ((enum op)problem->op) {
    case OP_MHA:
        return is_one_of(name, heads) ? FLIP_ALL : FLIP_NONE;
    case OP_BAHDANAU:
        return is_one_of(name, additive) ? FLIP_ALL : FLIP_NONE;
    case OP_ENCODER_LAYER:
    case OP_DECODER_LAYER:
        if (problem->layer_norm == NORM_PRE)
            return is_one_of(name, pre) ? FLIP_ALL : FLIP_NONE;
        return is_one_of(name, problem->op == OP_ENCODER_LAYER ? encoder : decoder)
                   ? FLIP_LAST_LAYER
                   : FLIP_NONE;
    case OP_RNN:
        if (strcmp(name, "x") == 0)
            return FLIP_ALL;
        return name[0] == 'b' ? FLIP_CANDIDATE : FLIP_GATES;
    case OP_ATTENTION:
    case OPS:
        break;
    }
    return FLIP_NONE;
}

bool operation_can_flip(const struct problem *problem)
{
    const bool pre = (OPS_LAYER & 1U << problem->op) && problem->layer_norm == NORM_PRE;
    return !(pre && problem->position == POSITION_SINUSOIDAL); /* the kernels make those */
}

bool operation_flips(const struct problem *problem, int tensor)
{
    return flip_of(problem, operation_tensor(tensor)->name) != FLIP_NONE;
}

void operation_flip(const struct problem *problem, int tensor, const float *values, float *flipped)
{
    const int64_t count = operation_tensor_size(problem, tensor, NULL);
    const int64_t layers = problem->layers > 1 ? problem->layers : 1;
    const int64_t candidate = problem->rnn_cell == RNN_ELMAN ? 0 : 2;
    double gates = 1;
    operation_value(problem, "gates", &gates);
    const enum flip flip = flip_of(problem, operation_tensor(tensor)->name);
    for (int64_t i = 0; i < count; ++i) {
        const int64_t gate = i / problem->d_model % (int64_t)gates;
        const bool changes = flip == FLIP_ALL ||
                             (flip == FLIP_LAST_LAYER && i >= count / layers * (layers - 1)) ||
                             (flip == FLIP_GATES && gate != candidate) ||
                             (flip == FLIP_CANDIDATE && gate == candidate);
        flipped[i] = changes ? -values[i] : values[i];
    }
}
