/* Reports: one file a format. Each reads struct results alone and appends to a text. */
#ifndef ATTNBENCH_REPORT_REPORT_H
#define ATTNBENCH_REPORT_REPORT_H

#include "store/results.h"
#include "util/text.h"

/* Markdown that fits into a pull request: verdict, device, best variant a problem, scaling in
 * words, what was not ok and why. Foreign strings are escaped (pipes, backticks, HTML). */
void report_markdown(const struct results *results, struct text *out);

/* RFC 4180, one line a row, one column a field of the row table, then the ends of its interval and
 * what says which run and device it was, so that files can be put together. What is unknown is
 * empty, what is longer than a spreadsheet's cell cut. Text that a spreadsheet would take for a
 * formula (= + - @, behind spaces of any kind or in full-width signs) gets a leading apostrophe.
 */
void report_csv(const struct results *results, int count, struct text *out);

/* One page that opens from disk and needs no network: tables for every reader, and charts where the
 * browser runs its script. Several results stand side by side, devices and dates as series. The
 * page allows itself (Content-Security-Policy) nothing but its own script and style. */
void report_html(const struct results *results, int count, struct text *out);

/* Google Benchmark's JSON, for its compare.py: each sample of an ok row is a repetition, as its U
 * test wants them, followed by mean, median and stddev; real_time and cpu_time are both the sample
 * in ns. Any other row is one aggregate named ..._error with error_occurred, which compare.py
 * neither pairs with times nor counts. */
void report_gbench(const struct results *results, struct text *out);

/* Bencher Metric Format: of each ok row "latency" in ns (Bencher's unit of that measure) and
 * "throughput" in operations (FLOP) a second; lower and upper values are the 95 % interval of the
 * median, left out where there is none. */
void report_bmf(const struct results *results, struct text *out);

/* Adds runs to an SQLite database, created where there is none, in one transaction: tables run,
 * device, row (a column a field of the row table) and sample. A run that is there stays as it is,
 * unless the file has more of it (it was resumed). *added: how many runs were written. -1: the file
 * cannot be written; REPORT_REFUSED: it is another program's, or a newer one's. */
enum { REPORT_REFUSED = -2 };
bool report_has_sqlite(void); /* was it there when this program was built? */
int report_sqlite(const struct results *results, int count, const char *path, int *added,
                  struct err *err);

/* Columns (0: 80; at least 40), ANSI colors, characters beyond ASCII. */
struct looks {
    int width;
    bool color, utf8;
};
/* The final table of `run`: per problem the variants side by side with the winner marked, where
 * UTF-8 is allowed their rates as blocks, then the fits in words. */
void report_table(const struct results *results, struct looks looks, struct text *out);

/* "fused: time grows as n^1.98 +- 0.03 (r2 0.9996), 12.3 ps per query-key pair; memory n^1.00". */
void report_fit_words(const struct scaling_fit *fit, struct text *out);

#endif
