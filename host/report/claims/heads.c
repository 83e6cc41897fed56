/* Claims about scores and heads: a million scores, many heads against one, softmax saturation. */
#include "report/claims/rows.h"

#include <math.h>
#include <string.h>

/* ---- n = 1000 -------------------------------------------------------------------------------- */

enum { MILLION_N = 1000 };
static const double MILLION = 1e6;
enum { FULL, CAUSAL, MASKS };
static const struct {
    const char *name;
    double value;
} masks[MASKS] = {{"no mask", MASK_NONE}, {"causal", MASK_CAUSAL}};

static double scores_a_second(const struct row *row)
{
    return row->rates.pairs / row->time.median_s;
}

static double scores_a_head(const struct row *row)
{
    return row->rates.pairs / (double)(row->problem.batch * row->problem.heads_q);
}

static const struct curve *curve_named(const struct curves *curves, const char *variant)
{
    for (int i = 0; i < curves->count; ++i)
        if (strcmp(curves->items[i].variant, variant) == 0)
            return curves->items + i;
    return NULL;
}

/* A line of dots a variant. */
static void add_dots(const struct claim_source *source, struct curves *const *of,
                     struct claim *claim)
{
    static const char *const head[] = {"variant", "mask", "scores a head", "time",
                                       "million scores a second"};
    const char **names = arena_array(source->arena, (size_t)MASKS * CURVES_MAX, sizeof *names);
    struct claim_figure *figure = claim->figures;
    claim->numbers = claim_table_make(source, head, sizeof head / sizeof *head, 2 * CURVES_MAX);
    claim->figure_count = 1;
    *figure = (struct claim_figure){.kind = FIGURE_DOTS,
                                    .title = "",
                                    .x_title = "scores a second",
                                    .y_title = "",
                                    .unit = "rate",
                                    .log_values = true,
                                    .names = names};
    for (int m = 0; m < MASKS; ++m) {
        double *x = arena_array(source->arena, CURVES_MAX, sizeof *x),
               *y = arena_array(source->arena, CURVES_MAX, sizeof *y);
        for (int c = 0; c < of[m]->count; ++c) {
            const struct row *row = of[m]->items[c].rows[0];
            int name = 0;
            while (name < figure->name_count && strcmp(names[name], row->variant) != 0)
                ++name;
            if (name == figure->name_count)
                names[figure->name_count++] = row->variant;
            x[c] = scores_a_second(row);
            y[c] = name;
            const char *cells[] = {
                row->variant, masks[m].name, claim_count(source, scores_a_head(row)),
                claim_seconds(source, row->time.median_s), claim_number(source, x[c] * 1e-6)};
            claim_table_add(&claim->numbers, cells);
        }
        if (of[m]->count)
            figure_add_series(figure,
                              (struct claim_series){masks[m].name, NULL, of[m]->count, x, y});
    }
}

static enum claim_verdict say_million(const struct claim_source *source, const struct row *full,
                                      const struct row *causal, struct text *out)
{
    const double scores = scores_a_head(full);
    text_print(out, "%s scores a head, %s in all; %s takes %s for them, ",
               claim_count(source, scores), claim_count(source, full->rates.pairs), full->variant,
               claim_seconds(source, full->time.median_s));
    text_print(out, "%s million a second.", claim_number(source, scores_a_second(full) * 1e-6));
    if (fabs(scores - MILLION) > 0.5)
        return CLAIM_FAILS;
    if (!causal) {
        text_add(out, " The causal half was not measured.");
        return CLAIM_UNMEASURED;
    }
    const double part = causal->rates.pairs / full->rates.pairs,
                 time = causal->time.median_s / full->time.median_s;
    text_print(out, " With a causal mask %s of the scores are left, and take %s of the time",
               claim_percent(source, part), claim_percent(source, time));
    text_print(out, " (near: within a factor of %.2f).", CLAIM_SIMILAR);
    return fmax(part / time, time / part) <= CLAIM_SIMILAR ? CLAIM_HOLDS : CLAIM_FAILS;
}

bool claim_million(const struct claim_source *source, struct claim *claim)
{
    struct curves *of[MASKS];
    struct text sentence = {0};
    for (int m = 0; m < MASKS; ++m)
        of[m] = curves_find(
            source, (struct curve_request){"million-scores", "n_q", "mask", masks[m].value});
    if (!of[FULL]->seen && !of[CAUSAL]->seen)
        return false;
    claim->key = "million";
    claim->title = "n = 1000 means a million scores a head, and time follows their number";
    claim->statement = "Section 3.2.1: every query meets every key, n² scores for each head. A "
                       "causal mask leaves n (n + 1) / 2 of them.";
    add_dots(source, of, claim);
    const struct curve *lead = curves_lead(of[FULL]);
    const struct row *full = lead ? lead->rows[0] : NULL;
    const struct curve *half = lead ? curve_named(of[CAUSAL], lead->variant) : NULL;
    if (full && full->problem.n_q == MILLION_N && full->problem.n_kv == MILLION_N) {
        claim->verdict = say_million(source, full, half ? half->rows[0] : NULL, &sentence);
    } else {
        claim->verdict = CLAIM_UNMEASURED;
        if (full) {
            text_print(&sentence, "The rows are of n = %lld.", (long long)full->problem.n_q);
        } else {
            text_add(&sentence, "No usable row: ");
            curves_why_not(&sentence, of[FULL]);
        }
    }
    claim->sentence = claim_keep(source, &sentence);
    const struct row *first = of[FULL]->seen ? of[FULL]->first : of[CAUSAL]->first;
    claim->command = claim_command(
        source, arena_print(source->arena, "^attention\\(.*n_q=%lld,n_kv=%lld,",
                            (long long)first->problem.n_q, (long long)first->problem.n_kv));
    return true;
}

