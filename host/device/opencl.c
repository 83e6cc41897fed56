/* The OpenCL backend: sessions and buffers. Devices, programs and launches have files of their own.
 *
 * One in-order queue with profiling. OpenCL 1.2 calls only, so that any driver will do. */
#include "device/opencl.h"

#include "measure/stats.h"
#include "util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static struct buffer *buffer_create(struct session *session, size_t bytes, size_t guard,
                                    enum memory_place memory, struct failure *failure)
{
    guard = session->align ? (guard + session->align - 1) / session->align * session->align : 0;
    struct opencl_buffer *b = calloc(1, sizeof *b);
    if (!b) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    const size_t padded = (bytes + 3) / 4 * 4;
    b->base = (struct buffer){.bytes = bytes, .guard = guard};
    const cl_mem_flags flags =
        CL_MEM_READ_WRITE | (memory == MEMORY_HOST ? CL_MEM_ALLOC_HOST_PTR : 0);
    cl_int status = CL_SUCCESS;
    b->whole = clCreateBuffer(session->context, flags, padded + 2 * guard, NULL, &status);
    const char *call = "clCreateBuffer";
    if (status == CL_SUCCESS) {
        const cl_buffer_region region = {guard, padded};
        call = "clCreateSubBuffer";
        b->payload = clCreateSubBuffer(b->whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                       &region, &status);
        if (status == CL_SUCCESS && !b->payload) /* else kernels would get a null pointer */
            status = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    }
    if (status != CL_SUCCESS) {
        opencl_failed(failure, status, call);
        if (!failure->fatal)
            buffer_free(session, &b->base);
        return NULL; /* NOLINT(clang-analyzer-unix.Malloc): after a fatal error nothing is released
                      */
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
    if (session->align == 0)
        return 0;
    cl_int status = clEnqueueFillBuffer(session->queue, ((struct opencl_buffer *)buffer)->whole,
                                        &pattern, sizeof pattern, offset, bytes, 0, NULL, NULL);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clEnqueueFillBuffer");
    status = clFinish(session->queue);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clFinish");
}

/* ---- cold caches ----------------------------------------------------------------------------- */

/* Twice what the driver says of the last-level cache. Some speak of another level (of a compute
 * unit's), so that a GPU's share has a floor of its own. */
static size_t eviction_bytes(const struct session *session)
{
    const cl_ulong low = 64 << 20, low_gpu = 256 << 20, high = 512 << 20;
    cl_ulong cache = 0;
    cl_device_type type = 0;
    clGetDeviceInfo(session->device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache, NULL);
    clGetDeviceInfo(session->device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    const cl_ulong floor = type & CL_DEVICE_TYPE_GPU ? low_gpu : low;
    const cl_ulong bytes = cache < high / 2 ? 2 * cache : high;
    return (size_t)(bytes > floor ? bytes : floor);
}

/* A kernel, not clEnqueueFillBuffer: a fill may bypass the caches, and on a CPU one thread does it,
 * which leaves the caches of the other cores as they were. */
static int opencl_evict(struct session *session, struct failure *failure)
{
    static const char source[] =
        "__kernel void evict(__global uint4 *x) { x[get_global_id(0)] += (uint4)(1); }";
    enum { WIDTH = 16 };
    enum build_origin origin;
    if (!session->cold)
        session->cold = buffer_create(session, eviction_bytes(session), 0, MEMORY_DEVICE, failure);
    struct program *program =
        session->cold ? opencl_program(session, "evict", source, "", &origin, failure) : NULL;
    cl_kernel kernel =
        program ? opencl_kernel(session, program->handle, "evict", 1, failure) : NULL;
    if (!kernel)
        return -1;
    const cl_mem memory = opencl_payload(session->cold);
    const size_t items = session->cold->bytes / WIDTH;
    cl_int status = clSetKernelArg(kernel, 0, sizeof memory, &memory);
    if (status == CL_SUCCESS)
        status =
            clEnqueueNDRangeKernel(session->queue, kernel, 1, NULL, &items, NULL, 0, NULL, NULL);
    if (status == CL_SUCCESS)
        status = clFinish(session->queue);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "emptying the caches");
    opencl_program_safe(session, program);
    clReleaseKernel(kernel);
    return 0;
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* Median of an empty kernel from enqueue to finish, by the host's clock. */
static int measure_launch(struct session *session, double *launch_us, struct failure *failure)
{
    enum { WARMUP = 20, SAMPLES = 50 };
    double samples[SAMPLES];
    enum build_origin origin;
    struct program *program =
        opencl_program(session, "empty", "__kernel void empty(void) {}", "", &origin, failure);
    cl_kernel kernel =
        program ? opencl_kernel(session, program->handle, "empty", 1, failure) : NULL;
    if (!kernel)
        return -1;
    const size_t one = 1;
    cl_int status = CL_SUCCESS;
    for (int i = 0; i < WARMUP + SAMPLES && status == CL_SUCCESS; ++i) {
        const double start = clock_now_s();
        status = clEnqueueNDRangeKernel(session->queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL);
        if (status == CL_SUCCESS)
            status = clFinish(session->queue);
        if (i >= WARMUP)
            samples[i - WARMUP] = clock_now_s() - start;
    }
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "launching an empty kernel");
    opencl_program_safe(session, program);
    clReleaseKernel(kernel);
    *launch_us = 1e6 * stats_median(samples, SAMPLES);
    return 0;
}

static void close_session(struct session *session)
{
    opencl_programs_free(session);
    program_cache_close(&session->cache);
    if (session->cold)
        buffer_free(session, session->cold);
    opencl_scan_free(session);
    if (session->plain_queue)
        clReleaseCommandQueue(session->plain_queue);
    if (session->queue)
        clReleaseCommandQueue(session->queue);
    if (session->context)
        clReleaseContext(session->context);
    free(session);
}

/* ATTNBENCH_BARE_BUFFERS=1 is for tools that check memory themselves: no guards, in which Oclgrind
 * would not see a read end, and no fills, which count as writes. (Oclgrind 21.10 also takes what is
 * written after a clEnqueueFillBuffer for uninitialised.) */
static bool bare_buffers(void)
{
    const char *bare = getenv("ATTNBENCH_BARE_BUFFERS");
    return bare && strcmp(bare, "1") == 0;
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
    enum { ALIGN_MAX = 1 << 16 }; /* bytes; more is no alignment but a mistake */
    const size_t align = align_bits / 8 && align_bits / 8 <= ALIGN_MAX ? align_bits / 8 : 4;
    session->align = bare_buffers() ? 0 : align;
    size_t tick = 0;
    clGetDeviceInfo(session->device, CL_DEVICE_PROFILING_TIMER_RESOLUTION, sizeof tick, &tick,
                    NULL);
    session->timer_ns = tick ? (double)tick : 1;
    return 0;
}

/* PoCL keeps what it compiles on disk itself. And to give out a binary it compiles each kernel once
 * more, for any work-group size: six times the build, to save nothing. */
static bool is_pocl(const struct device_info *device)
{
    return strcmp(device->platform, "Portable Computing Language") == 0;
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
    struct arena arena = {0};
    session->backend = &opencl_backend;
    session->device = handle;
    program_cache_open(&session->cache, device_info_key(device, &arena), !is_pocl(device));
    arena_free(&arena);
    if (open_handles(session, failure) || measure_launch(session, &device->launch_us, failure)) {
        if (!failure->fatal)
            close_session(session);
        return NULL;
    }
    return session;
}

const char *backend_opencl_version(void)
{
    static char text[16];
    snprintf(text, sizeof text, "%d.%d", CL_TARGET_OPENCL_VERSION / 100,
             CL_TARGET_OPENCL_VERSION / 10 % 10);
    return text;
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
    .copy = opencl_copy,
    .compare = opencl_compare,
    .digest = opencl_digest,
    .build = opencl_build,
    .distrust = opencl_distrust,
    .bind = opencl_bind,
    .launch = opencl_launch,
    .evict = opencl_evict,
    .kernels_free = opencl_kernels_free,
    .peak = opencl_peak,
};
