/* Text in columns, for terminals: foreign text becomes plain ASCII, so that one byte is one column.
 */
#ifndef ATTNBENCH_REPORT_COLUMNS_H
#define ATTNBENCH_REPORT_COLUMNS_H

#include "util/text.h"

/* Cut to `max` columns. */
void columns_ascii(struct text *out, const char *foreign, int max);
/* Cut or padded to `columns`. */
void columns_left(struct text *out, const char *foreign, int columns);
void columns_right(struct text *out, const char *foreign, int columns);
/* Broken at spaces to lines of `width`; further lines are indented. */
void columns_wrapped(struct text *out, const char *words, int width);
/* Ends a line. Lines must not end in spaces: they would differ between editors and golden files. */
void columns_end_line(struct text *out);

#endif
