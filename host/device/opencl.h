/* Shared by the files of the OpenCL backend; nothing outside host/device/ sees CL/cl.h. */
#ifndef ATTNBENCH_DEVICE_OPENCL_H
#define ATTNBENCH_DEVICE_OPENCL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "device/backend.h"
#include "device/program_cache.h"

struct program {
    struct program *next;
    char sha[65];
    char *options;
    char key[65]; /* in the program cache */
    cl_program handle;
    bool cached; /* its binary came from the program cache */
    bool aside;  /* ... and its file is set aside there */
    bool ran;    /* it has been launched once */
};

struct session {
    const struct backend *backend; /* that opened it */
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    cl_command_queue plain_queue, launch_queue; /* without profiling, or NULL; that launches use */
    double timer_ns;                            /* CL_DEVICE_PROFILING_TIMER_RESOLUTION */
    size_t align;             /* bytes, of sub-buffers, and so of guards; 0: buffers have none */
    struct program *programs; /* built so far, by source and options */
    struct program_cache cache;
    /* CLBlast has compiled its kernels: for small and for large products, with b as it is and
     * transposed. */
    bool gemm_ready[2][2];
    struct scan *scan;   /* compares and hashes; NULL until it is wanted */
    struct buffer *cold; /* larger than the device's caches; NULL until it is wanted */
};

struct opencl_buffer {
    struct buffer base;
    cl_mem whole, payload; /* payload is a sub-buffer of whole */
};

static inline cl_mem opencl_payload(struct buffer *buffer)
{
    return ((struct opencl_buffer *)buffer)->payload;
}

/* opencl_error.c: "CL_OUT_OF_RESOURCES" for an error code. */
const char *opencl_error_name(cl_int code);

/* Fills the failure for a failed call, with kind and fatality by error code; returns -1. */
int opencl_failed(struct failure *failure, cl_int code, const char *call);

/* opencl_devices.c */
int opencl_enumerate(struct arena *arena, struct device_info **devices, int *count,
                     struct failure *failure);
/* The handle of the device with this id; NULL with a failure. */
cl_device_id opencl_find_device(const char *id, struct failure *failure);

/* opencl_program.c. A program that comes from the program cache is at risk, its file set aside,
 * until its kernels are made, and again while it is launched for the first time. */
struct program *opencl_program(struct session *session, const char *sha, const char *source,
                               const char *options, enum build_origin *origin,
                               struct failure *failure);
void opencl_program_risk(struct session *session, struct program *program);
void opencl_program_safe(struct session *session, struct program *program);
cl_kernel opencl_kernel(struct session *session, cl_program program, const char *name,
                        size_t work_items, struct failure *failure);
void opencl_programs_free(struct session *session);

/* opencl_kernels.c and opencl_launch.c: these are the backend's */
struct kernels *opencl_build(struct session *session, const struct variant *variant,
                             const struct problem *problem, const struct tuning *tuning,
                             enum build_origin *origin, struct failure *failure);
void opencl_distrust(struct session *session, struct kernels *kernels);
int opencl_bind(struct session *session, struct kernels *kernels, const struct shape *shapes,
                const struct binding *bindings, int count, struct failure *failure);
int opencl_launch(struct session *session, struct kernels *kernels, const struct handover *how,
                  struct launch_times *times, struct failure *failure);
void opencl_kernels_free(struct session *session, struct kernels *kernels);

/* opencl_scan.c: the backend's */
int opencl_copy(struct session *session, struct buffer *from, struct buffer *to,
                struct failure *failure);
int opencl_compare(struct session *session, struct buffer *a, struct buffer *b, bool *same,
                   struct failure *failure);
int opencl_digest(struct session *session, struct buffer *buffer, uint64_t *digest,
                  struct failure *failure);
void opencl_scan_free(struct session *session);

/* opencl_peaks.c: the backend's */
int opencl_peak(struct session *session, const struct device_info *device, enum peak peak,
                const char *source, struct peak_rate *result, struct arena *arena,
                struct failure *failure);

/* clblast.c: one strided-batched GEMM; the event is of its last kernel. */
struct gemm_sizes {
    size_t m, n, k, count;
    size_t lda, ldb, ldc, stride_a, stride_b, stride_c;
    float alpha;
    size_t step_b; /* from a step's b to the next one's, in elements */
};
int clblast_gemm(struct session *session, const struct gemm *gemm, const struct gemm_sizes *sizes,
                 cl_mem a, cl_mem b, size_t offset_b, cl_mem c, cl_event *event,
                 struct failure *failure);
/* CLBlast compiles its kernels when they are first called for. This calls for those that a product
 * of these sizes may need. */
int clblast_warm_up(struct session *session, const struct gemm *gemm,
                    const struct gemm_sizes *sizes, struct failure *failure);
bool clblast_available(void);
/* Gives CLBlast the parameters of its kernel Xgemm that a tuning names (GEMMK, MWG, NWG, KWG,
 * MDIMC, NDIMC, VWM, VWN, KREG, SA, SB); without MWG, or with 0, it uses its own. They hold for the
 * process: its own cannot be had back, which is a failure. */
int clblast_use(struct session *session, const struct tuning *tuning, struct failure *failure);

#endif
