/* The OpenCL backend: sessions, buffers and launches. Devices and programs have files of their own.
 *
 * One in-order queue with profiling. OpenCL 1.2 calls only, so that any driver will do. */
#include "device/opencl.h"

#include "measure/stats.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- errors ---------------------------------------------------------------------------------- */

const char *opencl_error_name(cl_int code)
{
#define NAME(symbol)                                                                               \
    case symbol:                                                                                   \
        return #symbol;
    switch (code) {
        NAME(CL_DEVICE_NOT_FOUND)
        NAME(CL_DEVICE_NOT_AVAILABLE)
        NAME(CL_COMPILER_NOT_AVAILABLE)
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE)
        NAME(CL_OUT_OF_RESOURCES)
        NAME(CL_OUT_OF_HOST_MEMORY)
        NAME(CL_PROFILING_INFO_NOT_AVAILABLE)
        NAME(CL_BUILD_PROGRAM_FAILURE)
        NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET)
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
        NAME(CL_COMPILE_PROGRAM_FAILURE)
        NAME(CL_LINK_PROGRAM_FAILURE)
        NAME(CL_INVALID_VALUE)
        NAME(CL_INVALID_PLATFORM)
        NAME(CL_INVALID_DEVICE)
        NAME(CL_INVALID_CONTEXT)
        NAME(CL_INVALID_QUEUE_PROPERTIES)
        NAME(CL_INVALID_COMMAND_QUEUE)
        NAME(CL_INVALID_MEM_OBJECT)
        NAME(CL_INVALID_BINARY)
        NAME(CL_INVALID_BUILD_OPTIONS)
        NAME(CL_INVALID_PROGRAM)
        NAME(CL_INVALID_PROGRAM_EXECUTABLE)
        NAME(CL_INVALID_KERNEL_NAME)
        NAME(CL_INVALID_KERNEL)
        NAME(CL_INVALID_ARG_INDEX)
        NAME(CL_INVALID_ARG_VALUE)
        NAME(CL_INVALID_ARG_SIZE)
        NAME(CL_INVALID_KERNEL_ARGS)
        NAME(CL_INVALID_WORK_DIMENSION)
        NAME(CL_INVALID_WORK_GROUP_SIZE)
        NAME(CL_INVALID_WORK_ITEM_SIZE)
        NAME(CL_INVALID_GLOBAL_WORK_SIZE)
        NAME(CL_INVALID_EVENT)
        NAME(CL_INVALID_OPERATION)
        NAME(CL_INVALID_BUFFER_SIZE)
    default:
        return "an unknown OpenCL error";
    }
#undef NAME
}

