/* What the claims share: rows of a sweep as curves, and words for what is found. Internal to
 * the files here; claims.h is what others use. */
#ifndef ATTNBENCH_REPORT_CLAIMS_ROWS_H
#define ATTNBENCH_REPORT_CLAIMS_ROWS_H

#include "report/claims/claims.h"
#include "util/text.h"

enum { CURVES_MAX = 16, CURVE_POINTS_MAX = 64 }; /* what a file has beyond them is left out */

struct claim_source {
    const struct results *results;
    const char *device;
    double launch_s; /* of an empty kernel; 0: unknown */
    struct arena *arena;
};

/* Which rows: of a sweep ("heads"), and where `key` is not NULL those whose problem key has the
 * value (of an enum its index). `over` is the key along which a curve goes. */
struct curve_request {
    const char *sweep, *over;
    const char *key;
    double value;
};

/* The ok rows of a variant, ascending in x; of a cell measured twice the first. */
struct curve {
    const char *variant;
    int count;
    double x[CURVE_POINTS_MAX];
    const struct row *rows[CURVE_POINTS_MAX];
};
struct curves {
    int count;
    int seen;                 /* rows that were asked for, of any status */
    const struct row *first;  /* of them */
    const struct row *missed; /* the first that is not ok; NULL: none */
    struct curve items[CURVES_MAX];
};
struct curves *curves_find(const struct claim_source *source, struct curve_request request);
/* The curve with the most points, of those the fastest at its end; NULL: there is none. */
const struct curve *curves_lead(const struct curves *curves);
/* NULL: it has no such point. */
const struct row *curve_row_at(const struct curve *curve, double x);
/* "fused: skipped (over the budget ...)": why there is nothing, or not enough. */
void curves_why_not(struct text *out, const struct curves *curves);

/* The time of a row's passes whose stage begins so, such as "project_"; NULL: of all. */
double row_stage_s(const struct row *row, const char *stage);
/* Those of a curve, in an array of the arena. */
const double *curve_times(const struct claim_source *source, const struct curve *curve,
                          const char *stage);
/* A curve's x, and the same in an array of the arena. */
const double *curve_x(const struct claim_source *source, const struct curve *curve);
/* The points that two curves share: x, and their rows' times; returns their number. */
int curves_common(const struct curve *first, const struct curve *second, double x[CURVE_POINTS_MAX],
                  double first_s[CURVE_POINTS_MAX], double second_s[CURVE_POINTS_MAX]);

/* Exponent and half interval, NaN when unknown. */
struct growth {
    double exponent, ci95;
};
/* Of whole rows (stage NULL) the fit in the results' "scaling"; of some stages one made alike:
 * three points at least, those that cost little more than launching left out. */
struct growth curve_growth(const struct claim_source *source, const struct curve *curve,
                           const char *stage);
void growth_words(struct text *out, struct growth growth); /* "n^1.98 ± 0.03" */
enum claim_verdict growth_judge(struct growth growth, double expected);
/* The worst: what fails, then what is not measured. */
enum claim_verdict claim_worst(enum claim_verdict a, enum claim_verdict b);

/* "1.87 ms" with a Greek micro; a number in three digits; "12 %". */
const char *claim_seconds(const struct claim_source *source, double seconds);
const char *claim_number(const struct claim_source *source, double number);
/* A whole number, "1,000,000"; a predicted one, in two digits, "14,000". */
const char *claim_count(const struct claim_source *source, double count);
const char *claim_about(const struct claim_source *source, double count);
const char *claim_percent(const struct claim_source *source, double fraction);
/* What a text has, kept in the arena; the text is freed. */
const char *claim_keep(const struct claim_source *source, struct text *text);

/* A table for `lines` lines at most; lines are added as `columns` strings. */
struct claim_table claim_table_make(const struct claim_source *source, const char *const *head,
                                    int columns, int lines);
void claim_table_add(struct claim_table *table, const char *const *cells);
/* Nothing when the figure is full, or where the mark would not be on a logarithmic axis. */
void figure_add_series(struct claim_figure *figure, struct claim_series series);
void figure_add_mark(struct claim_figure *figure, struct claim_mark mark);
/* The command for all rows whose "id variant" matches a regular expression. */
const char *claim_command(const struct claim_source *source, const char *filter);

/* One claim each: false when the file has no row for it. */
bool claim_growth(const struct claim_source *source, struct claim *claim);
bool claim_crossover(const struct claim_source *source, struct claim *claim);
bool claim_additive(const struct claim_source *source, struct claim *claim);
bool claim_million(const struct claim_source *source, struct claim *claim);
bool claim_heads(const struct claim_source *source, struct claim *claim);
bool claim_saturation(const struct claim_source *source, struct claim *claim);
/* Width 0, 1, 2: transformer-base, BERT-base, GPT-3. */
enum { CLAIM_WIDTHS = 3 };
bool claim_layer(const struct claim_source *source, int width, struct claim *claim);

#endif
