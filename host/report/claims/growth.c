/* The claim over n: how the times of attention, LSTM and GRU of one width grow. */
#include "report/claims/over_n.h"

#include <math.h>

const struct over_n_layer over_n_layers[OVER_N_LAYERS] = {
    {"attention", "attention-over-n", NULL, 0, "attention", 2, "self-attention", "O(n²·d)", "O(1)",
     "O(1)"},
    {"LSTM", "recurrence-over-n", "rnn_cell", RNN_LSTM, NULL, 1, "recurrent (LSTM)", "O(n·d²)",
     "O(n)", "O(n)"},
    {"GRU", "recurrence-over-n", "rnn_cell", RNN_GRU, NULL, 1, "recurrent (GRU)", "O(n·d²)", "O(n)",
     "O(n)"},
};

struct over_n over_n_find(const struct claim_source *source)
{
    struct over_n found = {.width = NAN};
    for (int i = 0; i < OVER_N_LAYERS; ++i) {
        found.curves[i] = curves_find(source, (struct curve_request){over_n_layers[i].sweep, "n_q",
                                                                     over_n_layers[i].key,
                                                                     over_n_layers[i].value});
        found.lead[i] = curves_lead(found.curves[i]);
        found.seen |= found.curves[i]->seen > 0;
        const struct problem *problem =
            found.curves[i]->seen ? &found.curves[i]->first->problem : NULL;
        if (problem && !(found.width > 0)) /* plain attention has no d_model */
            found.width =
                (double)(problem->d_model ? problem->d_model : problem->heads_q * problem->d_k);
    }
    return found;
}

/* ---- growth ---------------------------------------------------------------------------------- */

static enum claim_verdict say_growth(const struct claim_source *source, const struct over_n *found,
                                     int layer, struct text *out)
{
    const struct curve *lead = found->lead[layer];
    const char *name = over_n_layers[layer].name;
    if (!lead) {
        text_print(out, "no time of %s: ", name);
        curves_why_not(out, found->curves[layer]);
        return CLAIM_UNMEASURED;
    }
    const struct growth growth = curve_growth(source, lead, over_n_layers[layer].stage);
    const enum claim_verdict verdict = growth_judge(growth, over_n_layers[layer].exponent);
    if (!isfinite(growth.exponent)) {
        text_print(out, "no fit of %s: it takes three lengths that launching does not dominate",
                   name);
        return verdict;
    }
    text_print(out, "%s grows as ", layer == ATTENTION ? "attention itself" : name);
    growth_words(out, growth);
    text_print(out, " (%s", lead->variant);
    if (layer == ATTENTION) {
        text_add(out, "; with its projections ");
        growth_words(out, curve_growth(source, lead, NULL));
    }
    text_add(out, ")");
    if (verdict == CLAIM_UNMEASURED)
        text_add(out, ", an interval that leaves it open");
    else if (verdict == CLAIM_FAILS)
        text_print(out, ", not near n^%.0f", over_n_layers[layer].exponent);
    return verdict;
}

/* Lengths of any of the curves, ascending. */
static int all_lengths(const struct over_n *found, double lengths[CURVE_POINTS_MAX])
{
    int count = 0;
    for (int i = 0; i < OVER_N_LAYERS; ++i)
        for (int c = 0; c < found->curves[i]->count; ++c)
            for (int p = 0; p < found->curves[i]->items[c].count; ++p) {
                const double x = found->curves[i]->items[c].x[p];
                int at = count;
                while (at > 0 && lengths[at - 1] > x)
                    --at;
                if (count == CURVE_POINTS_MAX || (at > 0 && !(lengths[at - 1] < x)))
                    continue;
                for (int k = count++; k > at; --k)
                    lengths[k] = lengths[k - 1];
                lengths[at] = x;
            }
    return count;
}

/* Every variant's times. */
static struct claim_table growth_numbers(const struct claim_source *source,
                                         const struct over_n *found)
{
    enum { COLUMNS = 1 + FIGURE_SERIES_MAX };
    const char *cells[COLUMNS] = {"n"};
    const struct curve *curves[COLUMNS];
    double lengths[CURVE_POINTS_MAX];
    int columns = 1;
    for (int i = 0; i < OVER_N_LAYERS; ++i)
        for (int c = 0; c < found->curves[i]->count && columns < COLUMNS; ++c, ++columns) {
            curves[columns] = found->curves[i]->items + c;
            cells[columns] = arena_print(source->arena, "%s (%s)", over_n_layers[i].name,
                                         curves[columns]->variant);
        }
    const int count = all_lengths(found, lengths);
    struct claim_table table = claim_table_make(source, cells, columns, count);
    for (int line = 0; line < count; ++line) {
        cells[0] = arena_print(source->arena, "%.0f", lengths[line]);
        for (int c = 1; c < columns; ++c) {
            const struct row *row = curve_row_at(curves[c], lengths[line]);
            cells[c] = row ? claim_seconds(source, row->time.median_s) : "";
        }
        claim_table_add(&table, cells);
    }
    return table;
}

