/* Claims of attention beside another layer at the same n: recurrences, and additive attention. */
#include "report/claims/over_n.h"

#include "measure/crossing.h"

#include <math.h>

/* Times at the lengths that both have. */
struct pair {
    double n[CURVE_POINTS_MAX], attention_s[CURVE_POINTS_MAX], other_s[CURVE_POINTS_MAX];
    int count;
};

static struct pair *pair_build(const struct claim_source *source, const struct curve *attention,
                               const struct curve *other)
{
    struct pair *pair = arena_alloc(source->arena, sizeof *pair);
    if (attention && other)
        pair->count = curves_common(attention, other, pair->n, pair->attention_s, pair->other_s);
    return pair;
}

static double ratio_at(const struct pair *pair, int i)
{
    return pair->other_s[i] / pair->attention_s[i];
}

/* A figure of ratios over n, and a table of them. */
static void open_ratios(const struct claim_source *source, struct claim *claim)
{
    static const char *const head[] = {"n", "beside", "its time", "attention", "ratio"};
    claim->numbers = claim_table_make(source, head, sizeof head / sizeof *head,
                                      OVER_N_LAYERS * CURVE_POINTS_MAX);
    claim->figure_count = 1;
    claim->figures[0] = (struct claim_figure){.kind = FIGURE_LINES,
                                              .title = "",
                                              .x_title = "n",
                                              .y_title = "times attention's time",
                                              .unit = "ratio",
                                              .log_values = true};
    figure_add_mark(claim->figures, (struct claim_mark){'y', 1, "as fast"});
}

static void add_ratios(const struct claim_source *source, const char *name, const struct pair *pair,
                       struct claim *claim)
{
    double *x = arena_array(source->arena, CURVE_POINTS_MAX, sizeof *x),
           *y = arena_array(source->arena, CURVE_POINTS_MAX, sizeof *y);
    for (int i = 0; i < pair->count; ++i) {
        x[i] = pair->n[i];
        y[i] = ratio_at(pair, i);
        const char *cells[] = {
            arena_print(source->arena, "%.0f", x[i]), name, claim_seconds(source, pair->other_s[i]),
            claim_seconds(source, pair->attention_s[i]), claim_number(source, y[i])};
        claim_table_add(&claim->numbers, cells);
    }
    if (pair->count)
        figure_add_series(claim->figures, (struct claim_series){name, NULL, pair->count, x, y});
}

/* ---- crossover ------------------------------------------------------------------------------- */

/* Attention's own passes and its projections grow apart: each goes on by itself. */
static void say_crossing(const struct claim_source *source, const struct over_n *found, int layer,
                         const struct pair *pair, struct text *out)
{
    const struct curve *lead = found->lead[ATTENTION];
    const double last = pair->n[pair->count - 1], last_s = pair->attention_s[pair->count - 1];
    const struct growth inner = curve_growth(source, lead, "attention"),
                        outer = curve_growth(source, lead, "project_"),
                        other = curve_growth(source, found->lead[layer], NULL);
    const double inner_s = row_stage_s(curve_row_at(lead, last), "attention");
    const struct power_term terms[] = {{inner_s, inner.exponent},
                                       {last_s - inner_s, outer.exponent}};
    const struct crossing crossing = crossing_find(pair->n, pair->attention_s, pair->other_s,
                                                   pair->count, terms, 2, other.exponent);
    switch (crossing.kind) {
    case CROSSING_WITHIN:
        text_print(out, "they cross at n = %s, between lengths that were measured",
                   claim_count(source, crossing.n));
        break;
    case CROSSING_BEYOND:
        text_print(out,
                   "they would cross at about n = %s, beyond the %.0f that both were measured at, "
                   "if attention went on as n^%.2f, its projections as n^%.2f and %s as n^%.2f",
                   claim_about(source, crossing.n), last, inner.exponent, outer.exponent,
                   over_n_layers[layer].name, other.exponent);
        break;
    case CROSSING_BEFORE:
        text_add(out, "attention is slower at every n measured");
        break;
    case CROSSING_NONE:
        text_print(out, "no crossover up to n = %.0f, and none in sight", last);
        break;
    }
}

/* Below the width only; *below counts the lengths there. */
static enum claim_verdict judge_pair(const struct pair *pair, double width, int *below)
{
    enum claim_verdict verdict = CLAIM_UNMEASURED;
    for (*below = 0; *below < pair->count && pair->n[*below] < width; ++*below)
        if (pair->attention_s[*below] > pair->other_s[*below])
            verdict = CLAIM_FAILS;
        else if (verdict == CLAIM_UNMEASURED)
            verdict = CLAIM_HOLDS;
    return verdict;
}

