/* Jobs that run a plan on many ranks. */
#ifndef ATTNBENCH_COMMANDS_EMIT_H
#define ATTNBENCH_COMMANDS_EMIT_H

#include "commands/common.h"

/* Adds a job of the kind `options->emit` for options->ranks ranks, whose shares are in
 * setup->shards. -1: an unknown kind. */
int emit_job(const struct setup *setup, const struct options *options, struct text *out,
             struct err *err);

/* Adds a table of what each number of ranks in "1,2,16" would need by the cost model. */
int simulate(struct setup *setup, const char *counts, struct text *out, struct err *err);

#endif
