/* The commands that measure rows of a run again. */
#ifndef ATTNBENCH_REPORT_REPRODUCE_H
#define ATTNBENCH_REPORT_REPRODUCE_H

#include "store/results.h"
#include "util/text.h"

/* A command line for a POSIX shell: the run's own, with the row's device, variant and cell instead
 * of what it was restricted to. Options that say where results go or how long to measure are left
 * out: they would not change the row. What is not printable becomes '?'. */
void reproduce_command(const struct results *results, const struct row *row, struct text *out);
/* The same for all cells of a device whose "id variant" matches an extended regular expression. */
void reproduce_filter(const struct results *results, const char *device, const char *filter,
                      struct text *out);

#endif