/* "6 launches" of attention, "1024 steps of 93 µs" of a recurrence. */
static const char *in_sequence(const struct claim_source *source, int layer, const struct row *row)
{
    if (layer == ATTENTION)
        return arena_print(source->arena, "%d launch%s", row->passes.count,
                           row->passes.count == 1 ? "" : "es");
    const double steps = (double)row->problem.n_q, time_s = row_stage_s(row, "recurrence");
    return arena_print(source->arena, "%.0f steps of %s", steps,
                       claim_seconds(source, time_s / steps));
}

/* Table 1 of the paper with what was measured at the longest n that all have. */
static struct claim_table table_1(const struct claim_source *source, const struct over_n *found)
{
    double n = INFINITY;
    for (int i = 0; i < OVER_N_LAYERS; ++i)
        if (found->lead[i])
            n = fmin(n, found->lead[i]->x[found->lead[i]->count - 1]);
    const char *head[] = {"layer",
                          "operations",
                          "in sequence",
                          "longest path",
                          "grows here as",
                          isfinite(n) ? arena_print(source->arena, "time at n %.0f", n) : "time",
                          "in sequence there"};
    enum { COLUMNS = sizeof head / sizeof *head };
    struct claim_table table = claim_table_make(source, head, COLUMNS, OVER_N_LAYERS);
    for (int i = 0; i < OVER_N_LAYERS; ++i) {
        const struct row *row = found->lead[i] ? curve_row_at(found->lead[i], n) : NULL;
        struct text growth = {0};
        if (found->lead[i])
            growth_words(&growth, curve_growth(source, found->lead[i], over_n_layers[i].stage));
        const char *cells[COLUMNS] = {over_n_layers[i].kind,
                                      over_n_layers[i].operations,
                                      over_n_layers[i].sequential,
                                      over_n_layers[i].path,
                                      claim_keep(source, &growth),
                                      row ? claim_seconds(source, row->time.median_s) : "",
                                      row ? in_sequence(source, i, row) : ""};
        claim_table_add(&table, cells);
    }
    return table;
}

static void add_line(const struct claim_source *source, const struct curve *curve, const char *name,
                     const char *stage, struct claim_figure *figure)
{
    if (!curve)
        return;
    struct text end = {0};
    const struct growth growth = curve_growth(source, curve, stage);
    text_add(&end, name);
    if (isfinite(growth.exponent))
        text_print(&end, " n^%.2f", growth.exponent);
    figure_add_series(figure, (struct claim_series){.name = name,
                                                    .end = claim_keep(source, &end),
                                                    .count = curve->count,
                                                    .x = curve_x(source, curve),
                                                    .y = curve_times(source, curve, stage)});
}

bool claim_growth(const struct claim_source *source, struct claim *claim)
{
    const struct over_n found = over_n_find(source);
    struct text sentence = {0};
    if (!found.seen)
        return false;
    claim->key = "growth";
    claim->title = "Attention's time grows with n², a recurrence's with n";
    claim->statement = "Table 1: the operations of a self-attention layer grow with n², those of "
                       "a recurrent layer with n; all positions at once, or one after another.";
    claim->verdict = CLAIM_HOLDS;
    text_print(&sentence, "At d = %.0f ", found.width);
    for (int i = 0; i < OVER_N_LAYERS; ++i) {
        text_add(&sentence, i ? "; " : "");
        claim->verdict = claim_worst(claim->verdict, say_growth(source, &found, i, &sentence));
    }
    text_print(&sentence, ". Near is within %.2f.", CLAIM_EXPONENT_NEAR);
    claim->sentence = claim_keep(source, &sentence);
    claim->shown = table_1(source, &found);
    claim->numbers = growth_numbers(source, &found);
    claim->command = claim_command(
        source, arena_print(source->arena, "^(mha|rnn)\\(.*d_model=%.0f[,)]", found.width));
    struct claim_figure *figure = claim->figures;
    claim->figure_count = 1;
    *figure = (struct claim_figure){.kind = FIGURE_LINES,
                                    .title = "",
                                    .x_title = "n",
                                    .y_title = "",
                                    .unit = "s",
                                    .log_values = true};
    add_line(source, found.lead[ATTENTION], "multi-head", NULL, figure);
    add_line(source, found.lead[ATTENTION], "attention", "attention", figure);
    add_line(source, found.lead[LSTM], "LSTM", NULL, figure);
    add_line(source, found.lead[GRU], "GRU", NULL, figure);
    return true;
}
