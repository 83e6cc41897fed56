/* Rows as suites/claims.json has them, with times whose verdicts are known. */
#ifndef ATTNBENCH_TESTS_SAMPLE_CLAIMS_H
#define ATTNBENCH_TESTS_SAMPLE_CLAIMS_H

#include "sample_results.h"

enum { CLAIM_ROWS_MAX = 160 };

/* What the times are made of; zero: not that sweep. */
struct made {
    double square_s, line_s; /* attention over n: square_s n^2, projections line_s n */
    double lstm_s, gru_s;    /* a step */
    double recurrence_power; /* 0: 1 */
    double additive;         /* times attention's time */
    double million_s;        /* a score */
    double heads_s;          /* of one head, its attention an eighth more for each other */
    double entropy_lost;     /* without the factor, each time that d_k doubles */
    double layer_at;         /* times the width: where attention overtakes the projections */
};

static inline struct row *made_row(struct results *results, struct problem problem,
                                   const char *variant, const char *sweep)
{
    struct row *row = results->rows + results->row_count++;
    assert_true(results->row_count <= CLAIM_ROWS_MAX);
    *row = sample_row(&results->arena, problem, variant, sweep);
    row->tuning.count = 0;
    return row;
}

/* Passes by their stages, which make the time. */
static inline void made_times(struct results *results, struct row *row, int count,
                              const char *const *stages, const double *times_s)
{
    double sum_s = 0;
    for (int i = 0; i < count; ++i)
        sum_s += times_s[i];
    sample_times(row, &results->arena, sum_s);
    row->passes.count = count;
    row->passes.items = arena_array(&results->arena, (size_t)count, sizeof *row->passes.items);
    for (int i = 0; i < count; ++i) {
        row->passes.items[i].kernel = stages[i];
        row->passes.items[i].median_s = times_s[i];
    }
}

static inline struct problem made_problem(enum op op, int64_t n, int64_t heads, int64_t width)
{
    struct problem problem = sample_problem(n, heads);
    problem.op = op;
    problem.d_model = op == OP_ATTENTION ? 0 : width;
    problem.d_k = problem.d_v = width / heads;
    problem.d_ff = op == OP_ENCODER_LAYER ? 4 * width : 0;
    problem.layout = op == OP_MHA || op == OP_ENCODER_LAYER ? LAYOUT_BNHD : LAYOUT_BHND;
    return problem;
}

static inline void made_over_n(struct results *results, const struct made *made)
{
    static const char *const heads[] = {"attention/fused", "project_q"};
    static const char *const steps[] = {"project_x", "recurrence"};
    static const char *const whole[] = {"scores"};
    const double power = made->recurrence_power > 0 ? made->recurrence_power : 1;
    for (int64_t n = 128; n <= 1024; n *= 2) {
        const double attention_s[] = {made->square_s * (double)(n * n), made->line_s * (double)n};
        const double cells_s[] = {made->gru_s, made->lstm_s};
        if (made->square_s > 0)
            made_times(results,
                       made_row(results, made_problem(OP_MHA, n, 8, 512), "fused",
                                "claims/attention-over-n"),
                       made->line_s > 0 ? 2 : 1, heads, attention_s);
        for (int cell = 0; cell < 2; ++cell) {
            struct problem problem = made_problem(OP_RNN, n, 1, 512);
            problem.rnn_cell = cell ? RNN_LSTM : RNN_GRU;
            const double time_s[] = {0, cells_s[cell] * pow((double)n, power)};
            if (time_s[1] > 0)
                made_times(results,
                           made_row(results, problem, "rnn_steps", "claims/recurrence-over-n"), 2,
                           steps, time_s);
        }
        const double additive_s = made->additive * (attention_s[0] + attention_s[1]);
        if (additive_s > 0 && n < 1024)
            made_times(results,
                       made_row(results, made_problem(OP_BAHDANAU, n, 1, 512), "additive",
                                "claims/additive-over-n"),
                       1, whole, &additive_s);
    }
}

