/* The claim about 1/sqrt(d_k), from the weights that the device returned. */
#include "report/claims/rows.h"

#include <math.h>

enum { SCALED, UNSCALED, SCALINGS };
static const struct {
    const char *name, *sweep;
} scalings[SCALINGS] = {{"with 1/√d_k", "saturation"}, {"without", "saturation-unscaled"}};

/* Scaled scores keep at least this part of their entropy from the smallest d_k to the largest, and
 * at the largest the others at most that part of the scaled ones', if the claim holds. */
static const double KEPT = 0.9, LOST = 0.5;

/* Rows without returned weights say nothing here. */
static const struct curve *with_weights(const struct curves *curves)
{
    const struct curve *lead = curves_lead(curves);
    for (int i = 0; lead && i < lead->count; ++i)
        if (!isfinite(lead->rows[i]->check.weights_entropy))
            return NULL;
    return lead;
}

static enum claim_verdict say_saturation(const struct claim_source *source,
                                         const struct curve *const *of, struct text *out)
{
    const struct row *first[SCALINGS], *last[SCALINGS];
    for (int s = 0; s < SCALINGS; ++s) {
        first[s] = of[s]->rows[0];
        last[s] = of[s]->rows[of[s]->count - 1];
    }
    const double uniform = log((double)first[SCALED]->problem.n_kv);
    text_print(out, "From d_k = %.0f to %.0f a row's weights have a mean entropy of ",
               of[SCALED]->x[0], of[SCALED]->x[of[SCALED]->count - 1]);
    for (int s = 0; s < SCALINGS; ++s)
        text_print(out, "%s%.2f to %.2f %s", s ? " and " : "", first[s]->check.weights_entropy,
                   last[s]->check.weights_entropy, s ? "without it" : "with the factor");
    text_print(out, " (ln n = %.2f is uniform); the largest weight is on average %s with it, ",
               uniform, claim_number(source, last[SCALED]->check.weights_largest));
    text_print(out, "%s without, at the end. Gradients were not measured.",
               claim_number(source, last[UNSCALED]->check.weights_largest));
    if (of[SCALED]->count < 2 || of[UNSCALED]->count < 2 ||
        of[SCALED]->x[of[SCALED]->count - 1] < of[UNSCALED]->x[of[UNSCALED]->count - 1] ||
        of[SCALED]->x[of[SCALED]->count - 1] > of[UNSCALED]->x[of[UNSCALED]->count - 1])
        return CLAIM_UNMEASURED;
    return last[SCALED]->check.weights_entropy >= KEPT * first[SCALED]->check.weights_entropy &&
                   last[UNSCALED]->check.weights_entropy <=
                       LOST * last[SCALED]->check.weights_entropy
               ? CLAIM_HOLDS
               : CLAIM_FAILS;
}

static void add_series(const struct claim_source *source, int scaling, const struct curve *curve,
                       struct claim *claim)
{
    double *entropy = arena_array(source->arena, (size_t)curve->count, sizeof *entropy),
           *largest = arena_array(source->arena, (size_t)curve->count, sizeof *largest);
    for (int i = 0; i < curve->count; ++i) {
        entropy[i] = curve->rows[i]->check.weights_entropy;
        largest[i] = curve->rows[i]->check.weights_largest;
        const char *cells[] = {arena_print(source->arena, "%.0f", curve->x[i]),
                               scalings[scaling].name,
                               arena_print(source->arena, "%.3f", entropy[i]),
                               arena_print(source->arena, "%.3f", largest[i])};
        claim_table_add(&claim->numbers, cells);
    }
    const double *const values[] = {entropy, largest};
    for (int f = 0; f < CLAIM_FIGURES_MAX; ++f)
        figure_add_series(claim->figures + f,
                          (struct claim_series){scalings[scaling].name, NULL, curve->count,
                                                curve_x(source, curve), values[f]});
}

static void open_figures(const struct claim_source *source, struct claim *claim)
{
    static const char *const head[] = {"d_k", "scores", "mean entropy", "mean largest weight"};
    static const char *const titles[] = {"Mean entropy of a row's weights",
                                         "Mean largest weight of a row"};
    claim->numbers =
        claim_table_make(source, head, sizeof head / sizeof *head, SCALINGS * CURVE_POINTS_MAX);
    claim->figure_count = CLAIM_FIGURES_MAX;
    for (int f = 0; f < CLAIM_FIGURES_MAX; ++f)
        claim->figures[f] = (struct claim_figure){.kind = FIGURE_LINES,
                                                  .title = titles[f],
                                                  .x_title = "d_k",
                                                  .y_title = "",
                                                  .unit = "number"};
}

bool claim_saturation(const struct claim_source *source, struct claim *claim)
{
    const struct curves *curves[SCALINGS];
    const struct curve *of[SCALINGS];
    struct text sentence = {0};
    for (int s = 0; s < SCALINGS; ++s) {
        curves[s] = curves_find(source, (struct curve_request){scalings[s].sweep, "d_k", NULL, 0});
        of[s] = with_weights(curves[s]);
    }
    if (!curves[SCALED]->seen && !curves[UNSCALED]->seen)
        return false;
    claim->key = "saturation";
    claim->title = "Without 1/√d_k softmax saturates as d_k grows";
    claim->statement = "Section 3.2.1: the dot products of longer vectors are larger, and push "
                       "softmax to where one weight takes all and gradients vanish.";
    if (of[SCALED] && of[UNSCALED]) {
        open_figures(source, claim);
        claim->verdict = say_saturation(source, of, &sentence);
        for (int s = 0; s < SCALINGS; ++s)
            add_series(source, s, of[s], claim);
        const double uniform = log((double)of[SCALED]->rows[0]->problem.n_kv);
        figure_add_mark(claim->figures, (struct claim_mark){'y', uniform, "uniform"});
        figure_add_mark(claim->figures + 1, (struct claim_mark){'y', 1, "one takes all"});
    } else {
        claim->verdict = CLAIM_UNMEASURED;
        text_add(&sentence, "No returned weights: ");
        curves_why_not(&sentence, curves[of[SCALED] ? UNSCALED : SCALED]);
        text_add(&sentence, ".");
    }
    claim->sentence = claim_keep(source, &sentence);
    claim->command = claim_command(source, "^attention\\(.*returns=weights");
    return true;
}
