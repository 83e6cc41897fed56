#include "problem/axis.h"

#include <inttypes.h>

int axis_add_range(cJSON *values, int64_t from, int64_t to, int64_t times, int64_t step,
                   struct err *err)
{
    if (from > to)
        return err_set(err, "the range is empty: from %" PRId64 " is above to %" PRId64, from, to);
    for (int64_t n = from; n <= to; n = times ? n * times : n + step) {
        if (cJSON_GetArraySize(values) >= AXIS_VALUES_MAX)
            return err_set(err, "more than %d values", AXIS_VALUES_MAX);
        cJSON_AddItemToArray(values, cJSON_CreateNumber((double)n));
    }
    return 0;
}