int opencl_failed(struct failure *failure, cl_int code, const char *call)
{
    const bool oom = code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY ||
                     code == CL_MEM_OBJECT_ALLOCATION_FAILURE;
    failure_set(failure,
                oom                                ? FAILURE_OOM
                : code == CL_BUILD_PROGRAM_FAILURE ? FAILURE_BUILD
                                                   : FAILURE_ERROR,
                "%s returned %s (%d)", call, opencl_error_name(code), (int)code);
    /* After these any further call on the context may hang or crash. */
    failure->fatal = code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY ||
                     code == CL_DEVICE_NOT_AVAILABLE || code == CL_INVALID_COMMAND_QUEUE ||
                     code == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    return -1;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void buffer_free(struct session *session, struct buffer *buffer)
{
    (void)session;
    struct opencl_buffer *b = (struct opencl_buffer *)buffer;
    if (b->payload)
        clReleaseMemObject(b->payload);
    if (b->whole)
        clReleaseMemObject(b->whole);
    free(b);
}

static struct buffer *buffer_create(struct session *session, size_t bytes, struct failure *failure)
{
    struct opencl_buffer *b = calloc(1, sizeof *b);
    if (!b) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    const size_t padded = (bytes + 3) / 4 * 4;
    b->base = (struct buffer){bytes, session->guard};
    cl_int status = CL_SUCCESS;
    b->whole = clCreateBuffer(session->context, CL_MEM_READ_WRITE, padded + 2 * session->guard,
                              NULL, &status);
    const char *call = "clCreateBuffer";
    if (status == CL_SUCCESS) {
        const cl_buffer_region region = {session->guard, padded};
        call = "clCreateSubBuffer";
        b->payload = clCreateSubBuffer(b->whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                       &region, &status);
    }
    if (status != CL_SUCCESS) {
        opencl_failed(failure, status, call);
        if (!failure->fatal)
            buffer_free(session, &b->base);
        return NULL;
    }
    return &b->base;
}

static int buffer_write(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                        const void *data, struct failure *failure)
{
    const cl_int status =
        clEnqueueWriteBuffer(session->queue, ((struct opencl_buffer *)buffer)->whole, CL_TRUE,
                             offset, bytes, data, 0, NULL, NULL);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clEnqueueWriteBuffer");
}

static int buffer_read(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                       void *data, struct failure *failure)
{
    const cl_int status =
        clEnqueueReadBuffer(session->queue, ((struct opencl_buffer *)buffer)->whole, CL_TRUE,
                            offset, bytes, data, 0, NULL, NULL);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clEnqueueReadBuffer");
}

static int buffer_fill(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                       uint32_t pattern, struct failure *failure)
{
    cl_int status = clEnqueueFillBuffer(session->queue, ((struct opencl_buffer *)buffer)->whole,
                                        &pattern, sizeof pattern, offset, bytes, 0, NULL, NULL);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clEnqueueFillBuffer");
    status = clFinish(session->queue);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clFinish");
}

/* ---- kernels --------------------------------------------------------------------------------- */

struct launch_pass {
    cl_kernel kernel; /* NULL: a gemm */
    size_t global[3], local[3];
    struct gemm_sizes gemm;
    cl_mem a, b, c;
};

struct kernels {
    const struct variant *variant;
    struct problem problem;
    struct tuning tuning;
    struct launch_pass passes[PASSES_MAX];
};

static void kernels_free(struct session *session, struct kernels *kernels)
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

static struct kernels *build(struct session *session, const struct variant *variant,
                             const struct problem *problem, const struct tuning *tuning,
                             struct failure *failure)
{
    struct arena arena = {0};
    const char *options = variant_build_options(problem, tuning, &arena);
    cl_program program =
        opencl_program(session, variant->program_sha, variant->program, options, failure);
    arena_free(&arena);
    if (!program)
        return NULL;
    struct kernels *kernels = calloc(1, sizeof *kernels);
    if (!kernels) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    kernels->variant = variant;
    kernels->problem = *problem;
    kernels->tuning = *tuning;
    for (int i = 0; i < variant->pass_count; ++i)
        if (prepare_pass(session, kernels, i, program, failure)) {
            kernels_free(session, kernels);
            return NULL;
        }
    return kernels;
}

static cl_mem find_binding(const struct binding *bindings, int count, const char *name)
{
    for (int i = 0; i < count; ++i)
        if (strcmp(bindings[i].name, name) == 0)
            return opencl_payload(bindings[i].buffer);
    return NULL; /* variant_load has checked the names */
}

static int bind(struct session *session, struct kernels *kernels, const struct shape *shape,
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
    struct event_times events[PASSES_MAX];
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
    times->device_s = (double)(events[count - 1].end - events[0].start) * 1e-9;
    for (int i = 0; i < count; ++i)
        times->pass_s[i] = (double)(events[i].end - events[i].start) * 1e-9;
}

static int launch(struct session *session, struct kernels *kernels, struct launch_times *times,
                  struct failure *failure)
{
    cl_event begin[PASSES_MAX] = {NULL}, end[PASSES_MAX] = {NULL};
    *times = (struct launch_times){.device_s = NAN};
    for (int i = 0; i < PASSES_MAX; ++i)
        times->pass_s[i] = NAN;
    const double start = now_s();
    const int result = enqueue(session, kernels, begin, end, failure);
    times->host_s = now_s() - start;
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

/* ---- sessions -------------------------------------------------------------------------------- */

/* Median of an empty kernel from enqueue to finish, by the host's clock. */
static int measure_launch(struct session *session, double *launch_us, struct failure *failure)
{
    enum { WARMUP = 20, SAMPLES = 50 };
    double samples[SAMPLES];
    cl_program program =
        opencl_program(session, "empty", "__kernel void empty(void) {}", "", failure);
    cl_kernel kernel = program ? opencl_kernel(session, program, "empty", 1, failure) : NULL;
    if (!kernel)
        return -1;
    const size_t one = 1;
    cl_int status = CL_SUCCESS;
    for (int i = 0; i < WARMUP + SAMPLES && status == CL_SUCCESS; ++i) {
        const double start = now_s();
        status = clEnqueueNDRangeKernel(session->queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL);
        if (status == CL_SUCCESS)
            status = clFinish(session->queue);
        if (i >= WARMUP)
            samples[i - WARMUP] = now_s() - start;
    }
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "launching an empty kernel");
    clReleaseKernel(kernel);
    *launch_us = 1e6 * stats_median(samples, SAMPLES);
    return 0;
}

static void close_session(struct session *session)
{
    opencl_programs_free(session);
    if (session->queue)
        clReleaseCommandQueue(session->queue);
    if (session->context)
        clReleaseContext(session->context);
    free(session);
}

static int open_handles(struct session *session, struct failure *failure)
{
    cl_int status = CL_SUCCESS;
    session->context = clCreateContext(NULL, 1, &session->device, NULL, NULL, &status);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clCreateContext");
    session->queue =
        clCreateCommandQueue(session->context, session->device, CL_QUEUE_PROFILING_ENABLE, &status);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clCreateCommandQueue");
    cl_uint align_bits = 0;
    clGetDeviceInfo(session->device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align_bits, &align_bits,
                    NULL);
    const size_t align = align_bits / 8 ? align_bits / 8 : 1;
    session->guard = align > 4096 ? align : (4096 + align - 1) / align * align;
    size_t tick = 0;
    clGetDeviceInfo(session->device, CL_DEVICE_PROFILING_TIMER_RESOLUTION, sizeof tick, &tick,
                    NULL);
    session->timer_ns = tick ? (double)tick : 1;
    return 0;
}

static struct session *open_session(struct device_info *device, struct failure *failure)
{
    const cl_device_id handle = opencl_find_device(device->id, failure);
    if (!handle)
        return NULL;
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    session->device = handle;
    if (open_handles(session, failure) || measure_launch(session, &device->launch_us, failure)) {
        if (!failure->fatal)
            close_session(session);
        return NULL;
    }
    return session;
}

const struct backend opencl_backend = {
    .name = "opencl",
    .enumerate = opencl_enumerate,
    .open = open_session,
    .close = close_session,
    .buffer_create = buffer_create,
    .buffer_free = buffer_free,
    .buffer_write = buffer_write,
    .buffer_read = buffer_read,
    .buffer_fill = buffer_fill,
    .build = build,
    .bind = bind,
    .launch = launch,
    .kernels_free = kernels_free,
};
