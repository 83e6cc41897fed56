/* Where suites are: a suite is named by its path, or as the file of that name, without .json, in
 *   suites/, $ATTNBENCH_SUITES, the suites that were installed with the program, or those of the
 *   checkout that the program was built in,
 * in this order, and in each of them, then in its folder models/. What was installed is found from
 * where the program is now, so that a whole installation may be moved. */
#ifndef ATTNBENCH_COMMANDS_SUITE_PATH_H
#define ATTNBENCH_COMMANDS_SUITE_PATH_H

#include "store/row.h"
#include "util/arena.h"
#include "util/err.h"

/* The file that is meant; it need not be readable where a path was given. NULL: there is no suite
 * of that name; the message says where was looked and what is like it. */
const char *suite_path(struct arena *arena, const char *name, struct err *err);

/* The names that suite_path finds, each once, as "quick" and "models/gpt-2", sorted. */
struct text_list suite_names(struct arena *arena);

/* Where this program is; "attnbench" if the system does not tell. */
const char *program_path(struct arena *arena);

#endif
