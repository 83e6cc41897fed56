#include "worker/judgement.h"

#include "verify/operation_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A full check of a problem up to this many operations costs the reference a fraction of a second
 * on a small machine; beyond it rows are sampled. Of the other inputs fewer rows will do. */
static const double reference_flops = 2e9, other_flops = 5e8;

void judgement_drop(struct judgement *judgement)
{
    expected_free(&judgement->expected);
    free(judgement->want_scores);
    free(judgement->covered);
    arena_free(&judgement->arena);
    *judgement = (struct judgement){0};
}

int64_t judgement_rows(const struct problem *problem, uint64_t seed, double flops)
{
    struct arena arena = {0};
    enum check_mode mode = CHECK_AUTO;
    int64_t count = 0;
    verdict_rows(problem, &mode, seed, flops, &arena, &count);
    arena_free(&arena);
    return count;
}

static void find_keys(struct judgement *j, const struct problem *problem)
{
    j->first_key = problem->n_kv;
    for (int64_t b = 0; b < problem->batch; b++)
        for (int64_t i = 0; i < problem->n_q; i++) {
            int64_t first, end;
            problem_visible_keys(problem, b, i, &first, &end);
            if (first >= end)
                continue;
            j->first_key = first < j->first_key ? first : j->first_key;
            j->end_key = end > j->end_key ? end : j->end_key;
        }
}

static int make_reference(struct judgement *j, const struct judged *judged, enum check_mode mode)
{
    const struct problem *problem = judged->problem;
    if (j->expected.want && (mode == j->mode || mode == CHECK_AUTO))
        return 0;
    judgement_drop(j);
    const bool attention = problem->op == OP_ATTENTION;
    const double flops = judged->other ? other_flops : reference_flops;
    int64_t rows = 0;
    if (judged->other && mode == CHECK_FULL)
        mode = CHECK_AUTO;
    j->rows = verdict_rows(problem, &mode, judged->seed, flops / (attention ? 1 : REFERENCE_RUNS),
                           &j->arena, &rows);
    j->mode = mode;
    if (judged->scores)
        j->want_scores =
            malloc(((size_t)rows + 1) * (size_t)problem->n_kv * sizeof *j->want_scores);
    if (attention)
        j->covered = calloc((size_t)problem->n_kv, 1);
    if (expected_alloc(&j->expected, rows, problem_columns(problem)) ||
        (judged->scores && !j->want_scores) || (attention && !j->covered)) {
        judgement_drop(j);
        return -1;
    }
    if (attention)
        reference_expected(problem, judged->inputs, j->rows, rows, &j->expected, j->covered);
    else
        reference_operation_expected(problem, judged->inputs, j->rows, rows, &j->expected);
    if (attention)
        find_keys(j, problem);
    if (judged->scores)
        reference_scores(problem, judged->inputs, j->rows, rows, j->want_scores);
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

/* The case's expectation takes the place of what the reference wants: its errors are as small. */
static void expect_instead(struct judgement *j, const struct problem *problem,
                           const struct test_case *c)
{
    const struct problem view = verdict_view(problem);
    const int64_t columns = j->expected.columns;
    for (int64_t r = 0; r < j->expected.rows; r++)
        memcpy(j->expected.want + r * columns, c->expect + row_offset(&view, j->rows[r], columns),
               (size_t)columns * sizeof(double));
}

int judgement_make(struct judgement *j, const struct judged *judged, enum check_mode mode,
                   struct verdict *verdict)
{
    const struct problem *problem = judged->problem;
    const struct test_case *c = judged->test_case;
    const bool expected = c && c->expect, fresh = !j->expected.want;
    if (make_reference(j, judged, expected ? CHECK_FULL : mode))
        return -1;
    if (expected && !c->tolerance_given && fresh)
        expect_instead(j, problem, c);
    verdict_judge(problem, judged->precision, j->rows, &j->expected, judged->output, verdict);
    if (expected && c->tolerance_given) { /* the scales are told, and do not decide */
        verdict->ok = true;
        verdict->max_abs_err = verdict->max_rel_err = 0;
        judge_expectation(c, "expect.npy", judged->output, c->expect, problem_sizes(problem).o,
                          verdict);
    } else if (expected && !verdict->ok) {
        const size_t length = strlen(verdict->reason);
        snprintf(verdict->reason + length, sizeof verdict->reason - length,
                 "; \"rtol\" and \"atol\" in case.json say what is close enough");
    }
    if (!verdict->ok || !judged->scores)
        return 0;
    if (c && c->expect_weights && problem->returns == RETURNS_WEIGHTS)
        judge_expectation(c, "expect_weights.npy", judged->scores, c->expect_weights,
                          problem_scores(problem), verdict);
    else
        verdict_judge_scores(problem, j->rows, &j->expected, j->want_scores, judged->scores,
                             verdict);
    return 0;
}
