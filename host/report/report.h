/* Reports: one file a format. Each reads struct results alone and appends to a text. */
#ifndef ATTNBENCH_REPORT_REPORT_H
#define ATTNBENCH_REPORT_REPORT_H

#include "store/results.h"
#include "util/text.h"

/* Markdown that fits into a pull request: verdict, device, best variant a problem, scaling in
 * words, what was not ok and why. Foreign strings are escaped (pipes, backticks, HTML). */
void report_markdown(const struct results *results, struct text *out);

/* RFC 4180, one line a row, one column a field of the row table; text that a spreadsheet would take
 * for a formula (= + - @ tab) gets a leading apostrophe. */
void report_csv(const struct results *results, struct text *out);

/* One page that opens from disk and needs no network: tables for every reader, and charts where the
 * browser runs its script. Several results stand side by side, devices and dates as series. The
 * page allows itself (Content-Security-Policy) nothing but its own script and style. */
void report_html(const struct results *results, int count, struct text *out);

/* The final table of `run`, at most `width` columns: per problem the variants side by side with the
 * winner marked, then the fits in words. `color` allows ANSI. */
void report_table(const struct results *results, int width, bool color, struct text *out);

/* "fused: time grows as n^1.98 +- 0.03 (r2 0.9996), 12.3 ps per query-key pair; memory n^1.00". */
void report_fit_words(const struct scaling_fit *fit, struct text *out);

#endif
