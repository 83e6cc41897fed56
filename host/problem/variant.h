/* A variant: one way to compute attention or another operation, described by
 * kernels/<name>/variant.json.
 *
 * The file's keys are documented in kernels/README.md. A variant that leaves attention open (a pass
 * {"attention": ...}) is a frame: it runs only with an attention variant in it, as compose.h puts
 * them together. Everything here is pure: the sources have been read (or embedded) before, nothing
 * is compiled, no device is touched. */
#ifndef ATTNBENCH_PROBLEM_VARIANT_H
#define ATTNBENCH_PROBLEM_VARIANT_H

#include "problem/device_info.h"
#include "problem/operation.h"
#include "problem/precision.h"
#include "problem/problem.h"
#include "problem/tuning.h"
#include "util/json.h"

/* ATTENTION_...: of an attention variant by itself, so that each fits into every frame. */
enum {
    PASSES_MAX = 48,
    ATTENTION_PASSES_MAX = 8,
    SCRATCH_MAX = 24,
    ATTENTION_SCRATCH_MAX = 4,
    ARGS_MAX = 16,
    PARTS_MAX = 3
};

/* Row-major C = alpha * A * B (B transposed if so said), `count` times with fixed strides. */
struct gemm {
    const char *a, *b, *c; /* buffer names */
    bool transpose_b;
    const char *m, *n, *k, *count, *alpha; /* expressions */
    const char *lda, *ldb, *ldc, *stride_a, *stride_b, *stride_c;
    bool stepped; /* b holds a matrix [k, n] for each step of a repeated pass */
};

/* A frame's matrix product c = a b (+ bias), whoever computes it: [m, k] times [k, n], b and bias
 * once for each step of a repeated pass. The sizes are the pass's m, n and k. */
struct product {
    const char *a, *b, *bias, *c; /* buffer names; bias: NULL for none; a: NULL for no product */
};

/* The buffers of a frame that an attention variant takes for its own. */
struct attention_hole {
    enum attention_over over;
    const char *q, *k, *v, *o, *bias; /* q: NULL for no hole; bias: NULL for the problem's own */
};

struct pass {
    const char *kernel; /* name of the __kernel function; NULL: a gemm of the library */
    const char *stage;  /* what rows call it; NULL: the kernel's name */
    const char *when;   /* expression over problem keys; 0: this problem does without the pass */
    /* How often (an expression); neighbours that are repeated alike are repeated together, in turn.
     * Which time it is, and m, n and k, reach the kernels of operations in struct stage. */
    const char *repeat;
    const char *m, *n, *k; /* expressions; NULL: 1 */
    int part;              /* of a composed variant */
    struct product product;
    struct attention_hole hole;
    const char *groups[3], *local[3];
    const char *args[ARGS_MAX]; /* buffer names; every kernel's last parameter is the shape */
    int arg_count;
    struct gemm gemm;
};

struct scratch {
    const char *name;
    const char *dims[4]; /* expressions; the product is the number of elements */
    int dim_count;
    bool storage; /* elements of the problem's dtype; otherwise f32 */
    int part;     /* of a composed variant */
};

/* What a composed variant is made of: the frame, and the variant in each of its holes, which sees
 * an attention problem of its own. */
struct part {
    const struct variant *variant;
    struct problem problem;
};

/* A file that a program is made of: "kernels/fused/fused.cl". */
struct source_file {
    const char *name, *sha256;
};

struct variant {
    const char *name, *title, *idea, *source;
    struct json json;                /* the parsed file; `supports` is read from it */
    const char *program;             /* OpenCL C with includes already expanded */
    const char *program_sha;         /* of the program and the description */
    const struct source_file *files; /* both come from; none of a composed variant */
    int file_count;
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
    const char *returns[3];   /* by enum returns: the scratch buffer that holds it, or NULL */
    unsigned ops;             /* the operations it computes, a bit each */
    enum precision precision; /* of what it multiplies */
    bool is_frame;
    struct part parts[PARTS_MAX]; /* of a composed variant: the frame first */
    int part_count;               /* 0: not composed */
    bool is_too_large;            /* composed of more than fits; variant_fit refuses it */
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

/* The file's defaults for the device's type and, where it has them, for its vectors; or NULL. */
const cJSON *variant_defaults(const struct variant *variant, const struct device_info *device);

/* Does exactly this tuning fit? */
int variant_tuning_fits(const struct variant *variant, const struct problem *problem,
                        const struct device_info *device, const struct tuning *tuning,
                        struct err *reason);

/* An expression of the variant file, in whole numbers >= 0. */
int variant_size(const char *expression, const struct problem *problem, const struct tuning *tuning,
                 int64_t *size, struct err *err);

/* The problem that a part of the variant sees, and its tunables: the whole one unless composed. */
const struct problem *variant_part_problem(const struct variant *variant, int part,
                                           const struct problem *problem);
struct tuning variant_part_tuning(const struct variant *variant, int part,
                                  const struct tuning *tuning);

/* Elements and bytes of a scratch buffer. */
int variant_scratch_bytes(const struct variant *variant, const struct scratch *scratch,
                          const struct problem *problem, const struct tuning *tuning,
                          int64_t *bytes, struct err *err);

/* An expression of a pass, which knows m, n and k too. */
int variant_pass_size(const struct variant *variant, const struct pass *pass,
                      const char *expression, const struct problem *problem,
                      const struct tuning *tuning, int64_t *size, struct err *err);

/* How many launches a run of all passes is, repeated ones counted; 1 a pass if in doubt. */
int variant_launches(const struct variant *variant, const struct problem *problem,
                     const struct tuning *tuning);

/* Bytes that a cell needs on the device. */
struct memory {
    int64_t inputs_bytes, scratch_bytes, output_bytes, total_bytes, largest_bytes;
};
int variant_memory(const struct variant *variant, const struct problem *problem,
                   const struct tuning *tuning, struct memory *memory, struct err *err);

/* The same of a cell: of a composed variant the options of the attention in it. */
char *variant_cell_options(const struct variant *variant, const struct problem *problem,
                           const struct tuning *tuning, struct arena *arena);

/* What rows call a pass: its stage, its kernel, or "gemm". */
const char *pass_name(const struct pass *pass);

/* The -D options of a build, such as "-DD_K=64 -DCAUSAL=1 -DBLOCK_Q=16": dtype, head sizes, masks
 * and tunables, but no lengths, so that one build serves a sweep over n. */
char *variant_build_options(const struct problem *problem, const struct tuning *tuning,
                            struct arena *arena);

#endif
