/* The baseline: matrix products of CLBlast (Nugteren 2018), the tuned BLAS for OpenCL. */
#include "device/opencl.h"

#ifdef ATTNBENCH_HAVE_CLBLAST
#include <clblast_c.h>

bool clblast_available(void)
{
    return true;
}

int clblast_gemm(struct session *session, const struct gemm *gemm, const struct gemm_sizes *sizes,
                 cl_mem a, cl_mem b, cl_mem c, cl_event *event, struct failure *failure)
{
    const CLBlastStatusCode status = CLBlastSgemmStridedBatched(
        CLBlastLayoutRowMajor, CLBlastTransposeNo,
        gemm->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, sizes->m, sizes->n, sizes->k,
        sizes->alpha, a, 0, sizes->lda, sizes->stride_a, b, 0, sizes->ldb, sizes->stride_b, 0.0f, c,
        0, sizes->ldc, sizes->stride_c, sizes->count, &session->queue, event);
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

#else

bool clblast_available(void)
{
    return false;
}

int clblast_gemm(struct session *session, const struct gemm *gemm, const struct gemm_sizes *sizes,
                 cl_mem a, cl_mem b, cl_mem c, cl_event *event, struct failure *failure)
{
    (void)session, (void)gemm, (void)sizes, (void)a, (void)b, (void)c, (void)event;
    return failure_set(failure, FAILURE_UNSUPPORTED, "this attnbench was built without CLBlast");
}

#endif
