#include "report/failures.h"

#include "report/words.h"

#include <stdlib.h>
#include <string.h>

static int compare_kinds(const void *left, const void *right)
{
    const struct row *a = ((const struct failure *)left)->row;
    const struct row *b = ((const struct failure *)right)->row;
    int order = (int)a->status - (int)b->status;
    if (!order)
        order = strcmp(a->variant, b->variant);
    if (!order)
        order = strcmp(a->device, b->device);
    if (!order)
        order = words_compare(a->reason, b->reason);
    return order;
}

int failures_find(const struct results *results, const struct failure **failures,
                  struct arena *arena)
{
    struct failure *found = arena_array(arena, (size_t)results->row_count + 1, sizeof *found);
    int count = 0, kinds = 0;
    for (int i = 0; i < results->row_count; ++i)
        if (results->rows[i].status != ROW_OK)
            found[count++] = (struct failure){results->rows + i, 1};
    qsort(found, (size_t)count, sizeof *found, compare_kinds);
    for (int i = 0; i < count; ++i) {
        if (kinds && compare_kinds(found + kinds - 1, found + i) == 0)
            ++found[kinds - 1].cells;
        else
            found[kinds++] = found[i];
    }
    *failures = found;
    return kinds;
}
