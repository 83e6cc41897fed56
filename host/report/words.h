/* Words and numbers that several report formats share. */
#ifndef ATTNBENCH_REPORT_WORDS_H
#define ATTNBENCH_REPORT_WORDS_H

#include "store/results.h"

/* Foreign text on one line, without control characters; cut to about `max_bytes` with "...". */
void words_line(struct text *out, const char *foreign, size_t max_bytes);

/* "attention(...)/fused", and "/pocl-cpu-0" where the file has several devices: a row's name in
 * other tools. At most 1000 bytes (Bencher takes 1024): what is longer ends in a hash of it. */
void words_name(struct text *out, const struct results *results, const struct row *row);
/* The same, with what renderers make links of defused: "http[:]//", "www[.]", "[@]name", "[#]1".
 * Neither a backslash nor an entity would do, since links are looked for in what is shown. */
void words_unlink(struct text *out, const char *foreign, size_t max_bytes);
/* The same, so that it stays text in Markdown: no markup, no HTML, no link, no table cell of its
 * own. */
void words_markdown(struct text *out, const char *foreign, size_t max_bytes);

/* The same for HTML and XML, in text and in attributes. What XML 1.0 forbids becomes '?'. */
void words_xml(struct text *out, const char *foreign, size_t max_bytes);

/* Do two texts differ in nothing but numbers? NULL is like NULL only. */
bool words_alike(const char *a, const char *b);
/* The order that puts texts of one kind side by side: 0 for those that are alike. */
int words_compare(const char *a, const char *b);

/* "48 cells: 40 ok, 8 unsupported". */
void words_summary(struct text *out, const struct results *results);

/* How many results stand behind the numbers. */
struct checked {
    int right, wrong;
    int unchecked; /* timed, but never compared with the reference */
};
/* device NULL: on all of them. */
struct checked words_count_checked(const struct results *results, const char *device);

/* "time: measure 61 %, check 22 %, ... of 41.2 s"; nothing when unknown. */
void words_time(struct text *out, const struct results *results);
/* "2 cells drifted while they were measured: ..." with the worst of them; nothing if none did.
 * Drift is where the last third of a row's samples is faster or slower than the first by over 5 %.
 */
void words_drift(struct text *out, const struct results *results);

/* "2 cells fell into two groups of times: naive attention(...), 35% of its samples near 1.90 ms and
 * the others near 1 ms; ..." with the first few of them; nothing if none did. */
void words_modes(struct text *out, const struct results *results);

/* "2 cells round their outputs toward zero, not to nearest: ..." with the first of them; nothing if
 * none does, as far as it is known. */
void words_rounding(struct text *out, const struct results *results);

/* GFLOP/s in three digits: "0.12", "12.3", "1234", "1.2e-05"; nothing when unknown. */
void words_rate(struct text *out, double gflop_s);

/* A part of a whole: "85%", "4.2%"; nothing when unknown. */
void words_fraction(struct text *out, double fraction);

/* A sentence when rows are faster than the measured roofs allow; else nothing. */
void words_exceeded(struct text *out, const struct results *results);

/* report_fit_words, and with what fixed keys when the sweep has several fits of the variant. */
void words_fit(struct text *out, const struct results *results, const struct scaling_fit *fit);

#endif
