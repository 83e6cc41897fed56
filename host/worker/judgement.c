#include "worker/judgement.h"

#include "verify/operation_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A full check of a problem up to this many operations costs the reference a second or two on a
 * small machine; beyond it rows are sampled. */
static const double reference_flops = 2e9;

void judgement_drop(struct judgement *judgement)
{
    free(judgement->want);
    free(judgement->magnitude);
    free(judgement->score_size);
    free(judgement->want_scores);
    arena_free(&judgement->arena);
    *judgement = (struct judgement){0};
}

static int make_reference(struct judgement *j, const struct judged *judged, enum check_mode mode)
{
    const struct problem *problem = judged->problem;
    if (j->want && (mode == j->mode || mode == CHECK_AUTO))
        return 0;
    judgement_drop(j);
    const bool attention = problem->op == OP_ATTENTION;
    const double flops = reference_flops / (attention ? 1 : REFERENCE_RUNS);
    j->rows = verdict_rows(problem, &mode, judged->seed, flops, &j->arena, &j->row_count);
    j->mode = mode;
    const size_t rows = (size_t)j->row_count;
    const size_t values = rows * (size_t)problem_columns(problem);
    j->want = malloc((values + 1) * sizeof *j->want);
    j->magnitude = malloc((values + 1) * sizeof *j->magnitude);
    j->score_size = malloc((rows + 1) * sizeof *j->score_size);
    if (judged->scores)
        j->want_scores = malloc(rows * (size_t)problem->n_kv * sizeof *j->want_scores);
    if (!j->want || !j->magnitude || !j->score_size || (judged->scores && !j->want_scores)) {
        judgement_drop(j);
        return -1;
    }
    memset(j->score_size, 0, (rows + 1) * sizeof *j->score_size);
    if (attention)
        reference_attention(problem, judged->inputs, j->rows, j->row_count, j->want, j->magnitude,
                            j->score_size);
    else
        reference_operation(problem, judged->inputs, j->rows, j->row_count, j->want, j->magnitude);
    if (judged->scores)
        reference_scores(problem, judged->inputs, j->rows, j->row_count, j->want_scores);
    return 0;
}

/* Against what the user's case expects, instead of the reference. */
static void judge_expectation(const struct test_case *test_case, const char *what, const float *got,
                              const double *want, int64_t count, struct verdict *verdict)
{
    const struct closeness c = test_case_compare(test_case, got, want, count);
    verdict->max_abs_err = fmax(verdict->max_abs_err, c.max_abs_err);
    verdict->max_rel_err = fmax(verdict->max_rel_err, c.max_rel_err);
    if (c.close)
        return;
    verdict->ok = false;
    snprintf(verdict->reason, sizeof verdict->reason,
             "%lld of %lld values are not close to %s, worst at %lld: got %.9g, wanted %.9g "
             "(rtol %g, atol %g)",
             (long long)c.far, (long long)count, what, (long long)c.worst, (double)got[c.worst],
             want[c.worst], test_case->rtol, test_case->atol);
}

int judgement_make(struct judgement *j, const struct judged *judged, enum check_mode mode,
                   struct verdict *verdict)
{
    const struct problem *problem = judged->problem;
    const struct test_case *c = judged->test_case;
    if (make_reference(j, judged, mode))
        return -1;
    if (c && c->expect) {
        const int64_t count = problem_sizes(problem).o;
        *verdict = (struct verdict){.ok = true,
                                    .rows_checked = count / problem_columns(problem),
                                    .nmse = NAN,
                                    .tolerance = NAN,
                                    .err_over_tolerance = NAN};
        judge_expectation(c, "expect.npy", judged->output, c->expect, count, verdict);
    } else {
        verdict_judge(problem, j->rows, j->row_count, j->want, j->magnitude, j->score_size,
                      judged->output, verdict);
    }
    if (!verdict->ok || !judged->scores)
        return 0;
    if (c && c->expect_weights && problem->returns == RETURNS_WEIGHTS)
        judge_expectation(c, "expect_weights.npy", judged->scores, c->expect_weights,
                          problem_scores(problem), verdict);
    else
        verdict_judge_scores(problem, j->rows, j->row_count, j->want_scores, j->score_size,
                             judged->scores, verdict);
    return 0;
}
