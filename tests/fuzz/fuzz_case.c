/* The description of a case, beside tensors that are good: what is accepted fits them. */
#include "fuzz.h"
#include "store/npy.h"
#include "store/test_case.h"
#include "util/file.h"

#include <unistd.h>

static char folder[] = "/tmp/fuzz-case-XXXXXX"; /* made once, removed at the end */
static const char *const tensors[] = {"q.npy", "k.npy", "v.npy", "sinks.npy"};

static const char *path_of(const char *file)
{
    static char path[sizeof folder + 32];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return path;
}

static void remove_folder(void)
{
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; ++i)
        unlink(path_of(tensors[i]));
    unlink(path_of("case.json"));
    rmdir(folder);
}

static void make_folder(void)
{
    static const int64_t shapes[][4] = {{1, 2, 3, 4}, {1, 2, 5, 4}, {1, 2, 5, 3}, {2}};
    static const float values[64] = {0};
    struct err err = {""};
    promise(mkdtemp(folder) != NULL, "there is room for a folder", folder);
    atexit(remove_folder);
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; ++i)
        promise(npy_write(path_of(tensors[i]), values, shapes[i], i < 3 ? 4 : 1, &err) == 0,
                "tensors are written", err.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct test_case test_case;
    struct err err = {""};
    if (!made)
        make_folder();
    made = true;
    FILE *file = fopen(path_of("case.json"), "wb"); /* no need for it to survive a power cut */
    promise(file && fwrite(data, 1, size, file) == size && fclose(file) == 0, "it is written", "");
    if (test_case_load(&test_case, folder, &err) == 0) {
        const struct problem *p = &test_case.problem;
        promise(p->batch == 1 && p->n_q * p->heads_q == 6 && p->d_k == 4 && p->d_v == 3,
                "its sizes are the tensors'", "");
        promise(test_case.rtol >= 0 && test_case.atol >= 0, "it has a tolerance", "");
        test_case_free(&test_case);
    } else {
        promise(strncmp(err.message, folder, strlen(folder)) == 0, "a refusal names the file",
                err.message);
    }
    return 0;
}
