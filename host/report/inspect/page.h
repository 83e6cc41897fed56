/* What the files of the inspected page share; see inspect.h. */
#ifndef ATTNBENCH_REPORT_INSPECT_PAGE_H
#define ATTNBENCH_REPORT_INSPECT_PAGE_H

#include "report/inspect/inspect.h"

enum { PAGE_COLORS = 64 }; /* classes c0 to c63 */

/* words.c: printable text as HTML, also within quotes; at most so many characters. */
void page_add_text(struct text *out, const char *foreign, int max_characters);
void page_add_block(struct text *out, const struct tokens *tokens, int64_t block, int64_t index,
                    int max_characters);

/* map.c: an SVG of the head: labels, cells with tooltips, the rows' entropies, a legend.
 *
 * The page's script reads it: cells are in g.cells, in order of rows and columns, each a rect of
 * size 1 (the group is scaled) with class c0 ... c63 and data-w, its weight, or class "hidden"; the
 * labels of rows and columns are in g.queries and g.keys, whole in their title. */
void page_add_map(const struct inspection *in, const struct map *map, int64_t head,
                  struct text *out);

#endif
