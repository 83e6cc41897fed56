/* Tunables: build-time parameters of a variant, each with its allowed values, and tunings: a choice
 * of one value for each. */
#ifndef ATTNBENCH_PROBLEM_TUNING_H
#define ATTNBENCH_PROBLEM_TUNING_H

#include "util/arena.h"
#include "util/err.h"

#include <cjson/cJSON.h>
#include <stdint.h>

/* COMBINATIONS_MAX: how many are tried, in file order, to find one that fits a cell. */
enum { TUNABLES_MAX = 16, TUNABLE_VALUES_MAX = 16, COMBINATIONS_MAX = 1 << 14 };

struct tunable {
    const char *name;
    int count;
    int64_t values[TUNABLE_VALUES_MAX];
};

/* A choice of one value for every tunable, in the order of the variant file. */
struct tuning {
    int count;
    struct {
        const char
            *name; /* owned by the variant, or by the arena that tuning_from_json was given */
        int64_t value;
    } items[TUNABLES_MAX];
};

/* "BLOCK_Q=16,WG=64", "" if there are none. */
char *tuning_text(const struct tuning *tuning, struct arena *arena);
cJSON *tuning_to_json(const struct tuning *tuning);
int tuning_from_json(struct tuning *tuning, const cJSON *object, struct arena *arena,
                     struct err *err);

#endif
