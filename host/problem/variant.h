/* A variant: one way to compute attention, described by kernels/<name>/variant.json.
 *
 * The file's keys are documented in kernels/README.md. Everything here is pure: the sources have
 * been read (or embedded) before, nothing is compiled, no device is touched. */
#ifndef ATTNBENCH_PROBLEM_VARIANT_H
#define ATTNBENCH_PROBLEM_VARIANT_H

#include "problem/device_info.h"
#include "problem/problem.h"
#include "problem/tuning.h"
#include "util/json.h"

enum { PASSES_MAX = 8, SCRATCH_MAX = 4, ARGS_MAX = 16 };

/* Row-major C = alpha * A * B (B transposed if so said), `count` times with fixed strides. */
struct gemm {
    const char *a, *b, *c; /* buffer names */
    bool transpose_b;
    const char *m, *n, *k, *count, *alpha; /* expressions */
    const char *lda, *ldb, *ldc, *stride_a, *stride_b, *stride_c;
};

struct pass {
    const char *kernel; /* name of the __kernel function; NULL: a gemm of the library */
    const char *groups[3], *local[3];
    const char *args[ARGS_MAX]; /* buffer names; every kernel's last parameter is the shape */
    int arg_count;
    struct gemm gemm;
};

struct scratch {
    const char *name;
    const char *dims[4]; /* expressions; the product is the number of f32 elements */
    int dim_count;
};

struct variant {
    const char *name, *title, *idea, *source;
    struct json json;        /* the parsed file; `supports` is read from it */
    const char *program;     /* OpenCL C with includes already expanded */
    const char *program_sha; /* of the program and the description */
    const cJSON *supports;
    const char *where, *local_bytes, *library;
    const char *extensions[8], *device_types[4];
    int extension_count, device_type_count;
    struct tunable tunables[TUNABLES_MAX];
    int tunable_count;
    const cJSON *defaults; /* {"cpu": {...}, "gpu": {...}} or NULL */
    struct scratch scratch[SCRATCH_MAX];
    int scratch_count;
    struct pass passes[PASSES_MAX];
    int pass_count;
    const char *returns[3]; /* by enum returns: the scratch buffer that holds it, or NULL */
};

/* Reads a variant description. `file_name` and `folder` are for messages and for the rule that the
 * name equals the folder; strings live in the arena. The caller frees variant->json. */
int variant_load(struct variant *variant, const char *file_name, const char *folder,
                 const char *text, size_t length, struct arena *arena, struct err *err);
void variant_free(struct variant *variant);

/* Can this variant compute the problem on the device? On success `tuning` is the one to use: the
 * defaults for the device type if they fit, otherwise the first combination (in file order) that
 * satisfies `where` and the device's limits. Otherwise -1 with the reason. */
int variant_fit(const struct variant *variant, const struct problem *problem,
                const struct device_info *device, struct tuning *tuning, struct err *reason);

/* Does exactly this tuning fit? */
int variant_tuning_fits(const struct variant *variant, const struct problem *problem,
                        const struct device_info *device, const struct tuning *tuning,
                        struct err *reason);

/* An expression of the variant file, in whole numbers >= 0. */
int variant_size(const char *expression, const struct problem *problem, const struct tuning *tuning,
                 int64_t *size, struct err *err);

/* Bytes that a cell needs on the device. */
struct memory {
    int64_t inputs_bytes, scratch_bytes, output_bytes, total_bytes, largest_bytes;
};
int variant_memory(const struct variant *variant, const struct problem *problem,
                   const struct tuning *tuning, struct memory *memory, struct err *err);

/* The -D options of a build, such as "-DD_K=64 -DCAUSAL=1 -DBLOCK_Q=16": dtype, head sizes, masks
 * and tunables, but no lengths, so that one build serves a sweep over n. */
char *variant_build_options(const struct problem *problem, const struct tuning *tuning,
                            struct arena *arena);

#endif
