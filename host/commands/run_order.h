/* The order in which a run measures: its plan's, but with --kernels the uneven shapes of what is
 * new come first, with the other variants of their problem.
 *
 * A kernel in the making is wrong where no tile divides the lengths, and suites have those last.
 * The variants that the program brings are new on every new machine: there they would spend a
 * budget on the builds for a shape that decides nothing. What a variant's program computed right is
 * remembered in the cache folder, by program, device and driver; without a cache folder nothing is
 * taken to be new. */
#ifndef ATTNBENCH_COMMANDS_RUN_ORDER_H
#define ATTNBENCH_COMMANDS_RUN_ORDER_H

#include "commands/run_state.h"

/* Runs the cells that are not done, as supervisor_run does. */
int order_run(struct run_state *state, bool *interrupted, struct err *err);

/* Rows in plan order, where some were measured before their turn. */
void order_rows(struct run_state *state);

/* Remembers the variants that have a right row. */
void order_remember(const struct run_state *state);

#endif
