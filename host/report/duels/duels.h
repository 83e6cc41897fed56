/* What `attnbench ab` found: two sides, problem by problem. Knows nothing of how it was measured
 * but what stands in measure/pairing.h. */
#ifndef ATTNBENCH_REPORT_DUELS_DUELS_H
#define ATTNBENCH_REPORT_DUELS_DUELS_H

#include "measure/pairing.h"
#include "store/row.h"
#include "util/arena.h"
#include "util/text.h"

struct duel_end { /* of one side */
    const char *variant, *tuning, *device;
    enum row_status status;
    const char *reason, *phase; /* NULL when ok */
    double median_s;            /* NaN: not timed */
};

enum duel_kind { DUEL_SAME, DUEL_FASTER, DUEL_SLOWER, DUEL_UNCLEAR, DUEL_WRONG, DUEL_FAILED };
enum { DUEL_KINDS = DUEL_FAILED + 1 };

struct duel_row {
    const char *cell;
    struct duel_end ends[2];
    struct pairing pairing;
    const char *clock; /* device, host */
    int sessions;
    const double *session_ratios;
    int64_t launches;  /* of each side */
    const char *label; /* set by duels_finish: what of the cell the rows differ in */
};

struct duels {
    const char *names[2]; /* as they were given */
    const char *suite;
    bool apart;       /* two processes: sessions are the units */
    double threshold; /* 0.01: 1 % */
    struct duel_row *rows;
    int count;
    int left_out; /* problems that one side alone supports */
    bool interrupted;
    /* set by duels_finish */
    struct pairing_mean mean;
    int counts[DUEL_KINDS];
    const char *fixed; /* what all cells have in common */
};

/* B against A: wrong when a side is, failed when a side could not be measured. */
enum duel_kind duel_kind(const struct duel_row *row);
const char *duel_kind_name(enum duel_kind kind);

/* Counts, labels and the mean; strings are of the arena. */
void duels_finish(struct duels *duels, struct arena *arena);

/* "B is 4.8 % slower (4.1 to 5.6)"; "1.048" and "1.041-1.056" as changes.h has them; nothing when
 * unknown. */
void duel_ratio(double ratio, struct text *out);
void duel_interval(double low, double high, struct text *out);
/* "1 slower, 3 same; geometric mean 1.01x (1.00-1.02) of 4 problems". */
void duels_summary(const struct duels *duels, const char *times, struct text *out);
/* What a ratio is, and how sure. */
void duels_rule(const struct duels *duels, struct text *out);
/* Why a side was not measured, or was wrong; nothing when both are ok. */
void duel_reason(const struct duel_row *row, struct text *out);

/* At most `width` columns; the summary is the last line. */
void duels_table(const struct duels *duels, int width, struct text *out);
void duels_markdown(const struct duels *duels, struct text *out);
/* host/store/ab.schema.json */
void duels_json(const struct duels *duels, struct text *out);
/* One page without scripts: a table, and a strip of ratios for each problem. */
void duels_html(const struct duels *duels, struct text *out);

#endif
