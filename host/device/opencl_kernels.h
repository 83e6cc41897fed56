/* A variant built for a problem: what building and binding leave for launching. */
#ifndef ATTNBENCH_DEVICE_OPENCL_KERNELS_H
#define ATTNBENCH_DEVICE_OPENCL_KERNELS_H

#include "device/opencl.h"

struct launch_pass {
    cl_kernel kernel; /* NULL: a gemm */
    size_t global[3], local[3];
    struct gemm_sizes gemm;
    cl_mem a, b, c;
    int repeat;
    struct stage stage; /* of a kernel of another operation than attention */
};

struct kernels {
    const struct variant *variant;
    struct program *programs[PARTS_MAX];
    struct problem problem;
    struct tuning tuning;
    struct launch_pass passes[PASSES_MAX];
    int launches; /* of all passes, repeated ones counted */
};

/* Attention's kernels get the shape, those of other operations the stage. */
bool opencl_takes_stage(const struct kernels *kernels, const struct pass *pass);
/* Sets the last parameter of a pass's kernel, the shape or the stage. */
cl_int opencl_set_shape(const struct kernels *kernels, int index, cl_uint arg);

#endif
