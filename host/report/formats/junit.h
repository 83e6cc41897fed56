/* JUnit XML: what CI systems show of test results.
 *
 * A document is made of suites. The names of cases are cells, their classes "device.variant", their
 * times the cells' median times in seconds. Foreign text is escaped; what XML forbids becomes '?'.
 */
#ifndef ATTNBENCH_REPORT_FORMATS_JUNIT_H
#define ATTNBENCH_REPORT_FORMATS_JUNIT_H

#include "store/results.h"

enum junit_outcome { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR, JUNIT_SKIPPED, JUNIT_OUTCOMES };

struct junit_suite {
    int counts[JUNIT_OUTCOMES];
    double time_s;
    struct text properties, cases;
};

struct junit_case {
    const char *device, *variant, *name;
    double time_s; /* NaN: none */
    enum junit_outcome outcome;
    const char *type, *message; /* of what did not pass */
    const char *output;         /* NULL: none */
};

void junit_add_property(struct junit_suite *suite, const char *name, const char *value);
void junit_add_case(struct junit_suite *suite, const struct junit_case *junit_case);
/* Appends the suite's element and frees what the suite holds. started_utc: NULL or
 * what the run's header says. */
void junit_end_suite(struct junit_suite *suite, const char *name, const char *started_utc,
                     struct text *suites);
/* The document around suites. */
void junit_document(const struct text *suites, struct text *out);

/* `attnbench check`: a case a row (wrong rows fail, unsupported and skipped ones are skipped, other
 * ones that are not ok are errors) and one a broken rule. `results` NULL: the file could not be
 * read, `broken` says why. */
void junit_check(const char *file, const struct results *results, const struct text_list *broken,
                 struct text *suites);

#endif
