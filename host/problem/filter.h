/* --filter: which cells run, by a POSIX extended regular expression over "id variant".
 *
 * The expression must come from the command line, never from a file: the library's compiler
 * recurses into it and writes out what is repeated (each "+" doubles what it stands behind). Limits
 * keep both small enough for a stack of 128 KiB: on its length, the depth of its brackets, and the
 * letters and operators that it becomes. What
 * may take exponential time is refused: back references, and repetitions of what may be empty, such
 * as (a*)*, which find nothing more. */
#ifndef ATTNBENCH_PROBLEM_FILTER_H
#define ATTNBENCH_PROBLEM_FILTER_H

#include "util/err.h"

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    FILTER_LENGTH_MAX = 16384, /* an id with 1024 lengths fits in, each letter escaped */
    FILTER_DEPTH_MAX = 16,
    FILTER_OPERATORS_MAX = 256, /* * + ? { | ^ $ and brackets, once written out */
    FILTER_EXPANDED_MAX = 32768 /* letters, once written out */
};

/* Zero-initialised: lets everything through. */
struct filter {
    const char *text; /* of the expression; NULL: there is none */
    regex_t regex;
    const char
        *selection; /* what is left of one, behind the range low ... high; NULL: there is none */
    int64_t low, high;
};

/* text: borrowed; NULL: no filter. */
int filter_compile(struct filter *filter, const char *text, struct err *err);
/* Instead: what an earlier run's filter let through, as ranges of the plan's cells ("0-3,8"). */
void filter_take(struct filter *filter, const char *selection);
/* Does it let the cell of this number through? Numbers rise from call to call. */
bool filter_passes(struct filter *filter, int64_t number, const char *id, const char *variant);
/* By the expression alone. */
bool filter_matches(const struct filter *filter, const char *id, const char *variant);
void filter_free(struct filter *filter);

/* For a filter that matches nothing: how many letters in a row it shares with this subject. */
int filter_likeness(const char *filter, const char *subject);

#endif
