/* The baseline: matrix products of CLBlast (Nugteren 2018), the tuned BLAS for OpenCL. */
#include "device/opencl.h"

#ifdef ATTNBENCH_HAVE_CLBLAST
#include <clblast_c.h>

#include <string.h>

bool clblast_available(void)
{
    return true;
}

const char *backend_clblast_version(void)
{
#ifdef CLBLAST_VERSION_MAJOR /* since 1.5.3 */
#define TEXT(number)    #number
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)
    return DOTTED(CLBLAST_VERSION_MAJOR, CLBLAST_VERSION_MINOR, CLBLAST_VERSION_PATCH);
#else
    return "yes";
#endif
}

static int blast_failed(CLBlastStatusCode status, struct failure *failure)
{
    if (status == CLBlastSuccess)
        return 0;
    if (status == CLBlastInvalidLocalThreadsTotal || status == CLBlastInvalidLocalThreadsDim ||
        status == CLBlastInvalidLocalMemUsage)
        return failure_set(failure, FAILURE_UNSUPPORTED,
                           "CLBlast's kernels want larger work-groups or more local memory than "
                           "this device has");
    if ((int)status > -1000) /* CLBlast passes OpenCL's own codes on; its own lie below */
        return opencl_failed(failure, (cl_int)status, "CLBlastSgemmStridedBatched");
    return failure_set(failure, FAILURE_ERROR,
                       "CLBlastSgemmStridedBatched failed with CLBlast status %d", (int)status);
}

/* All parameters of CLBlast 1.5's kernel Xgemm; an override must name each. Where a tuning has no
 * value of its own one follows from the others: loading threads as computing ones, rows of a
 * thread side by side, the inner loop unrolled twice (never in the kernel GEMMK=1). */
enum { XGEMM_PARAMETERS = 16 };
static const char *xgemm_names[XGEMM_PARAMETERS] = {
    "GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
    "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
/* What this process has overridden, and for which device; NULL: nothing. */
static size_t xgemm_values[XGEMM_PARAMETERS];
static cl_device_id xgemm_device;

static size_t tuned_value(const struct tuning *tuning, const char *name, size_t otherwise)
{
    for (int i = 0; i < tuning->count; ++i)
        if (strcmp(tuning->items[i].name, name) == 0)
            return (size_t)tuning->items[i].value;
    return otherwise;
}

static int override(struct session *session, const char *kernel, size_t count, const char **names,
                    const size_t *values, struct failure *failure)
{
    const CLBlastStatusCode status = CLBlastOverrideParameters(
        session->device, kernel, CLBlastPrecisionSingle, count, names, values);
    return status == CLBlastSuccess
               ? 0
               : failure_set(failure, FAILURE_ERROR,
                             "CLBlastOverrideParameters(\"%s\") failed with status %d; this build "
                             "knows the parameters of CLBlast 1.5",
                             kernel, (int)status);
}

int clblast_use(struct session *session, const struct tuning *tuning, struct failure *failure)
{
    const size_t mwg = tuned_value(tuning, "MWG", 0), gemmk = tuned_value(tuning, "GEMMK", 0);
    const size_t mdimc = tuned_value(tuning, "MDIMC", 8), ndimc = tuned_value(tuning, "NDIMC", 8);
    const size_t values[XGEMM_PARAMETERS] = {gemmk,
                                             tuned_value(tuning, "KREG", 1),
                                             tuned_value(tuning, "KWG", gemmk ? 1 : 16),
                                             gemmk ? 1 : 2,
                                             mdimc,
                                             mdimc,
                                             mwg,
                                             ndimc,
                                             ndimc,
                                             tuned_value(tuning, "NWG", 16),
                                             tuned_value(tuning, "SA", 0),
                                             tuned_value(tuning, "SB", 0),
                                             0,
                                             0,
                                             tuned_value(tuning, "VWM", 1),
                                             tuned_value(tuning, "VWN", 1)};
    /* Products below this size would take another kernel, which is not tuned. */
    const char *threshold = "XGEMM_MIN_INDIRECT_SIZE";
    const size_t always = 0;
    const bool overridden = xgemm_device == session->device;
    if (mwg == 0 && !overridden)
        return 0;
    if (mwg == 0)
        return failure_set(failure, FAILURE_ERROR,
                           "CLBlast's own parameters cannot be had back in this process");
    if (overridden && memcmp(values, xgemm_values, sizeof values) == 0)
        return 0; /* the library would compile again */
    if (override(session, "Xgemm", XGEMM_PARAMETERS, xgemm_names, values, failure) ||
        override(session, "GemmRoutine", 1, &threshold, &always, failure))
        return -1;
    memcpy(xgemm_values, values, sizeof values);
    xgemm_device = session->device;
    memset(session->gemm_ready, 0, sizeof session->gemm_ready);
    return 0;
}

int clblast_gemm(struct session *session, const struct gemm *gemm, const struct gemm_sizes *sizes,
                 cl_mem a, cl_mem b, size_t offset_b, cl_mem c, cl_event *event,
                 struct failure *failure)
{
    const CLBlastStatusCode status = CLBlastSgemmStridedBatched(
        CLBlastLayoutRowMajor, CLBlastTransposeNo,
        gemm->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, sizes->m, sizes->n, sizes->k,
        sizes->alpha, a, 0, sizes->lda, sizes->stride_a, b, offset_b, sizes->ldb, sizes->stride_b,
        0.0f, c, 0, sizes->ldc, sizes->stride_c, sizes->count, &session->launch_queue, event);
    return blast_failed(status, failure);
}

/* A product of n x n matrices of zeros. */
static int multiply_zeros(struct session *session, const struct gemm *gemm, size_t n,
                          struct failure *failure)
{
    const size_t area = n * n;
    const float zero = 0.0f;
    cl_int status = CL_SUCCESS;
    cl_mem memory = clCreateBuffer(session->context, CL_MEM_READ_WRITE, sizeof(float) * area * 3,
                                   NULL, &status);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clCreateBuffer");
    int result = 0;
    status = clEnqueueFillBuffer(session->queue, memory, &zero, sizeof zero, 0,
                                 sizeof(float) * area * 3, 0, NULL, NULL);
    if (status != CL_SUCCESS)
        result = opencl_failed(failure, status, "clEnqueueFillBuffer");
    if (result == 0)
        result = blast_failed(
            CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, CLBlastTransposeNo,
                                       gemm->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo,
                                       n, n, n, 0.0f, memory, 0, n, area, memory, area, n, area,
                                       0.0f, memory, 2 * area, n, area, 1, &session->queue, NULL),
            failure);
    if (result == 0) {
        status = clFinish(session->queue);
        if (status != CL_SUCCESS)
            result = opencl_failed(failure, status, "clFinish");
    }
    if (!(result && failure->fatal))
        clReleaseMemObject(memory);
    return result;
}

