/* Which files of a case's folder are read. */
#include "problem/operation.h"
#include "store/test_case.h"
#include "util/text.h"

#include <string.h>

bool test_case_reads(const char *name)
{
    static const char *const stems[] = {"q",          "k",     "v",      "x",     "mask",
                                        "bias",       "y",     "expect", "sinks", "expect_weights",
                                        "kv_lengths", "query", "key",    "value", "attn_mask"};
    if (strcmp(name, "case.json") == 0 || (text_starts(name, "tokens") && text_ends(name, ".txt")))
        return true;
    if (!text_ends(name, ".npy"))
        return false;
    const size_t length = strlen(name) - strlen(".npy");
    for (size_t i = 0; i < sizeof stems / sizeof *stems; ++i)
        if (strlen(stems[i]) == length && strncmp(stems[i], name, length) == 0)
            return true;
    for (int t = 0; t < operation_tensor_count(); ++t) {
        const char *tensor = operation_tensor(t)->name;
        if (strlen(tensor) == length && strncmp(tensor, name, length) == 0)
            return true;
    }
    return false;
}
