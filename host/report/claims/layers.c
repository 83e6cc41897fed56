/* Where the time of a layer goes over n, and from which n on attention takes more of it than the
 * projections. */
#include "report/claims/rows.h"

#include "measure/crossing.h"
#include "measure/scaling.h"

#include <math.h>

static const struct {
    const char *key, *sweep, *name;
} widths[CLAIM_WIDTHS] = {
    {"layer-transformer-base", "layer-transformer-base", "the Transformer (base)"},
    {"layer-bert-base", "layer-bert-base", "BERT (base)"},
    {"layer-gpt-3", "layer-gpt-3", "GPT-3"},
};

/* Stages by how their name begins; the rest is what is left of the sum. */
enum { PART_ATTENTION, PART_PROJECTIONS, PART_FEED_FORWARD, PART_REST, PARTS };
static const struct {
    const char *name, *stages[2];
} parts[PARTS] = {{"attention", {"attention", NULL}},
                  {"projections", {"project_", NULL}},
                  {"feed-forward", {"feed_forward_", "activation"}},
                  {"norms, residuals, the rest", {NULL, NULL}}};

static double part_s(const struct row *row, int part)
{
    double sum_s = 0;
    if (part == PART_REST) {
        sum_s = row_stage_s(row, "");
        for (int i = 0; i < PART_REST; ++i)
            sum_s -= part_s(row, i);
        return fmax(sum_s, 0);
    }
    for (int i = 0; i < 2 && parts[part].stages[i]; ++i)
        sum_s += row_stage_s(row, parts[part].stages[i]);
    return sum_s;
}

/* Where the operations of both are equal: products of queries with keys and weights with values, of
 * which a causal mask leaves half, against the four projections. */
static double equal_operations(const struct problem *problem)
{
    const double q = (double)problem->heads_q, kv = (double)problem->heads_kv,
                 d_k = (double)problem->d_k, d_v = (double)problem->d_v;
    const double half = problem->mask == MASK_CAUSAL ? 0.5 : 1;
    return (double)problem->d_model * (q + kv) * (d_k + d_v) / (half * q * (d_k + d_v));
}

static struct crossing find_crossing(const struct claim_source *source, const struct curve *lead)
{
    const double *own_s = curve_times(source, lead, "attention"),
                 *other_s = curve_times(source, lead, "project_");
    struct power_fit own, other;
    const bool fits = !power_fit(lead->x, own_s, lead->count, &own) &&
                      !power_fit(lead->x, other_s, lead->count, &other);
    const struct power_term term = {own_s[lead->count - 1], fits ? own.exponent : NAN};
    return crossing_find(lead->x, own_s, other_s, lead->count, &term, 1,
                         fits ? other.exponent : NAN);
}

/* Near is within a factor of 2. What was not measured up to there stays open. */
static enum claim_verdict judge(const struct crossing *crossing, double expected,
                                const struct curve *lead)
{
    const double last = lead->x[lead->count - 1];
    switch (crossing->kind) {
    case CROSSING_WITHIN:
        return fabs(log(crossing->n / expected)) <= log(CLAIM_MUCH) ? CLAIM_HOLDS : CLAIM_FAILS;
    case CROSSING_BEFORE:
        return lead->x[0] < expected / CLAIM_MUCH ? CLAIM_FAILS : CLAIM_UNMEASURED;
    case CROSSING_BEYOND:
    case CROSSING_NONE:
        break;
    }
    return last > expected * CLAIM_MUCH ? CLAIM_FAILS : CLAIM_UNMEASURED;
}

static void say_crossing(const struct claim_source *source, const struct crossing *crossing,
                         const struct curve *lead, struct text *out)
{
    const char *last = claim_count(source, lead->x[lead->count - 1]);
    switch (crossing->kind) {
    case CROSSING_WITHIN:
        text_print(out,
                   "Attention overtakes the projections at n = %s, between lengths that were "
                   "measured.",
                   claim_count(source, crossing->n));
        break;
    case CROSSING_BEYOND:
        text_print(out,
                   "Up to n = %s attention stays below the projections; by their growth so far it "
                   "would overtake them at about n = %s.",
                   last, claim_about(source, crossing->n));
        break;
    case CROSSING_BEFORE:
        text_print(out,
                   "Attention takes more than the projections from n = %s on, the shortest "
                   "measured.",
                   claim_count(source, lead->x[0]));
        break;
    case CROSSING_NONE:
        text_print(out, "Up to n = %s attention stays below the projections.", last);
        break;
    }
}

