/* What the pages share: their files as they were at build time (report/page/ and, where the build
 * found it, Chart.js as chart.js), and the hashes by which a page's Content-Security-Policy names
 * its own script and style. */
#ifndef ATTNBENCH_REPORT_PAGE_PAGE_H
#define ATTNBENCH_REPORT_PAGE_PAGE_H

#include "store/embedded.h"
#include "util/text.h"

/* The table that cmake/embed.cmake generates. */
extern const struct embedded_file page_files[];
extern const int page_file_count;

/* The text of a file; "" when the build did not have it. */
const char *page_file(const char *name);

/* 'sha256-...' of an inline script or style, quotes included: in base64 (RFC 4648). */
void page_add_hash(struct text *out, const char *content);

#endif
