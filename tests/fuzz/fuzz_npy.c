/* .npy files: what is accepted has as many values as its shape says. */
#include "fuzz.h"
#include "store/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct npy npy;
    struct err err = {""};
    if (npy_load(&npy, "fuzz.npy", data, size, &arena, &err) == 0) {
        int64_t count = 1;
        for (int d = 0; d < npy.rank; ++d)
            count *= npy.shape[d];
        promise(count == npy.count && count > 0, "the count is the shape's", "");
        double sum = 0;
        for (int64_t i = 0; i < count; ++i)
            sum += npy.values[i];
        promise(npy.kind != 'b' || (sum >= 0 && sum <= (double)count), "booleans are 0 or 1", "");
    } else {
        promise_refusal(&err);
    }
    arena_free(&arena);
    return 0;
}