/* What it would take to tell. */
static void say_open(const struct claim_source *source, const struct crossing *crossing,
                     double expected, const struct curves *curves, struct text *out)
{
    if (crossing->kind == CROSSING_BEFORE)
        text_print(out, " To tell it takes lengths down to %s",
                   claim_count(source, expected / CLAIM_MUCH));
    else
        text_print(out, " To tell it takes lengths up to %s",
                   claim_count(source, expected * CLAIM_MUCH));
    if (curves->missed) {
        text_add(out, "; ");
        curves_why_not(out, curves);
    }
    text_add(out, ".");
}

static void say_parts(const struct claim_source *source, const struct row *row, struct text *out)
{
    const double all_s = row_stage_s(row, "");
    text_print(out, "at n = %lld ", (long long)row->problem.n_q);
    for (int part = 0; part < PART_REST; ++part)
        text_print(out, "%s%s %s", part ? ", " : "", parts[part].name,
                   claim_percent(source, part_s(row, part) / all_s));
}

static void add_parts(const struct claim_source *source, const struct curve *lead,
                      struct claim *claim)
{
    const char *cells[2 + PARTS] = {"n", "time"};
    for (int part = 0; part < PARTS; ++part)
        cells[2 + part] = parts[part].name;
    claim->numbers = claim_table_make(source, cells, 2 + PARTS, lead->count);
    for (int i = 0; i < lead->count; ++i) {
        cells[0] = arena_print(source->arena, "%.0f", lead->x[i]);
        cells[1] = claim_seconds(source, lead->rows[i]->time.median_s);
        for (int part = 0; part < PARTS; ++part) {
            const double time_s = part_s(lead->rows[i], part);
            cells[2 + part] =
                arena_print(source->arena, "%s (%s)",
                            claim_percent(source, time_s / row_stage_s(lead->rows[i], "")),
                            claim_seconds(source, time_s));
        }
        claim_table_add(&claim->numbers, cells);
    }
    claim->figure_count = 1;
    claim->figures[0] = (struct claim_figure){.kind = FIGURE_PARTS,
                                              .title = "",
                                              .x_title = "n",
                                              .y_title = "part of the time",
                                              .unit = "part"};
    for (int part = 0; part < PARTS; ++part) {
        double *y = arena_array(source->arena, (size_t)lead->count, sizeof *y);
        for (int i = 0; i < lead->count; ++i)
            y[i] = part_s(lead->rows[i], part) / row_stage_s(lead->rows[i], "");
        figure_add_series(claim->figures, (struct claim_series){parts[part].name, NULL, lead->count,
                                                                curve_x(source, lead), y});
    }
}

static void say_layer(const struct claim_source *source, const struct curves *curves,
                      double expected, struct claim *claim)
{
    const struct curve *lead = curves_lead(curves);
    struct text sentence = {0};
    claim->verdict = CLAIM_UNMEASURED;
    if (lead && row_stage_s(lead->rows[0], "project_") > 0) {
        const struct crossing crossing = find_crossing(source, lead);
        claim->verdict = judge(&crossing, expected, lead);
        say_crossing(source, &crossing, lead, &sentence);
        text_print(&sentence, " Of the time, with %s: ", lead->variant);
        say_parts(source, lead->rows[0], &sentence);
        if (lead->count > 1) {
            text_add(&sentence, "; ");
            say_parts(source, lead->rows[lead->count - 1], &sentence);
        }
        text_add(&sentence, ".");
        add_parts(source, lead, claim);
        if (claim->verdict == CLAIM_UNMEASURED)
            say_open(source, &crossing, expected, curves, &sentence);
    } else {
        text_add(&sentence, "No usable row with stages: ");
        curves_why_not(&sentence, curves);
        text_add(&sentence, ".");
    }
    claim->sentence = claim_keep(source, &sentence);
}

bool claim_layer(const struct claim_source *source, int width, struct claim *claim)
{
    const struct curves *curves =
        curves_find(source, (struct curve_request){widths[width].sweep, "n_q", NULL, 0});
    if (!curves->seen)
        return false;
    const struct problem *problem = &curves->first->problem;
    const double expected = equal_operations(problem);
    claim->key = widths[width].key;
    claim->title = arena_print(source->arena,
                               "In a layer of %s attention overtakes the projections near n = %s",
                               widths[width].name, claim_count(source, expected));
    claim->statement = arena_print(
        source->arena,
        "By operations: %s·n²·d_model for attention%s, 8·n·d_model² for the four projections; "
        "d_model is %lld. Near is within a factor of 2.",
        problem->mask == MASK_CAUSAL ? "2" : "4", problem->mask == MASK_CAUSAL ? " (causal)" : "",
        (long long)problem->d_model);
    say_layer(source, curves, expected, claim);
    claim->command =
        claim_command(source, arena_print(source->arena, "^encoder_layer\\(.*d_model=%lld[,)]",
                                          (long long)problem->d_model));
    return true;
}
