/* Variants on an OpenCL device: kernels and library products from building to launching. */
#include "device/opencl.h"

#include "util/clock.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- kernels --------------------------------------------------------------------------------- */

struct launch_pass {
    cl_kernel kernel; /* NULL: a gemm */
    size_t global[3], local[3];
    struct gemm_sizes gemm;
    cl_mem a, b, c;
};

struct kernels {
    const struct variant *variant;
    struct program *program;
    struct problem problem;
    struct tuning tuning;
    struct launch_pass passes[PASSES_MAX];
};

void opencl_kernels_free(struct session *session, struct kernels *kernels)
{
    (void)session;
    for (int i = 0; i < kernels->variant->pass_count; ++i)
        if (kernels->passes[i].kernel)
            clReleaseKernel(kernels->passes[i].kernel);
    free(kernels);
}

static int size_of(const struct kernels *kernels, const char *expression, size_t *size,
                   struct failure *failure)
{
    int64_t value = 0;
    if (variant_size(expression, &kernels->problem, &kernels->tuning, &value, &failure->err)) {
        failure->kind = FAILURE_ERROR;
        return -1;
    }
    *size = (size_t)value;
    return 0;
}

static int size_gemm(const struct kernels *kernels, const struct gemm *gemm,
                     struct gemm_sizes *sizes, struct failure *failure)
{
    const struct {
        const char *expression;
        size_t *size;
    } all[] = {{gemm->m, &sizes->m},
               {gemm->n, &sizes->n},
               {gemm->k, &sizes->k},
               {gemm->count, &sizes->count},
               {gemm->lda, &sizes->lda},
               {gemm->ldb, &sizes->ldb},
               {gemm->ldc, &sizes->ldc},
               {gemm->stride_a, &sizes->stride_a},
               {gemm->stride_b, &sizes->stride_b},
               {gemm->stride_c, &sizes->stride_c}};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        if (size_of(kernels, all[i].expression, all[i].size, failure))
            return -1;
    double alpha = 0;
    if (strcmp(gemm->alpha, "scale") == 0)
        alpha = problem_scale(&kernels->problem);
    else if (!text_to_double(gemm->alpha, &alpha))
        return failure_set(failure, FAILURE_ERROR, "gemm alpha is neither \"scale\" nor a number");
    sizes->alpha = (float)alpha;
    return 0;
}

static int prepare_pass(struct session *session, struct kernels *kernels, int index,
                        cl_program program, struct failure *failure)
{
    const struct pass *pass = &kernels->variant->passes[index];
    struct launch_pass *launch = &kernels->passes[index];
    if (!pass->kernel)
        return size_gemm(kernels, &pass->gemm, &launch->gemm, failure);
    size_t items = 1;
    for (int d = 0; d < 3; ++d) {
        size_t groups = 0;
        if (size_of(kernels, pass->local[d], &launch->local[d], failure) ||
            size_of(kernels, pass->groups[d], &groups, failure))
            return -1;
        launch->global[d] = groups * launch->local[d];
        items *= launch->local[d];
    }
    launch->kernel = opencl_kernel(session, program, pass->kernel, items, failure);
    return launch->kernel ? 0 : -1;
}

static int prepare_passes(struct session *session, struct kernels *kernels, struct failure *failure)
{
    for (int i = 0; i < kernels->variant->pass_count; ++i) {
        const struct pass *pass = &kernels->variant->passes[i];
        if (prepare_pass(session, kernels, i, kernels->program->handle, failure) ||
            (!pass->kernel && clblast_warm_up(session, &pass->gemm, failure)))
            return -1;
    }
    return 0;
}

struct kernels *opencl_build(struct session *session, const struct variant *variant,
                             const struct problem *problem, const struct tuning *tuning,
                             enum build_origin *origin, struct failure *failure)
{
    if (variant->library && clblast_use(session, tuning, failure))
        return NULL;
    struct arena arena = {0};
    const char *options = variant_build_options(problem, tuning, &arena);
    struct program *program =
        opencl_program(session, variant->program_sha, variant->program, options, origin, failure);
    arena_free(&arena);
    if (!program)
        return NULL;
    struct kernels *kernels = calloc(1, sizeof *kernels);
    if (!kernels) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    *kernels = (struct kernels){
        .variant = variant, .program = program, .problem = *problem, .tuning = *tuning};
    const int result = prepare_passes(session, kernels, failure);
    opencl_program_safe(session, program);
    if (result == 0)
        return kernels;
    if (failure->fatal)
        free(kernels); /* and nothing that the driver has */
    else
        opencl_kernels_free(session, kernels);
    return NULL;
}

void opencl_distrust(struct session *session, struct kernels *kernels)
{
    program_cache_forget(&session->cache, kernels->program->key);
}

static cl_mem find_binding(const struct binding *bindings, int count, const char *name)
{
    for (int i = 0; i < count; ++i)
        if (strcmp(bindings[i].name, name) == 0)
            return opencl_payload(bindings[i].buffer);
    return NULL; /* variant_load has checked the names */
}

