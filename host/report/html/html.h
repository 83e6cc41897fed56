/* What the files of the HTML report share; html.c says how they make one page.
 *
 * The page is self-contained: data as JSON for its script, which draws the charts, and tables that
 * need no script. Foreign text reaches the page only through words_xml and html_data, which leave
 * no markup, no control character and no change of reading direction in it. */
#ifndef ATTNBENCH_REPORT_HTML_HTML_H
#define ATTNBENCH_REPORT_HTML_HTML_H

#include "report/report.h"

/* A device of a file: what series of charts and columns of tables belong to. */
struct html_source {
    const struct results *results;
    const struct device_info *device;
    const char *label; /* tells it from the other sources: device, suite, date as far as needed */
};

struct html_page {
    const struct results *results; /* [count] */
    int count;
    struct html_source *sources; /* in the order of the files and of their devices */
    int source_count;
    struct arena *arena;
};

/* parts.c. "1.87 ms", with a Greek micro. */
void html_seconds(struct text *out, double seconds);
/* The source of a row of file `file`, or -1: its device is not in the file. */
int html_source_of(const struct html_page *page, int file, const struct row *row);
/* "n 1024, 8 heads, d 64, causal, f32". */
void html_problem(struct text *out, const struct problem *problem);
/* Keys that differ from their default and have no column of their own: "batch=2, softcap=50". */
void html_other_keys(struct text *out, const struct problem *problem);

/* summary.c: what a reader wants first, and where it was measured. */
void html_add_verdict(const struct html_page *page, struct text *out);
void html_add_devices(const struct html_page *page, struct text *out);

/* claims/html.c: the section of claims (nothing where no file has rows of them), and its data:
 *     "claims": [[a claim's figures], ...], in the order of the page. */
void html_add_claims(const struct html_page *page, struct text *out);
void html_add_claims_data(const struct html_page *page, struct text *out);

/* tables.c: times by sweep with the fits in words, what was not ok, every row. */
void html_add_sweeps(const struct html_page *page, struct text *out);
void html_add_failures(const struct html_page *page, struct text *out);
void html_add_rows(const struct html_page *page, struct text *out);

/* data.c: the JSON that report.js draws from, safe inside of a script element.
 *     { "sources": [{label, device}], "problems": [{cell, keys, phase, suite}],
 *       "rows": [{source, problem, variant, status, ...}], "fits": [...] }
 * Rows are those of all files in turn, as in the table of all rows; samples have 5 digits.
 * Of rows with many samples evenly spaced quantiles are kept: SAMPLES_TOTAL in all. */
enum { HTML_SAMPLES_TOTAL = 40000, HTML_SAMPLES_MIN = 25, HTML_SAMPLES_MAX = 1000 };
void html_add_data(const struct html_page *page, struct text *out);

#endif
