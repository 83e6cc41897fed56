/* The values of an axis, as suites and --set give them. */
#ifndef ATTNBENCH_PROBLEM_AXIS_H
#define ATTNBENCH_PROBLEM_AXIS_H

#include "util/json.h"

#include <stdint.h>

enum { AXIS_VALUES_MAX = 4096 };

/* Adds from, from*times (or from+step), ... while <= to. One of times and step is 0. */
int axis_add_range(cJSON *values, int64_t from, int64_t to, int64_t times, int64_t step,
                   struct err *err);

#endif
