/* The files of pages as they were at build time: inspect.css and inspect.js. The table is generated
 * by cmake/embed.cmake. */
#ifndef ATTNBENCH_REPORT_PAGE_H
#define ATTNBENCH_REPORT_PAGE_H

#include "store/embedded.h"

extern const struct embedded_file page_files[];
extern const int page_file_count;

#endif
