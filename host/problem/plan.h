/* The plan: suites x variants x device limits, expanded into cells in a fixed order. Pure.
 *
 * Order: devices as given; within a device suites, sweeps and problems in file order; within a
 * problem the variants in alphabetical order. A problem that several sweeps ask for is one cell
 * that names them all. Cells of one problem on one device stand together: they are a group, whose
 * variants are measured in alternating rounds. */
#ifndef ATTNBENCH_PROBLEM_PLAN_H
#define ATTNBENCH_PROBLEM_PLAN_H

#include "problem/suite.h"
#include "problem/tunings.h"
#include "problem/variant.h"

/* Cells that were asked for, and all with those that --filter skips. */
enum { PLAN_CELLS_MAX = 1000000, PLAN_ROWS_MAX = 4000000 };

enum cell_fate { CELL_RUN, CELL_UNSUPPORTED, CELL_SKIPPED };

struct cell {
    const char *id; /* the problem's */
    struct problem problem;
    const struct variant *variant;
    int device; /* index into the plan's devices */
    int group;  /* cells with one problem and device, numbered from 0 */
    struct tuning tuning;
    enum tuning_source tuning_source;
    const char *tuning_class; /* the class that it was found for; NULL: a default */
    const char **sweeps;      /* "suite/sweep", at least one */
    int sweep_count;
    enum cell_fate fate;
    bool filtered;             /* skipped by the filter */
    const char *reason;        /* when it will not run */
    const struct suite *suite; /* the first that asked for it: its rules of measuring apply */
    double flops, bytes;
    struct memory memory;
    bool other_fits; /* with a second set of inputs and two more outputs beside: those of the check
                      */
};

struct plan {
    /* SHA-256 over the cells' ids, variants' program_sha, models and drivers of the devices: the
     * same on every device of one model, wherever it is. */
    char id[65];
    struct cell *cells;
    int count;
    const struct device_info *devices;
    int device_count;
    struct arena arena;
};

struct plan_request {
    const struct suite *suites;
    int suite_count;
    const struct variant *variants; /* sorted by name */
    int variant_count;
    const struct device_info *devices;
    int device_count;
    const struct problem *problem; /* instead of the sweeps' problems; suites[0] gives the rules */
    const char *only_variants;     /* "naive,fused", or NULL for all */
    const char *filter; /* see filter.h; from the command line, never from a file; or NULL */
    /* What plan_selection said of a plan with this filter: used instead of compiling it, where it
     * comes from a file; or NULL. */
    const char *selection;
    const struct tunings *tunings; /* used before the variants' defaults; NULL: none */
    bool may_be_empty;             /* a filter that matches nothing is no mistake */
    int64_t host_bytes;            /* memory of the host for the reference; 0: unknown */
};

/* Does only_variants name only variants that there are? -1 with a suggestion if not. */
int plan_check_variants(const struct plan_request *request, struct err *err);
/* What cells that --filter left out say first. */
#define PLAN_LEFT_OUT "does not match --filter"

/* Do the suites name only variants that there are? -1 with file, line and key path if not. */
int plan_check_suites(const struct plan_request *request, struct err *err);

/* -1: an unknown name in only_variants, a bad expression, one that matches nothing, too many cells
 * or none at all. What the request
 * points to must outlive the plan. */
int plan_build(struct plan *plan, const struct plan_request *request, struct err *err);
void plan_free(struct plan *plan);

/* Which cells the filter has let through, as ranges of their numbers from 0: "0-3,8". */
const char *plan_selection(const struct plan *plan, struct arena *arena);

#endif
