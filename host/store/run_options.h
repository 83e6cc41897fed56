/* What the options of `attnbench run` are about. A results file records the command line that made
 * it, so whoever reads one must know: resume, merge, job templates, "measure again". The options
 * themselves stand in commands/options.c; a test holds both lists against each other. */
#ifndef ATTNBENCH_STORE_RUN_OPTIONS_H
#define ATTNBENCH_STORE_RUN_OPTIONS_H

#include <stdbool.h>

enum option_scope {
    SCOPE_PLAN = 1,    /* which cells, with which kernels and tunings: part of the plan's id */
    SCOPE_ROWS = 2,    /* what a row's numbers mean */
    SCOPE_MACHINE = 4, /* what is measured or kept beside the rows */
    SCOPE_SESSION = 8  /* this one start of the program: not recorded */
};

struct run_option {
    const char *name; /* without dashes */
    enum option_scope scope;
    bool has_value;
};

/* Of a word such as "--set=n=8", "--quiet" or "quiet"; NULL: no option of run. */
const struct run_option *run_option_find(const char *word);
/* By index from 0; NULL: there are no more. */
const struct run_option *run_option_at(int index);

#endif
