#include "verify/operation_reference.h"

#include "verify/inputs.h"
#include "verify/reference_run.h"

#include <math.h>

static void compute(const struct reference_run *run, double *output)
{
    switch ((enum op)run->problem->op) {
    case OP_MHA:
        reference_mha(run, output);
        break;
    case OP_ENCODER_LAYER:
    case OP_DECODER_LAYER:
        reference_layers(run, output);
        break;
    case OP_RNN:
        reference_rnn(run, output);
        break;
    case OP_BAHDANAU:
        reference_bahdanau(run, output);
        break;
    case OP_ATTENTION:
    case OPS:
        break;
    }
}

/* The rounding of the output itself is the verdict's: an error that is spread over a row is told
 * from what one noisy outcome has more than another. */
static void add_spread(const double *exact, const double *noisy, int64_t columns, double *variance)
{
    double squares = 0;
    for (int64_t c = 0; c < columns; c++)
        squares += (noisy[c] - exact[c]) * (noisy[c] - exact[c]);
    *variance += squares / (double)columns / REFERENCE_DRAWS;
}

void reference_operation(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output)
{
    struct arena arena = {0};
    const struct reference_run run = {problem, inputs, rows, row_count, NULL, &arena};
    compute(&run, output);
    arena_free(&arena);
}

/* Of two noisy outcomes one alone may be near the exact one by chance: a row's variance is at least
 * the mean of all rows'. */
static void model_rows(const struct problem *problem, const double *of_rows, struct expected *out)
{
    static const double freedom = 16; /* stages mix the columns of a row */
    double mean = 0;
    for (int64_t r = 0; r < out->rows; r++)
        mean += of_rows[r] / (double)out->rows;
    for (int64_t r = 0; r < out->rows; r++) {
        struct row_model *model = &out->models[r];
        *model = (struct row_model){.freedom = freedom,
                                    .floor = error_floor((enum dtype)problem->dtype, 1),
                                    .judged = true};
        for (int64_t c = 0; c < out->columns; c++) {
            out->variance[r * out->columns + c] = fmax(of_rows[r], mean);
            out->coarse[r * out->columns + c] = 0;
            model->size += out->want[r * out->columns + c] * out->want[r * out->columns + c];
        }
    }
}

void reference_operation_expected(const struct problem *problem,
                                  const struct attention_inputs *inputs, const row_index *rows,
                                  int64_t row_count, struct expected *expected)
{
    static const double storage[] = {
        [DTYPE_F32] = 0x1p-24, [DTYPE_F16] = 0x1p-11, [DTYPE_BF16] = 0x1p-8};
    const int64_t columns = problem->d_model;
    struct arena sums = {0}, arena = {0};
    double *variance = arena_array(&sums, (size_t)row_count + 1, sizeof *variance);
    reference_operation(problem, inputs, rows, row_count, expected->want);
    for (uint64_t draw = 0; draw < REFERENCE_DRAWS; draw++) {
        struct noise noise = {.seed = inputs_hash(2017, draw), .storage = storage[problem->dtype]};
        const struct reference_run run = {problem, inputs, rows, row_count, &noise, &arena};
        double *noisy = arena_array(&arena, (size_t)(row_count * columns) + 1, sizeof *noisy);
        compute(&run, noisy);
        for (int64_t r = 0; r < row_count; r++)
            add_spread(expected->want + r * columns, noisy + r * columns, columns, &variance[r]);
        arena_free(&arena);
    }
    model_rows(problem, variance, expected);
    arena_free(&sums);
}
