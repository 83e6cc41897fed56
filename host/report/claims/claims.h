/* "The paper, measured here": what Vaswani et al. (2017) claim of attention's cost, with the
 * verdict of one device, from the rows of suites/claims.json.
 *
 * Rows are found by the names of that suite's sweeps ("claims/heads"); a claim is there when its
 * sweep has a row, whatever became of it. Everything here is computed from rows alone: no I/O, no
 * format. Sentences and tables are UTF-8 and hold names of variants and reasons, which are foreign:
 * who writes them into a format escapes them. "n^1.98" is meant to be raised where that is
 * possible.
 */
#ifndef ATTNBENCH_REPORT_CLAIMS_CLAIMS_H
#define ATTNBENCH_REPORT_CLAIMS_CLAIMS_H

#include "store/results.h"
#include "util/text.h"

enum claim_verdict { CLAIM_HOLDS, CLAIM_FAILS, CLAIM_UNMEASURED, CLAIM_VERDICTS };
/* "holds", "does not hold", "not measured here". */
const char *claim_verdict_words(enum claim_verdict verdict);

/* cells[0 .. columns - 1] are the head, the lines follow. */
struct claim_table {
    int columns, lines;
    const char **cells;
};

enum { FIGURE_SERIES_MAX = 12, FIGURE_MARKS_MAX = 4, CLAIM_FIGURES_MAX = 2, CLAIMS_MAX = 12 };

enum claim_figure_kind {
    FIGURE_LINES, /* y over x, x on a logarithmic axis */
    FIGURE_DOTS,  /* x is a value, y the index of a name: one line of marks for each name */
    FIGURE_PARTS  /* bars of parts of a whole, one for each x */
};
struct claim_series {
    const char *name;
    const char *end; /* what stands at the end of its line; NULL: the name */
    int count;
    const double *x, *y;
};
struct claim_mark { /* a line across the figure: at a value of x, or of y */
    char axis;
    double at;
    const char *name;
};
struct claim_figure {
    enum claim_figure_kind kind;
    const char *title; /* "" where it is the claim's only one */
    const char *x_title, *y_title;
    const char *unit; /* of values: s, rate (a second), ratio, number, part */
    bool log_values;
    const char *const *names; /* of FIGURE_DOTS */
    int name_count;
    int series_count, mark_count;
    struct claim_series series[FIGURE_SERIES_MAX];
    struct claim_mark marks[FIGURE_MARKS_MAX];
};

struct claim {
    const char *key;       /* "growth": stays the same, for links and tests */
    const char *title;     /* the claim, in a line */
    const char *statement; /* what the paper says, and where */
    const char *sentence;  /* what was found here, in numbers; or why nothing was */
    enum claim_verdict verdict;
    const char *command;               /* measures its rows again */
    struct claim_table shown, numbers; /* beside the sentence, and behind it; 0 columns: none */
    struct claim_figure figures[CLAIM_FIGURES_MAX];
    int figure_count;
};
struct claims {
    int count;
    struct claim items[CLAIMS_MAX];
};

/* Of one device of the file; none when it has no row of the suite. Lives in the arena and points
 * into the rows. */
struct claims *claims_build(const struct results *results, const char *device, struct arena *arena);

/* "6 of 9 claims hold, 1 does not hold, 2 were not measured". */
void claims_count_words(struct text *out, const struct claims *claims);
/* The section of the Markdown report, of all devices; a text that is `limit` long takes no more
 * claims, one that is half as long no more tables of numbers. */
void report_claims_markdown(const struct results *results, size_t limit, struct text *out);

/* How near is near, stated in the sentences that use it. */
#define CLAIM_EXPONENT_NEAR  0.25 /* of an exponent from the one that is claimed */
#define CLAIM_EXPONENT_WIDTH 0.5  /* half an interval from here on cannot tell n from n^2 */
#define CLAIM_SIMILAR        1.25 /* two times within this factor cost about the same */
#define CLAIM_MUCH           2.0  /* from here on one is much faster */

#endif
