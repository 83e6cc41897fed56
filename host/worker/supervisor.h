/* The supervisor: runs a plan through worker processes and turns whatever happens into rows.
 *
 * It never calls OpenCL. The cells of a group (one problem on one device) are prepared and checked
 * one after the other, then measured in alternating rounds; a cell whose measurement is complete
 * has the output of its last timed launch judged again. A worker that dies or hangs costs the cell
 * whose step it was; a new worker takes up the others where they were. What fails for all of them
 * (opening the device, making inputs) is tried again for each, so that it too costs one cell. A
 * device that does nothing but fail is left alone: see `quarantine`. */
#ifndef ATTNBENCH_WORKER_SUPERVISOR_H
#define ATTNBENCH_WORKER_SUPERVISOR_H

#include "problem/plan.h"
#include "store/row.h"
#include "verify/inputs.h"
#include "worker/account.h"

#include <signal.h>

enum isolate {
    ISOLATE_DEVICE, /* a worker for each device, restarted after a failure */
    ISOLATE_CELL,   /* a worker for each cell; variants are then not measured in rounds */
    ISOLATE_NONE    /* one worker for the whole run, restarted after a failure */
};

struct supervisor {
    const char *program;     /* path of this program */
    const char *backend;     /* "opencl" or "null" */
    const char *kernels_dir; /* --kernels, or NULL */
    enum isolate isolate;
    const enum check_mode *check; /* overrides the suites'; NULL: they decide */
    double budget_s;              /* 0: the first suite's, or none */
    double begun_s;               /* the clock when the budget began; 0: as the plan starts */
    bool build_ahead;             /* see prebuild.h */
    const bool *urgent;           /* groups with such a cell run before all others; NULL: none */
    double deadline_s;            /* overrides build_s and run_s of the suites; 0: they decide */
    int quarantine; /* after so many failures in a row a device's other cells are skipped; 0: never
                     */
    uint64_t seed;
    enum input_kind inputs;
    /* The problem's tensors come from this folder instead of the generator, and cells are checked
     * but not measured (attnbench verify); NULL: no. weights_path: where the softmax weights of the
     * first variant that returns them right are saved, or NULL. */
    const char *case_folder, *weights_path;
    struct account *account; /* where the time goes; NULL: nobody asks */
    /* attnbench tune: a cell of which one launch takes this many times as long as one of the
     * fastest cell so far is skipped after that launch, twice as many for its very first one; 0:
     * none is. fastest_s: a launch of the fastest that was known before, 0: none. */
    double give_up_factor, fastest_s;
    const volatile sig_atomic_t *stop; /* 1: end after the present group, 2: end now */

    /* A cell has become a row. Its memory stays valid for the run. */
    int (*on_row)(void *context, const struct cell *cell, const struct row *row, struct err *err);
    /* A device was opened; its launch_us is known now. */
    int (*on_device)(void *context, int device, struct err *err);
    /* Something goes on: for a progress display. median_s: of the cell's samples so far, NaN: none;
     * eta_s: until the run ends, NaN: unknown. */
    void (*on_progress)(void *context, const struct cell *cell, const char *phase, double median_s,
                        double eta_s);
    void *context;
};

/* The devices that the backend sees, found by a worker. See drivers.h, where it is. */
int supervisor_enumerate(const struct supervisor *supervisor, double deadline_s,
                         struct arena *arena, struct device_info **devices, int *count,
                         struct err *err);

/* Measures the device's peaks, the first `count` of them, and its launch_us on the way. What could
 * not be measured says why; that is no failure. False when `stop` ended it. on_device is not
 * called. The suite says how long steps may take. Strings are of the arena. */
bool supervisor_peaks(const struct supervisor *supervisor, const struct suite *suite,
                      struct device_info *device, int count, struct peaks *peaks,
                      struct arena *arena);

/* Runs all cells c with !done[c] (NULL: all). devices[i] is the plan's device i; launch_us is
 * filled in. Rows' memory comes from the arena. -1 only when a callback failed (I/O). *interrupted
 * becomes true when `stop` ended the run early. */
int supervisor_run(const struct supervisor *supervisor, const struct plan *plan,
                   struct device_info *devices, const bool *done, struct arena *arena,
                   bool *interrupted, struct err *err);

#endif
