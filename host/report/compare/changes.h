/* Changes: two runs side by side, or two variants of one run, with a verdict for each cell.
 *
 * What the formats of `attnbench compare` share. BASE is what was, NEW what is judged. A cell is
 * matched by its id, variant and device: by the device's id, or, where both files have one device
 * only, that one with that one. Where a variant is given on each side, it is matched by id and
 * device; where a device is, by id and variant. Where two rows were timed by different clocks they
 * are compared by the host's, which is always there. Several runs of BASE: the one in the middle is
 * compared, and what they differ by is no change (measure/spread.h). Statistics and threshold:
 * measure/compare.h. */
#ifndef ATTNBENCH_REPORT_COMPARE_CHANGES_H
#define ATTNBENCH_REPORT_COMPARE_CHANGES_H

#include "measure/compare.h"
#include "report/pairs.h"
#include "store/results.h"

/* From the worst to the best. A row that was skipped counts as absent. */
enum change_kind {
    CHANGE_BROKEN,  /* ok in BASE; in NEW wrong, failed or unsupported */
    CHANGE_SLOWER,  /* surely, and beyond the threshold */
    CHANGE_MISSING, /* ok in BASE, absent in NEW */
    CHANGE_UNCLEAR, /* ok in both; `reason` says why nothing can be said */
    CHANGE_SAME,    /* surely within the threshold */
    CHANGE_NEW,     /* absent in BASE, ok in NEW */
    CHANGE_FIXED,   /* not ok in BASE, ok in NEW */
    CHANGE_FASTER,
    CHANGE_NEITHER, /* ok in neither: nothing to compare */
    CHANGE_KINDS
};
const char *change_kind_name(enum change_kind kind); /* "broken", "slower", ... */
bool change_is_regression(enum change_kind kind);    /* broken, slower, missing */

struct change {
    enum change_kind kind;
    const struct row *base, *new_row; /* NULL: no such row; not both */
    const char *device;               /* in BASE, where it is matched by its place */
    struct comparison times;          /* of rows that are ok in both, else all unknown */
    double threshold;           /* of this cell: more than asked for where BASE's runs differ */
    bool host_clock;            /* times are the host's, since the rows' clocks differ */
    const double *base_medians; /* of BASE's ok rows, a run each */
    int base_runs;
    const char *reason; /* of broken, missing, unclear and neither; NULL for the others */
    const char *label;  /* what of its problem differs between cells: "1024, 8" */
};

struct side {
    const char *file; /* its name, as it was given */
    const struct results *results;
    const char *variant; /* only this one; NULL: all */
    const char *device;  /* only this one, by id; NULL: all */
    /* Further runs of the same, BASE only. */
    const struct results *const *more;
    int more_count;
};

/* What else differs between the runs and may be why times do. */
struct difference {
    const char *what; /* "driver", "driver of gpu-1", "seed", "clock" */
    const char *base, *new_value;
    int cells;    /* in which it differs, the first of them being described; 0: it is of the runs */
    bool content; /* base and new_value are hashes of a file's content: nothing to read */
};

/* Geometric mean of the ratios NEW / BASE. */
struct mean {
    const char *variant;
    double ratio; /* NaN: there is no ratio */
    int cells;
};

struct changes {
    struct side base, new_side;
    double threshold;
    struct change *items; /* the worst first; of one kind, the largest ratio first */
    int count, counts[CHANGE_KINDS];
    int matched; /* cells of which both sides have a row */
    struct difference *differences;
    int difference_count;
    struct mean all, *variants;
    int variant_count;
    const char *axes, *fixed; /* see grid.h */
    bool many_devices;
    /* Of two different devices: see pairs.h. */
    bool has_pair;
    struct pair pair;
    struct text_list sentences;
};

/* Everything lives in the arena and points into the results. Both were found believable
 * (results_check). Both sides name a variant, or a device, or neither does. */
void changes_build(struct changes *changes, const struct side *base, const struct side *new_side,
                   double threshold, struct arena *arena);

/* The part of changes_build that looks at all but times. */
void changes_find_differences(struct changes *changes, struct arena *arena);

/* Why two runs have different plans: suites, files of kernels, options, versions; at most 5 of
 * them, joined by "; ". Nothing where neither header says. */
void changes_of_plans(const struct run_header *before, const struct run_header *now,
                      struct text *out);

/* judge.c: kind, times and reason of a change that has its rows and threshold. */
void changes_judge(struct change *change, struct arena *arena);

/* Of two devices none is: one is no later state of the other. */
int changes_regressions(const struct changes *changes);
/* Cells that are ok on both sides: what a verdict on times rests on. */
int changes_compared(const struct changes *changes);

/* Why no cell is matched, as one message. */
void changes_explain_none(const struct changes *changes, struct err *err);

/* ---- words: foreign text in them is not escaped ---------------------------------------------- */

/* "1 broken, 3 slower, 40 same; geometric mean 0.98x"; `times` is the sign after a ratio. */
void changes_summary(const struct changes *changes, const char *times, struct text *out);
/* "driver: 3.1 in BASE, 6.0 in NEW". */
void changes_difference(const struct difference *difference, struct text *out);
/* "standard on pocl-cpu-0, 2026-01-31T12:00:00Z, attnbench 0.1.0 (abc)". */
void changes_side(const struct side *side, struct text *out);
/* "1.102" and "1.098-1.107"; nothing when unknown. */
void changes_ratio(const struct change *change, struct text *out);
void changes_interval(const struct change *change, struct text *out);
/* The median where the row is ok, by the clock of the comparison, else its status; "-" without a
 * row. */
void changes_time(const struct change *change, const struct row *row, struct text *out);
/* Its label, with the device and the clock where they have to be said. */
void changes_label(const struct changes *changes, const struct change *change, struct text *out);
/* "ratio: time of NEW / time of BASE; threshold 3 %", and how the threshold was widened. */
void changes_rule(const struct changes *changes, struct text *out);
/* Cells of one kind with one reason: broken, missing and unclear ones, the worst first. */
enum { CHANGE_REASONS_MAX = 20 };
struct change_reason {
    const struct change *first;
    int cells;
};
/* Returns their number; the cells of further reasons are in *others. */
int changes_reasons(const struct changes *changes, struct change_reason reasons[CHANGE_REASONS_MAX],
                    int *others);
/* "broken (crash), 3 cells: SIGSEGV", the reason not longer than `max_bytes`. */
void changes_reason(const struct change_reason *reason, size_t max_bytes, struct text *out);
/* "naive 1.00x (4 cells), fused 1.10x (4 cells)"; nothing when there are no ratios. */
void changes_means(const struct changes *changes, const char *times, struct text *out);
/* What "unclear" means and what helps; nothing if no cell is. */
void changes_unclear(const struct changes *changes, struct text *out);
/* Where to look first when all variants changed alike; nothing if they did not. */
void changes_alike(const struct changes *changes, struct text *out);

/* ---- formats --------------------------------------------------------------------------------- */

/* At most `width` columns; the summary is the last line. */
void changes_table(const struct changes *changes, int width, bool color, struct text *out);
void changes_markdown(const struct changes *changes, struct text *out);
/* host/store/comparison.schema.json */
void changes_json(const struct changes *changes, struct text *out);
/* One page without scripts or anything to load. */
void changes_html(const struct changes *changes, struct text *out);
/* A test case a cell; regressions are its failures. */
void changes_junit(const struct changes *changes, struct text *out);

#endif
