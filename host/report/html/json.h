/* JSON that is safe inside of a script element: no "<" that could end the element or open a
 * comment, no control character, no change of reading direction. It grows in a text of its own,
 * since commas depend on what stands at its end. */
#ifndef ATTNBENCH_REPORT_HTML_JSON_H
#define ATTNBENCH_REPORT_HTML_JSON_H

#include "util/text.h"

enum { JSON_SAMPLE = 5, JSON_MEASURED = 8, JSON_EXACT = 15 }; /* digits: as tables round */

/* A comma, unless what follows is the first in its object or array. */
void html_json_next(struct text *out);
void html_json_key(struct text *out, const char *key);
void html_json_string(struct text *out, const char *foreign);
/* A key with its value; NULL and what is not finite are left out. */
void html_json_text(struct text *out, const char *key, const char *foreign);
void html_json_number(struct text *out, const char *key, double value, int digits);
/* In a list null stands for what is not finite. */
void html_json_numbers(struct text *out, const char *key, const double *values, int count,
                       int digits);

#endif
