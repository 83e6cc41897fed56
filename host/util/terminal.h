/* What the terminal can do. */
#ifndef ATTNBENCH_UTIL_TERMINAL_H
#define ATTNBENCH_UTIL_TERMINAL_H

#include <stdbool.h>

/* May escape sequences go to this descriptor? A terminal, TERM not "dumb", NO_COLOR not set. */
bool terminal_color(int fd);
/* May a progress line be rewritten in place? As above, whatever NO_COLOR says. */
bool terminal_rewrites(int fd);
/* May characters beyond ASCII go there? The locale's encoding is UTF-8 and it is no dumb terminal.
 */
bool terminal_utf8(int fd);
/* Columns of the terminal at this moment; elsewhere those of COLUMNS, and 80 when unknown. */
int terminal_width(int fd);

#endif
