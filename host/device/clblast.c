/* The baseline: matrix products of CLBlast (Nugteren 2018), the tuned BLAS for OpenCL. */
#include "device/opencl.h"

#ifdef ATTNBENCH_HAVE_CLBLAST
#include <clblast_c.h>

bool clblast_available(void)
{
    return true;
}

static int blast_failed(CLBlastStatusCode status, struct failure *failure)
{
    if (status == CLBlastSuccess)
        return 0;
    if ((int)status > -1000) /* CLBlast passes OpenCL's own codes on; its own lie below */
        return opencl_failed(failure, (cl_int)status, "CLBlastSgemmStridedBatched");
    return failure_set(failure, FAILURE_ERROR,
                       "CLBlastSgemmStridedBatched failed with CLBlast status %d", (int)status);
}

int clblast_gemm(struct session *session, const struct gemm *gemm, const struct gemm_sizes *sizes,
                 cl_mem a, cl_mem b, cl_mem c, cl_event *event, struct failure *failure)
{
    const CLBlastStatusCode status = CLBlastSgemmStridedBatched(
        CLBlastLayoutRowMajor, CLBlastTransposeNo,
        gemm->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, sizes->m, sizes->n, sizes->k,
        sizes->alpha, a, 0, sizes->lda, sizes->stride_a, b, 0, sizes->ldb, sizes->stride_b, 0.0f, c,
        0, sizes->ldc, sizes->stride_c, sizes->count, &session->queue, event);
    return blast_failed(status, failure);
}

/* One product below and one above the size from which CLBlast first transposes and pads. */
int clblast_warm_up(struct session *session, const struct gemm *gemm, struct failure *failure)
{
    enum { SMALL = 7, LARGE = 509 };
    if (session->gemm_ready[gemm->transpose_b])
        return 0;
    cl_int status = CL_SUCCESS;
    cl_mem memory = clCreateBuffer(session->context, CL_MEM_READ_WRITE,
                                   sizeof(float) * LARGE * LARGE * 3, NULL, &status);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clCreateBuffer");
    int result = 0;
    for (size_t n = SMALL; n <= LARGE && result == 0; n += LARGE - SMALL) {
        const size_t area = n * n;
        const CLBlastStatusCode code =
            CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, CLBlastTransposeNo,
                                       gemm->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo,
                                       n, n, n, 0.0f, memory, 0, n, area, memory, area, n, area,
                                       0.0f, memory, 2 * area, n, area, 1, &session->queue, NULL);
        result = blast_failed(code, failure);
    }
    if (result == 0) {
        status = clFinish(session->queue);
        if (status != CL_SUCCESS)
            result = opencl_failed(failure, status, "clFinish");
    }
    if (!(result && failure->fatal))
        clReleaseMemObject(memory);
    session->gemm_ready[gemm->transpose_b] = result == 0;
    return result;
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

int clblast_warm_up(struct session *session, const struct gemm *gemm, struct failure *failure)
{
    (void)session, (void)gemm;
    return failure_set(failure, FAILURE_UNSUPPORTED, "this attnbench was built without CLBlast");
}

#endif