/* ---- heads ----------------------------------------------------------------------------------- */

enum { PAPER_HEADS = 8 };

static double ratio_at(const double *times_s, int i)
{
    return times_s[i] / times_s[0];
}

/* "similar up to 12 heads (1.11 times), ..." and where it ends. */
static enum claim_verdict say_heads(const struct claim_source *source, const struct curve *lead,
                                    struct text *out)
{
    const double *times_s = curve_times(source, lead, NULL),
                 *inner_s = curve_times(source, lead, "attention");
    const int last = lead->count - 1;
    enum claim_verdict verdict = CLAIM_UNMEASURED;
    int similar = 0;
    while (similar < last && ratio_at(times_s, similar + 1) <= CLAIM_SIMILAR)
        ++similar;
    for (int i = 1; i <= last; ++i)
        if (fabs(lead->x[i] - PAPER_HEADS) < 0.5) {
            verdict = ratio_at(times_s, i) <= CLAIM_SIMILAR ? CLAIM_HOLDS : CLAIM_FAILS;
            text_print(out, "Eight heads of %lld take %s times as long as one of %lld ",
                       (long long)lead->rows[i]->problem.d_k,
                       claim_number(source, ratio_at(times_s, i)),
                       (long long)lead->rows[0]->problem.d_k);
            text_print(out, "(%s), attention's own passes %s times. ", lead->variant,
                       claim_number(source, ratio_at(inner_s, i)));
        }
    if (verdict == CLAIM_UNMEASURED)
        text_add(out, "Eight heads, of which the paper says it, were not measured. ");
    text_print(out, "The cost is similar (within a factor of %.2f) up to %.0f head%s; ",
               CLAIM_SIMILAR, lead->x[similar], lead->x[similar] > 1 ? "s" : "");
    text_print(out, "at %.0f heads of %lld it is %s times, attention's own passes are %s times.",
               lead->x[last], (long long)lead->rows[last]->problem.d_k,
               claim_number(source, ratio_at(times_s, last)),
               claim_number(source, ratio_at(inner_s, last)));
    return verdict;
}

static void add_heads(const struct claim_source *source, const struct curve *lead,
                      struct claim *claim)
{
    static const char *const head[] = {"heads", "d_k", "time", "ratio", "attention itself",
                                       "ratio"};
    static const char *const names[] = {"whole", "attention itself"};
    const double *times_s[] = {curve_times(source, lead, NULL),
                               curve_times(source, lead, "attention")};
    claim->numbers = claim_table_make(source, head, sizeof head / sizeof *head, lead->count);
    for (int i = 0; i < lead->count; ++i) {
        const char *cells[] = {
            arena_print(source->arena, "%.0f", lead->x[i]),
            arena_print(source->arena, "%lld", (long long)lead->rows[i]->problem.d_k),
            claim_seconds(source, times_s[0][i]),
            claim_number(source, ratio_at(times_s[0], i)),
            claim_seconds(source, times_s[1][i]),
            claim_number(source, ratio_at(times_s[1], i))};
        claim_table_add(&claim->numbers, cells);
    }
    claim->figure_count = 1;
    claim->figures[0] = (struct claim_figure){.kind = FIGURE_LINES,
                                              .title = "",
                                              .x_title = "heads",
                                              .y_title = "times one head's time",
                                              .unit = "ratio",
                                              .log_values = true};
    for (int k = 0; k < 2; ++k) {
        double *y = arena_array(source->arena, (size_t)lead->count, sizeof *y);
        for (int i = 0; i < lead->count; ++i)
            y[i] = ratio_at(times_s[k], i);
        figure_add_series(claim->figures, (struct claim_series){names[k], NULL, lead->count,
                                                                curve_x(source, lead), y});
    }
    figure_add_mark(claim->figures, (struct claim_mark){'y', 1, "one head"});
    figure_add_mark(claim->figures, (struct claim_mark){'y', CLAIM_SIMILAR, "similar"});
}

bool claim_heads(const struct claim_source *source, struct claim *claim)
{
    const struct curves *curves =
        curves_find(source, (struct curve_request){"heads", "heads_q", NULL, 0});
    const struct curve *lead = curves_lead(curves);
    struct text sentence = {0};
    if (!curves->seen)
        return false;
    claim->key = "heads";
    claim->title = "h heads of d_model / h cost about what one head of d_model costs";
    claim->statement = "Section 3.2.2, of h = 8: the operations are the same, since each head is "
                       "that much narrower.";
    if (lead && lead->count > 1 && fabs(lead->x[0] - 1) < 0.5) {
        claim->verdict = say_heads(source, lead, &sentence);
        add_heads(source, lead, claim);
    } else {
        claim->verdict = CLAIM_UNMEASURED;
        text_add(&sentence, "One head and several are needed: ");
        curves_why_not(&sentence, curves);
        text_add(&sentence, ".");
    }
    claim->sentence = claim_keep(source, &sentence);
    claim->command = claim_command(source, arena_print(source->arena, "^mha\\(.*d_model=%lld[,)]",
                                                       (long long)curves->first->problem.d_model));
    return true;
}