int opencl_bind(struct session *session, struct kernels *kernels, const struct shape *shape,
                const struct binding *bindings, int count, struct failure *failure)
{
    (void)session;
    for (int i = 0; i < kernels->variant->pass_count; ++i) {
        const struct pass *pass = &kernels->variant->passes[i];
        struct launch_pass *launch = &kernels->passes[i];
        if (!pass->kernel) {
            launch->a = find_binding(bindings, count, pass->gemm.a);
            launch->b = find_binding(bindings, count, pass->gemm.b);
            launch->c = find_binding(bindings, count, pass->gemm.c);
            continue;
        }
        cl_int status = CL_SUCCESS;
        cl_uint arg = 0;
        for (; arg < (cl_uint)pass->arg_count && status == CL_SUCCESS; ++arg) {
            const cl_mem memory = find_binding(bindings, count, pass->args[arg]);
            status = clSetKernelArg(launch->kernel, arg, sizeof memory, &memory);
        }
        if (status == CL_SUCCESS)
            status = clSetKernelArg(launch->kernel, arg, sizeof *shape, shape);
        if (status != CL_SUCCESS) {
            opencl_failed(failure, status, "clSetKernelArg");
            return err_prefix(&failure->err,
                              "kernel %s, parameter %u (buffers as in \"args\", then the shape)",
                              pass->kernel, arg);
        }
    }
    return 0;
}

/* ---- launches -------------------------------------------------------------------------------- */

/* Before a gemm stands a marker: the library may launch several kernels (padding, transposing) but
 * gives the event of the last alone, so that the pass starts where the marker ends. */
static int enqueue(struct session *session, struct kernels *kernels, cl_event *begin, cl_event *end,
                   struct failure *failure)
{
    for (int i = 0; i < kernels->variant->pass_count; ++i) {
        const struct pass *pass = &kernels->variant->passes[i];
        struct launch_pass *launch = &kernels->passes[i];
        cl_int status;
        const char *call = "clEnqueueNDRangeKernel";
        if (pass->kernel) {
            status = clEnqueueNDRangeKernel(session->queue, launch->kernel, 3, NULL, launch->global,
                                            launch->local, 0, NULL, &end[i]);
        } else {
            call = "clEnqueueMarkerWithWaitList";
            status = clEnqueueMarkerWithWaitList(session->queue, 0, NULL, &begin[i]);
            if (status == CL_SUCCESS && clblast_gemm(session, &pass->gemm, &launch->gemm, launch->a,
                                                     launch->b, launch->c, &end[i], failure))
                return -1;
        }
        if (status != CL_SUCCESS)
            return opencl_failed(failure, status, call);
    }
    const cl_int status = clFinish(session->queue);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clFinish");
}

static bool read_times(cl_event event, struct event_times *times)
{
    const struct {
        cl_profiling_info what;
        uint64_t *value;
    } all[] = {{CL_PROFILING_COMMAND_QUEUED, &times->queued},
               {CL_PROFILING_COMMAND_SUBMIT, &times->submit},
               {CL_PROFILING_COMMAND_START, &times->start},
               {CL_PROFILING_COMMAND_END, &times->end}};
    for (size_t i = 0; i < 4; ++i) {
        cl_ulong value = 0;
        if (clGetEventProfilingInfo(event, all[i].what, sizeof value, &value, NULL) != CL_SUCCESS)
            return false;
        *all[i].value = value;
    }
    return true;
}

static void judge_times(const struct session *session, const struct kernels *kernels,
                        const cl_event *begin, const cl_event *end, struct launch_times *times)
{
    const int count = kernels->variant->pass_count;
    struct event_times events[PASSES_MAX] = {0};
    times->device_s = NAN;
    for (int i = 0; i < count; ++i) {
        if (!read_times(end[i], &events[i])) {
            strcpy(times->gate, "the driver gives no profiling information");
            return;
        }
        struct event_times marker;
        if (begin[i] && read_times(begin[i], &marker)) {
            events[i].queued = marker.queued;
            events[i].submit = marker.submit;
            events[i].start = marker.end;
        }
    }
    if (!timer_gate(events, count, times->host_s, session->timer_ns, times->gate))
        return;
    times->device_end_ns = events[count - 1].end;
    times->device_s = (double)(events[count - 1].end - events[0].start) * 1e-9;
    for (int i = 0; i < count; ++i)
        times->pass_s[i] = (double)(events[i].end - events[i].start) * 1e-9;
}

int opencl_launch(struct session *session, struct kernels *kernels, struct launch_times *times,
                  struct failure *failure)
{
    cl_event begin[PASSES_MAX] = {NULL}, end[PASSES_MAX] = {NULL};
    *times = (struct launch_times){.device_s = NAN};
    for (int i = 0; i < PASSES_MAX; ++i)
        times->pass_s[i] = NAN;
    if (!kernels->program->ran) /* some drivers compile only now */
        opencl_program_risk(session, kernels->program);
    const double start = clock_now_s();
    const int result = enqueue(session, kernels, begin, end, failure);
    times->host_end_s = clock_now_s();
    times->host_s = times->host_end_s - start;
    if (!kernels->program->ran)
        opencl_program_safe(session, kernels->program);
    if (result && kernels->program->cached)
        opencl_distrust(session, kernels);
    kernels->program->ran = true;
    if (result == 0)
        judge_times(session, kernels, begin, end, times);
    for (int i = 0; i < PASSES_MAX && !(result && failure->fatal); ++i) {
        if (begin[i])
            clReleaseEvent(begin[i]);
        if (end[i])
            clReleaseEvent(end[i]);
    }
    return result;
}