/* One product below and one above the size from which CLBlast first transposes and pads, which
 * depends on the device; no device's is below SURELY_SMALL cubed, and in a simulator the large
 * product takes minutes. */
int clblast_warm_up(struct session *session, const struct gemm *gemm,
                    const struct gemm_sizes *sizes, struct failure *failure)
{
    enum { SMALL = 7, LARGE = 509, SURELY_SMALL = 32 };
    static const size_t edges[2] = {SMALL, LARGE};
    const double volume = (double)sizes->m * (double)sizes->n * (double)sizes->k;
    const int kinds = volume < (double)SURELY_SMALL * SURELY_SMALL * SURELY_SMALL ? 1 : 2;
    for (int large = 0; large < kinds; ++large) {
        bool *ready = &session->gemm_ready[large][gemm->transpose_b];
        if (!*ready && multiply_zeros(session, gemm, edges[large], failure))
            return -1;
        *ready = true;
    }
    return 0;
}

#else

bool clblast_available(void)
{
    return false;
}

const char *backend_clblast_version(void)
{
    return "no";
}

int clblast_use(struct session *session, const struct tuning *tuning, struct failure *failure)
{
    (void)session, (void)tuning;
    return failure_set(failure, FAILURE_UNSUPPORTED, "this attnbench was built without CLBlast");
}

int clblast_gemm(struct session *session, const struct gemm *gemm, const struct gemm_sizes *sizes,
                 cl_mem a, cl_mem b, size_t offset_b, cl_mem c, cl_event *event,
                 struct failure *failure)
{
    (void)session, (void)gemm, (void)sizes, (void)a, (void)b, (void)offset_b, (void)c, (void)event;
    return failure_set(failure, FAILURE_UNSUPPORTED, "this attnbench was built without CLBlast");
}

int clblast_warm_up(struct session *session, const struct gemm *gemm,
                    const struct gemm_sizes *sizes, struct failure *failure)
{
    (void)session, (void)gemm, (void)sizes;
    return failure_set(failure, FAILURE_UNSUPPORTED, "this attnbench was built without CLBlast");
}

#endif
