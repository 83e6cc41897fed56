/* What several commands need: suites, kernels, devices and the plan made of them. */
#ifndef ATTNBENCH_COMMANDS_COMMON_H
#define ATTNBENCH_COMMANDS_COMMON_H

#include "commands/options.h"
#include "problem/plan.h"
#include "problem/shards.h"
#include "store/kernels.h"
#include "store/results.h"
#include "store/test_case.h"
#include "util/place.h"
#include "worker/supervisor.h"

/* Which part of the plan; see shard.h. */
struct shard {
    int64_t index, count; /* from 1; count 0: the whole plan */
    int64_t local;        /* rank on this node, from 0; -1: unknown */
    const char *source;   /* how that is known */
};

/* Everything that a run is made from; zero-initialised, freed by setup_free. */
struct setup {
    struct arena arena;
    struct suite *suites;
    int suite_count;
    struct kernel_tree kernels;
    struct device_info *found, *devices; /* all there are; those chosen */
    int found_count, device_count;
    bool all_devices;
    struct tunings tunings;
    struct plan plan;
    const char *selection; /* of an earlier run's filter, used instead of the expression; or NULL */
    int64_t host_bytes;    /* memory that the plan counts with; 0: this machine's */
    struct shard shard;
    struct shards shards;         /* of the plan, when there is a shard */
    double waited_s;              /* for devices in use */
    struct supervisor supervisor; /* program, backend and kernels_dir are set by setup_devices */
};

/* Each returns an exit status: EXIT_OK, or another after printing the message. */
int setup_suites(struct setup *setup, const struct options *options);
int setup_kernels(struct setup *setup, const struct options *options);
int setup_devices(struct setup *setup, const struct options *options);
/* Says on stderr which known quirks the chosen devices have. */
void setup_show_quirks(const struct setup *setup);
/* Checks the chosen variants on a case, with or without the second output; what became of each goes
 * to on_row. weights_path: where the softmax weights of the first that returns them right are
 * saved, or NULL. */
struct case_run {
    const struct test_case *test_case;
    enum returns returns;
    const char *weights_path;
    int (*on_row)(void *context, const struct cell *cell, const struct row *row, struct err *err);
    void *context;
};
int setup_run_case(struct setup *setup, const struct options *options, const struct case_run *run);
int setup_plan(struct setup *setup, const struct options *options); /* with the tunings */
void setup_free(struct setup *setup);

/* peaks.c: the peaks of `count` devices, from the cache folder or measured and put there; `mode` is
 * what --peaks was given. Those that are known already stay. `verify`: cached ones are measured
 * again if the device clearly exceeds the first of them. A message on stderr says what takes time,
 * unless quiet. False: interrupted. */
bool setup_peaks(struct setup *setup, struct device_info *devices, int count, const char *mode,
                 bool verify, bool quiet);
/* Peaks that are kept, nothing measured. */
void setup_kept_peaks(struct setup *setup, struct device_info *devices, int count);
/* Waits until no other process measures on the chosen devices, and says so: two would measure each
 * other. The locks are held until the process ends; without a place for them there are none. Needs
 * supervisor.stop. Returns an exit status: one is in use for longer than --wait. */
int setup_locks(struct setup *setup, const struct options *options);

/* The file of tunings that `attnbench tune` writes for a device; NULL: there is no place for one.
 */
const char *tuning_path(const struct device_info *device, struct arena *arena);
/* Reads a tuning file that may be missing; what is wrong in it is told and left out. */
void load_tunings(struct tunings *tunings, const char *path, const struct kernel_tree *kernels,
                  struct arena *arena);

/* Prints "attnbench: message" and returns the status. */
int fail(int status, const struct err *err);

/* Reads and validates a results file. read_results leaves it to the caller to say what is wrong. */
int read_results(const char *path, struct results *results, struct err *err);
int load_results(const char *path, struct results *results);

/* outputs.c. Before anything runs: can the file that `option` names be written, and is it none of
 * the command's inputs: its arguments, what is read in folders among them, --tuning, --kernels?
 * NULL: there is nothing to check. */
int check_output(const struct options *options, const char *name, enum place_needs needs,
                 const char *option);

/* Writes to stdout (NULL, "-"), into a pipe or device, or atomically to a file. */
int write_output(const char *path, const char *text, size_t length);

#endif