static inline void made_scores(struct results *results, const struct made *made)
{
    static const char *const stages[] = {"attention/tiled", "project_q"};
    for (int v = 0; v < 4 && made->million_s > 0; ++v) {
        struct problem problem = made_problem(OP_ATTENTION, 1000, 8, 512);
        problem.mask = v % 2 ? MASK_CAUSAL : MASK_NONE;
        struct row *row =
            made_row(results, problem, v < 2 ? "naive" : "fused", "claims/million-scores");
        sample_times(row, &results->arena,
                     problem_pairs(&problem) * made->million_s * (v < 2 ? 8 : 1));
    }
    for (int64_t heads = 1; heads <= 32 && made->heads_s > 0; heads *= 2) {
        const double time_s[] = {made->heads_s * 0.25 * (1 + (double)(heads - 1) / 8),
                                 made->heads_s * 0.75};
        made_times(
            results,
            made_row(results, made_problem(OP_MHA, 256, heads, 768), "tiled", "claims/heads"), 2,
            stages, time_s);
    }
    for (int64_t d_k = 4; d_k <= 512 && made->entropy_lost > 0; d_k *= 2)
        for (int unscaled = 0; unscaled < 2; ++unscaled) {
            struct problem problem = made_problem(OP_ATTENTION, 256, 2, 2 * d_k);
            problem.returns = RETURNS_WEIGHTS;
            problem.scale = unscaled;
            struct row *row =
                made_row(results, problem, "tiled",
                         unscaled ? "claims/saturation-unscaled" : "claims/saturation");
            sample_times(row, &results->arena, 0x1p-10);
            const double lost = unscaled ? made->entropy_lost * log2((double)d_k / 2) : 0;
            row->check.weights_entropy = 5.125 - lost;
            row->check.weights_largest = 0.03125 + lost / 8;
        }
}

static inline void made_layers(struct results *results, const struct made *made)
{
    static const char *const stages[] = {"enter",          "project_q",  "attention/fused",
                                         "feed_forward_1", "activation", "norm_1"};
    static const struct {
        const char *sweep;
        int64_t heads, width, longest;
    } layers[] = {{"claims/layer-transformer-base", 8, 512, 4096},
                  {"claims/layer-bert-base", 12, 768, 512},
                  {"claims/layer-gpt-3", 96, 12288, 128}};
    for (int w = 0; w < 3 && made->layer_at > 0; ++w)
        for (int64_t n = 128; n <= layers[w].longest; n *= 2) {
            const double line = 0x1p-16 * (double)n,
                         square = line * (double)n / (made->layer_at * (double)layers[w].width);
            const double times_s[] = {line / 64, line, square, 2 * line, line / 16, line / 32};
            made_times(results,
                       made_row(results,
                                made_problem(OP_ENCODER_LAYER, n, layers[w].heads, layers[w].width),
                                "fused", layers[w].sweep),
                       6, stages, times_s);
        }
}

static inline void made_finish(struct results *results)
{
    for (int i = 0; i < results->row_count; ++i)
        if (results->rows[i].time.samples_s.count)
            row_rates(results->rows + i, results->devices);
    results->run.planned_cells = results->row_count;
    results_derive(results);
}

/* The header and device of sample_results with these rows. */
static inline struct results made_results(const struct made *made)
{
    static const char *const argv[] = {"attnbench", "run", "claims", "--budget", "5m"};
    struct results results = sample_results();
    results.rows = arena_array(&results.arena, CLAIM_ROWS_MAX, sizeof *results.rows);
    results.row_count = 0;
    results.run.argv = (struct text_list){5, argv};
    results.run.suite_name = "claims";
    made_over_n(&results, made);
    made_scores(&results, made);
    made_layers(&results, made);
    made_finish(&results);
    return results;
}

/* Everything holds that was measured far enough: attention crosses LSTM at n = 700. */
static const struct made MADE_TRUE = {.square_s = 0x1p-26,
                                      .lstm_s = 700 * 0x1p-26,
                                      .gru_s = 2800 * 0x1p-26,
                                      .additive = 4,
                                      .million_s = 0x1p-30,
                                      .heads_s = 0x1p-7,
                                      .entropy_lost = 0.5,
                                      .layer_at = 2};

#endif