/* "LSTM takes 32.7 ms at n = 256, 15.3 times attention's 2.15 ms; they cross at n = 3480, ..." */
static enum claim_verdict say_pair(const struct claim_source *source, const struct over_n *found,
                                   int layer, const struct pair *pair, struct text *out)
{
    const char *name = over_n_layers[layer].name;
    int below = 0;
    const enum claim_verdict verdict = judge_pair(pair, found->width, &below);
    if (!pair->count) {
        const int absent = found->lead[layer] ? ATTENTION : layer;
        text_print(out, "No length has both attention and %s: ", name);
        curves_why_not(out, found->curves[absent]);
        text_add(out, ".");
        return verdict;
    }
    const int at = below ? below - 1 : 0;
    text_print(out, "%s takes %s at n = %.0f, ", name, claim_seconds(source, pair->other_s[at]),
               pair->n[at]);
    text_print(out, "%s times attention's %s; ", claim_number(source, ratio_at(pair, at)),
               claim_seconds(source, pair->attention_s[at]));
    say_crossing(source, found, layer, pair, out);
    text_add(out, ".");
    if (!below)
        text_print(out, " No n below d = %.0f has both.", found->width);
    return verdict;
}

bool claim_crossover(const struct claim_source *source, struct claim *claim)
{
    const struct over_n found = over_n_find(source);
    struct text sentence = {0};
    if (!found.seen)
        return false;
    claim->key = "crossover";
    claim->title = "While n is below d, attention is the faster layer";
    claim->statement = "Section 4: self-attention takes fewer operations than a recurrent layer as "
                       "long as n is smaller than d. As one grows with n² and the other with n, "
                       "there must be a crossover.";
    claim->verdict = CLAIM_HOLDS;
    open_ratios(source, claim);
    for (int i = LSTM; i < OVER_N_LAYERS; ++i) {
        const struct pair *pair = pair_build(source, found.lead[ATTENTION], found.lead[i]);
        text_add(&sentence, i == LSTM ? "" : " ");
        claim->verdict = claim_worst(claim->verdict, say_pair(source, &found, i, pair, &sentence));
        add_ratios(source, over_n_layers[i].name, pair, claim);
    }
    claim->sentence = claim_keep(source, &sentence);
    figure_add_mark(
        claim->figures,
        (struct claim_mark){'x', found.width, arena_print(source->arena, "d = %.0f", found.width)});
    claim->command = claim_command(
        source, arena_print(source->arena, "^(mha|rnn)\\(.*d_model=%.0f[,)]", found.width));
    return true;
}

/* ---- additive attention ---------------------------------------------------------------------- */

static enum claim_verdict say_additive(const struct claim_source *source, const struct pair *pair,
                                       struct text *out)
{
    double least = INFINITY, most = 0;
    const int last = pair->count - 1;
    for (int i = 0; i < pair->count; ++i) {
        least = fmin(least, ratio_at(pair, i));
        most = fmax(most, ratio_at(pair, i));
    }
    text_print(out, "At n = %.0f additive attention takes %s, multi-head attention %s, ",
               pair->n[last], claim_seconds(source, pair->other_s[last]),
               claim_seconds(source, pair->attention_s[last]));
    text_print(out,
               "projections included: %s times as long, and %s to %s times over %d length%s. Much "
               "is twice or more.",
               claim_number(source, ratio_at(pair, last)), claim_number(source, least),
               claim_number(source, most), pair->count, pair->count == 1 ? "" : "s");
    return least >= CLAIM_MUCH ? CLAIM_HOLDS : CLAIM_FAILS;
}

bool claim_additive(const struct claim_source *source, struct claim *claim)
{
    const struct curves *curves =
        curves_find(source, (struct curve_request){"additive-over-n", "n_q", NULL, 0});
    const struct over_n found = over_n_find(source);
    const struct curve *lead = curves_lead(curves);
    struct text sentence = {0};
    if (!curves->seen)
        return false;
    claim->key = "additive";
    claim->title = "Dot-product attention is much faster than additive attention";
    claim->statement = "Section 3.2.1: alike in theory, but dot products are a matrix product, "
                       "for which there is fast code.";
    open_ratios(source, claim);
    const struct pair *pair = pair_build(source, found.lead[ATTENTION], lead);
    if (pair->count) {
        claim->verdict = say_additive(source, pair, &sentence);
        add_ratios(source, "additive", pair, claim);
    } else {
        claim->verdict = CLAIM_UNMEASURED;
        text_add(&sentence, "No length has both: ");
        curves_why_not(&sentence, lead ? found.curves[ATTENTION] : curves);
        text_add(&sentence, ".");
    }
    claim->sentence = claim_keep(source, &sentence);
    claim->command =
        claim_command(source, arena_print(source->arena, "^(mha|bahdanau)\\(.*d_model=%lld[,)]",
                                          (long long)curves->first->problem.d_model));
    return true;
}
