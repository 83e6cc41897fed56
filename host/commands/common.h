/* What several commands need: suites, kernels, devices and the plan made of them. */
#ifndef ATTNBENCH_COMMANDS_COMMON_H
#define ATTNBENCH_COMMANDS_COMMON_H

#include "commands/options.h"
#include "problem/plan.h"
#include "store/kernels.h"
#include "store/results.h"
#include "worker/supervisor.h"

/* Everything that a run is made from; zero-initialised, freed by setup_free. */
struct setup {
    struct arena arena;
    struct suite *suites;
    int suite_count;
    struct kernel_tree kernels;
    struct device_info *found, *devices; /* all there are; those chosen */
    int found_count, device_count;
    bool all_devices;
    struct plan plan;
    struct supervisor supervisor; /* program, backend and kernels_dir are set by setup_devices */
};

/* Each returns an exit status: EXIT_OK, or another after printing the message. */
int setup_suites(struct setup *setup, const struct options *options);
int setup_kernels(struct setup *setup, const struct options *options);
int setup_devices(struct setup *setup, const struct options *options);
/* Says on stderr which known quirks the chosen devices have. */
void setup_show_quirks(const struct setup *setup);
int setup_plan(struct setup *setup, const struct options *options);
void setup_free(struct setup *setup);

/* Prints "attnbench: message" and returns the status. */
int fail(int status, const struct err *err);

/* Reads and validates a results file. */
int load_results(const char *path, struct results *results);

/* Writes to stdout, or atomically to a file. */
int write_output(const char *path, const char *text, size_t length);

#endif
