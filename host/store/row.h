/* A row: what became of a cell. Every cell gets exactly one, whatever happens.
 *
 * One table (row.c) names each field with its JSON path and type; it feeds the writer, the strict
 * reader and the CSV columns. The unit is the end of a field's name. NaN stands for "unknown" and
 * is null in JSON; a group of which nothing is known (the time of an unsupported cell) is left out.
 */
#ifndef ATTNBENCH_STORE_ROW_H
#define ATTNBENCH_STORE_ROW_H

struct text_pool; /* util/pool.h */

#include "problem/device_info.h"
#include "problem/problem.h"
#include "problem/variant.h"
#include "util/json.h"
#include "util/text.h"
#include "verify/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum row_status {
    ROW_OK,
    ROW_WRONG,
    ROW_UNSUPPORTED,
    ROW_SKIPPED,
    ROW_BUILD_FAILED,
    ROW_OOM,
    ROW_TIMEOUT,
    ROW_CRASH,
    ROW_ERROR,
    ROW_STATUSES
};
const char *row_status_name(enum row_status status);
int row_status_parse(const char *name, enum row_status *status); /* -1: unknown */

struct number_list {
    int count;
    const double *values;
};
struct text_list {
    int count;
    const char *const *values;
};
struct pass_time {
    const char *kernel;
    double median_s;
};
struct pass_times { /* median of each pass, in launch order */
    int count;
    struct pass_time *items;
};

/* Of a row that was read: does the digest in it fit its content? */
enum row_digest { DIGEST_NONE, DIGEST_FITS, DIGEST_BROKEN };

struct row {
    const char *cell, *device, *variant; /* problem id, device id, variant name */
    struct text_list sweeps;             /* "suite/sweep" of each sweep that asked for the cell */
    struct tuning tuning;
    struct {
        const char
            *source;       /* default, shipped, tuned, given; NULL: the cell did not get this far */
        const char *class; /* the class of problems that it was found for; NULL: a default */
    } tuning_origin;
    struct problem problem;
    enum row_status status;
    const char *reason; /* NULL when ok */
    const char *phase;  /* how far it came: plan, open, prepare, check, measure, recheck,
                          done */
    struct {
        const char *mode; /* full, sample, none */
        int64_t rows_checked;
        double max_abs_err, max_rel_err, nmse, tolerance, err_over_tolerance;
        bool repeatable;     /* two launches on the same input gave the same bits */
        bool rechecked;      /* the output of the last timed launch was judged again */
        bool inputs_changed; /* some timed launches saw other inputs, drawn at random */
        /* How much of its limit each scale used, the most of all outputs that were judged: element,
         * row, head, column, batch, whole (verify/verdict.h). `scale`: which used most. */
        double used[SCALES];
        const char *scale;
        int64_t rows_unjudged;     /* scores so large that f32 does not know their weights */
        const char *rounding;      /* of 16-bit outputs: nearest, toward_zero, ...; NULL: unknown */
        double keys_covered;       /* part of the keys whose loss some row would have shown */
        double rows_covered;       /* part of the rows that were compared */
        double wrong_rows_found;   /* if more than this part of the rows were wrong, wherever, one
                                      was compared with a probability of 99.9 % */
        int64_t launches_compared; /* timed launches whose output was compared with a judged one */
        const char *precision;     /* that the variant declares, if not f32: tf32, f16, bf16 */
        /* Of weights that are returned, means over their rows: -sum p ln p, and the largest p. */
        double weights_entropy, weights_largest;
    } check;
    struct {
        const char *clock;        /* device, host; NULL: not timed */
        const char *clock_reason; /* why the host clock was used, or NULL */
        const char *cache; /* hot: every launch reads the same buffers; cold: emptied before */
        struct number_list samples_s;
        double median_s, min_s, p10_s, p90_s, mad_s;
        double ci95_s[2];
        double host_median_s;
        double launches_per_sample; /* in flight together; NaN: each was waited for */
        double drift; /* median of the last third of the samples over that of the first */
        /* Of samples in two groups (measure/modes.h): the part in the slower one, and the medians
         * of both; NaN: there is one group. */
        double mode_share, mode_fast_s, mode_slow_s;
        int64_t warmup, outliers;
        bool stable; /* the interval is narrow enough, and the samples are one group */
    } time;
    struct pass_times passes;
    struct {
        double pairs, unmasked_fraction, flops, bytes;
        double gflop_s, gb_s, frac_of_peak, frac_of_roofline;
        const char *roof; /* which binds: compute, bandwidth, exp, launch; NULL: unknown */
    } rates;
    struct {
        double inputs_bytes, scratch_bytes, output_bytes, total_bytes;
    } memory;
    struct {
        double time_s;
        const char *options;
        const char *origin; /* source, cache (an earlier run's binary), session (built before) */
    } build;
    struct {                /* in a merged file */
        const char *run;    /* id of the run that it comes from; NULL: the file is of one run */
        const char *repeat; /* the cell's times beside those of its first row on this device:
                               same, faster, slower, unclear; NULL: it is the first */
        double ratio;       /* of times, to the first row's */
    } part;
    const char *worker_output; /* what the driver printed meanwhile, truncated; NULL: nothing */
    enum row_digest digest;    /* not a field: written anew each time */
};

/* All numbers unknown, all strings NULL. */
struct row row_default(void);

/* Computes the rates of a row that has flops, bytes and times, from those and the device's peaks.
 */
void row_rates(struct row *row, const struct device_info *device);

/* Ends with "digest", the first 16 hex digits of SHA-256 over the row as one line of JSON without
 * it: against damage and edits by accident, not against forgery. */
cJSON *row_to_json(const struct row *row);

/* Strict about types and required fields of this major version, ignores unknown ones. Strings are
 * copied to the arena. */
int row_from_json(struct row *row, const struct json *json, const cJSON *object,
                  struct arena *arena, struct err *err);
/* The same for who does not ask for the digest (it stays DIGEST_NONE), with the strings of a pool.
 */
int row_from_json_quickly(struct row *row, const struct json *json, const cJSON *object,
                          struct arena *arena, struct text_pool *pool, struct err *err);

/* Adds to `out` what row_to_json would print, for a row of which only device, part.run, digest
 * and the rates that depend on peaks differ from the line that it was read from: without printing
 * its other numbers again, most of the work where there are many rows. False, with nothing added:
 * the line is laid out otherwise. */
bool row_relabel(const struct row *row, const struct text *line, struct text *out);

/* The table, for formats with columns: "problem.n_q" and the other keys of the problem are columns
 * too. row_field_text adds a field as plain text, nothing when it is unknown. */
int row_field_count(void);
const char *row_field_path(int field); /* "time.median_s" */
/* NUMBER: whole or not; INTERVAL: two reals; SAMPLES: the list of times. Other lists and objects
 * are TEXT. */
enum row_column {
    ROW_COLUMN_TEXT,
    ROW_COLUMN_NUMBER,
    ROW_COLUMN_INTEGER,
    ROW_COLUMN_REAL,
    ROW_COLUMN_INTERVAL,
    ROW_COLUMN_SAMPLES
};
enum row_column row_field_column(int field);
/* To be deleted by the caller; null when it is unknown. */
cJSON *row_field_json(const struct row *row, int field);
void row_field_text(const struct row *row, int field, struct text *out);

#endif
