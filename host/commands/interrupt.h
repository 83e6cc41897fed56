/* Ctrl-C and SIGTERM: counted, so that a command can end well at the first and at once at the
 * second. */
#ifndef ATTNBENCH_COMMANDS_INTERRUPT_H
#define ATTNBENCH_COMMANDS_INTERRUPT_H

#include <signal.h>

/* From now on signals are counted; returns the counter: 0, 1 or 2. */
const volatile sig_atomic_t *interrupt_catch(void);

#endif
