/* Which part of a plan this process runs, and where that is said. */
#ifndef ATTNBENCH_COMMANDS_SHARD_H
#define ATTNBENCH_COMMANDS_SHARD_H

#include "commands/common.h"
#include "util/host.h"

/* Reads --shard, before the devices are chosen. Exit statuses as in common.h. */
int setup_shard(struct setup *setup, const struct options *options);
/* Shares the plan out among `count`; after setup_plan. */
void setup_shares(struct setup *setup, int64_t count);
/* Does this process run the plan's cell? */
bool shard_has(const struct setup *setup, int cell);
/* Says on stderr which part it is and how that is known. */
void shard_tell(const struct setup *setup);
/* `path` with "{shard}" replaced, by "3-of-16" or "all". */
const char *shard_path(struct setup *setup, const char *path);

/* A word of a shell command, in quotes where it needs them. */
void add_shell_word(struct text *out, const char *word);

#endif
