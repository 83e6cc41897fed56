/* The results file: one run's header, devices, rows, scaling fits and summary.
 *
 * The schema is results.schema.json beside this file; its version is RESULTS_VERSION (SemVer:
 * unknown fields are ignored, a newer major version is refused). */
#ifndef ATTNBENCH_STORE_RESULTS_H
#define ATTNBENCH_STORE_RESULTS_H

#include "problem/device_info.h"
#include "store/row.h"

#define RESULTS_FORMAT  "attnbench-results"
#define RESULTS_VERSION "1.4.0"

/* What the wall time of a run was spent on. */
enum activity {
    ACTIVITY_MEASURE, /* launches whose samples were kept, with emptying the caches before them */
    ACTIVITY_CHECK,   /* launching, reading and judging outputs; the reference */
    ACTIVITY_WARMUP,  /* launches whose samples were not */
    ACTIVITY_BUILD,   /* compiling or loading programs */
    ACTIVITY_INPUTS,  /* making inputs, copying them to the device */
    ACTIVITY_PEAKS,   /* measuring what the device can do at most */
    ACTIVITY_START,   /* starting and ending workers, listing and opening devices, releasing */
    ACTIVITY_OTHER,   /* everything else: estimates, journal, results file, waiting */
    ACTIVITIES
};
const char *activity_name(enum activity activity); /* "measure", "check", "warmup", ... */

/* A run that a merged file holds rows of. */
struct run_part {
    const char *id;
    int64_t index, count; /* its shard; 0: the whole plan */
    const char *source;
    int64_t cells; /* rows that it has when it is finished */
    const char *host;
    const char *started_utc, *finished_utc; /* NULL: it was not finished */
};

struct run_header {
    const char *id;                         /* 32 hex digits */
    const char *started_utc, *finished_utc; /* finished_utc NULL: still running or interrupted */
    struct text_list argv;
    const char *tool_version, *git_commit;
    uint64_t seed;
    const char *plan_id;
    int64_t planned_cells; /* rows that a finished run has */
    const char
        *selection; /* with --filter: the cells that it lets through, as plan_selection says */
    const char *suite_name, *suite_sha256; /* several suites: names and hashes joined by "+" */
    const char *host_name, *host_os, *host_cpu;
    int64_t host_cpus, host_memory_bytes;
    struct {
        int64_t index, count; /* the index-th of count, from 1; 0: the whole plan, or merged */
        int64_t plan_cells;   /* rows that the whole plan has; 0: as planned_cells */
        const char *source;   /* where index and count come from; NULL: no shard */
    } shard;
    const struct source_file *files; /* of the plan's variants, by name; unknown: none */
    int file_count;
    const struct run_part *parts; /* what a merged file was made from; else none */
    int part_count;
    double time_s[ACTIVITIES]; /* of the last invocation; NaN: it has not finished */
};

/* One fit of a variant's times over n: all ok rows of a device, variant and sweep that differ in
 * n_q and n_kv alone. n is n_kv where n_q is constant (decoding), else n_q. Where n_q and n_kv vary
 * apart, so that one n has several times, there is a fit over n_kv for each n_q. */
struct scaling_fit {
    const char *device, *variant, *sweep;
    const char *fixed; /* the problem's id without what varies: "heads_q=8,heads_kv=8,d_k=64,..." */
    struct number_list n, median_s, total_bytes; /* every ok row, ascending in n */
    int fitted_from;                    /* index of the first point that is not launch-bound */
    double exponent, exponent_ci95, r2; /* NaN: too few points */
    double memory_exponent; /* of scratch_bytes where there is scratch, else of total_bytes */
    double ps_per_pair;     /* picoseconds per query-key pair of one head at the largest n */
};

struct results {
    struct run_header run;
    const struct device_info *devices;
    int device_count;
    struct row *rows;
    int row_count;
    struct scaling_fit *scaling;
    int scaling_count;
    int64_t counts[ROW_STATUSES];
    struct arena arena; /* owns everything above when loaded */
};

/* Derives `scaling` and `counts` from the rows and devices (launch latency). The fits live in the
 * arena. */
void results_derive(struct results *results);

/* What the journal's header shares with the results file. */
cJSON *results_header_to_json(const struct results *results, const char *format);
int results_header_from_json(struct results *results, const struct json *json, const char *format,
                             struct err *err);
cJSON *results_devices_to_json(const struct device_info *devices, int count);
int results_devices_from_json(struct results *results, const struct json *json,
                              const cJSON *devices, struct err *err);

/* The whole file as text, to be freed with free(). */
char *results_print(const struct results *results);
/* Its pieces, for who does not hold all rows: until "rows": [, a row's line, the fits (each call
 * adds some; `first`: none were before), and the rest. */
void results_print_head(const struct results *results, struct text *out);
void results_print_row(const struct row *row, bool last, struct text *out);
void results_print_fits(const struct results *results, bool first, struct text *out);
void results_print_tail(const struct results *results, struct text *out);

/* What stands behind the rows: `scaling` and `counts`. */
int results_tail_from_json(struct results *results, const struct json *json, struct err *err);
/* Reads and validates: format, version, types, known status names. On failure there is nothing to
 * free. */
int results_load(struct results *results, const char *file_name, const char *text, size_t length,
                 struct err *err);
/* The same of a file, which is read row by row: in memory are its rows and no text. For who does
 * not ask for digests, of large files. 1: it cannot be read so; results_load knows why. */
int results_read(struct results *results, const char *path);
void results_free(struct results *results);

/* The rules behind `attnbench check`, beyond types: every broken one is reported to `report`.
 * Returns their number. Rules: as many rows as planned_cells (when finished; in a merged file as
 * many cells of the plan), no cell twice on one device (by one run), each row as its digest says
 * (where there are digests), counts equal to the rows', a reason for each row that is not ok and
 * none for ok ones, ok rows timed and checked (unless check mode none) with err_over_tolerance <=
 * 1, median/min/p10/p90 and interval equal to what the samples say (to 1e-9), samples positive,
 * device and cell ids known and equal to the problem's, rates and roofline fractions equal to what
 * problem, times and the device's peaks say. */
typedef void results_report(void *context, const char *message);
int results_check(const struct results *results, results_report *report, void *context);
/* Those of one row, of a file whose header and devices these are. */
int results_check_row(const struct results *results, const struct row *row, results_report *report,
                      void *context);
/* What breaks no rule but should be looked at: rows faster than the device's measured roofs.
 * Returns their number. */
int results_warn(const struct results *results, results_report *report, void *context);

#endif
