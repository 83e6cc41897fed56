#include "device/opencl_probe.h"

#include "util/clock.h"
#include "verify/inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 4,
    TURNS_MAX = 32768, /* llvmpipe silently ends longer loops */
    COMPUTE_TURNS =
        4096, /* some 30 us of a CPU: with many groups, no core waits for another's last */
    TILE_BYTES = 16 << 10,
    GPU_ITEMS = 2048, /* a compute unit's work-items: enough to hide the latencies of any GPU */
    CPU_ITEMS = 4     /* groups of one: evens out a core that is busy otherwise */
};

bool bench_is_global(const struct bench *bench)
{
    return bench->peak == PEAK_COPY || bench->peak == PEAK_READ;
}

/* Operations or bytes of a launch. */
static double amount(const struct bench *bench, const struct probe *probe)
{
    const struct form *form = probe->form;
    const double turn = (double)probe->items * form->width * form->chains;
    const double bytes = (double)probe->vectors * form->width * sizeof(float);
    switch (bench->peak) {
    case PEAK_F32:
    case PEAK_F16:
        return 2 * STEPS * turn * probe->turns;
    case PEAK_EXP:
        return STEPS * turn * probe->turns;
    case PEAK_LOCAL:
        return sizeof(float) * turn * probe->turns;
    case PEAK_READ:
        return bytes * probe->turns;
    case PEAK_COPY:
        return 2 * bytes * probe->turns;
    case PEAKS:
        break;
    }
    return NAN;
}

double probe_rate(const struct bench *bench, const struct probe *probe)
{
    return amount(bench, probe) / probe->best_s;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void drop(struct bench *bench, struct buffer **buffer)
{
    if (*buffer)
        bench->session->backend->buffer_free(bench->session, *buffer);
    *buffer = NULL;
}

void bench_close(struct bench *bench)
{
    drop(bench, &bench->in);
    drop(bench, &bench->out);
}

/* At least so many bytes, all elements of the value. */
static int reserve(struct bench *bench, struct buffer **buffer, size_t bytes, float value)
{
    uint32_t pattern = 0;
    memcpy(&pattern, &value, sizeof pattern);
    if (*buffer && (*buffer)->bytes >= bytes)
        return 0;
    drop(bench, buffer);
    *buffer = bench->session->backend->buffer_create(bench->session, bytes, 0, MEMORY_DEVICE,
                                                     bench->failure);
    return *buffer ? bench->session->backend->buffer_fill(bench->session, *buffer, (*buffer)->guard,
                                                          bytes, pattern, bench->failure)
                   : -1;
}

static int reserve_both(struct bench *bench, const struct probe *probe)
{
    enum { ZEROS_BYTES = 4096 };
    const size_t element = (size_t)probe->form->width * sizeof(float);
    const size_t global = (size_t)probe->vectors * element;
    const size_t out = bench->peak == PEAK_COPY ? global : probe->items * element;
    if (bench_is_global(bench) ? reserve(bench, &bench->in, global, 1)
                               : reserve(bench, &bench->in, ZEROS_BYTES, 0))
        return -1;
    return reserve(bench, &bench->out, out, 0);
}

static int read_out(struct bench *bench, size_t offset, size_t bytes, void *data)
{
    return bench->session->backend->buffer_read(
        bench->session, bench->out, bench->out->guard + offset, bytes, data, bench->failure);
}

/* ---- building and launching ------------------------------------------------------------------ */

void probe_size(const struct bench *bench, struct probe *probe, size_t bytes)
{
    const struct form *form = probe->form;
    const size_t units =
        bench->device->compute_units > 0 ? (size_t)bench->device->compute_units : 1;
    probe->items = units * (form->group == 1 ? CPU_ITEMS : GPU_ITEMS);
    probe->turns = bench_is_global(bench) ? 1 : 8;
    probe->blocks = 1;
    const int block = form->chains * form->group * form->width * (int)sizeof(float);
    while (probe->blocks * 2 * block <= TILE_BYTES)
        probe->blocks *= 2;
    const int64_t total = (int64_t)(bytes / sizeof(float)) / form->width;
    while (total / ((int64_t)probe->items * form->chains) > TURNS_MAX)
        probe->items *= 2;
    const int64_t stride = (int64_t)probe->items * form->chains;
    probe->vectors = total / stride * stride;
}

int probe_build(struct bench *bench, struct probe *probe)
{
    const struct form *form = probe->form;
    struct arena arena = {0};
    struct problem problem = problem_default(); /* for attention.clh, which wants a problem */
    problem.d_k = problem.d_v = 1;
    const struct tuning none = {0};
    const bool half = bench->peak == PEAK_F16;
    const char *options = arena_print(
        &arena,
        "%s -DELEMENT=%s -DHALF=%d -DWIDTH=%d -DCHAINS=%d -DSTEPS=%d -DEXP2=%d -DLOCAL_VECTORS=%d",
        variant_build_options(&problem, &none, &arena), half ? "half" : "float", half, form->width,
        form->chains, STEPS, (int)form->exponential, probe->blocks * form->chains * form->group);
    enum build_origin origin;
    probe->program =
        opencl_program(bench->session, bench->sha, bench->source, options, &origin, bench->failure);
    arena_free(&arena);
    if (probe->program)
        probe->kernel = opencl_kernel(bench->session, probe->program->handle, form->kernel,
                                      (size_t)form->group, bench->failure);
    return probe->kernel ? 0 : -1;
}

void probe_close(struct bench *bench, struct probe *probe)
{
    if (probe->program)
        opencl_program_safe(bench->session, probe->program);
    if (probe->kernel)
        clReleaseKernel(probe->kernel);
    probe->kernel = NULL;
}

static int set_arguments(struct bench *bench, const struct probe *probe)
{
    const float one = 1;
    const cl_int vectors = (cl_int)probe->vectors, turns = probe->turns, mask = probe->blocks - 1;
    const cl_mem in = opencl_payload(bench->in), out = opencl_payload(bench->out);
    const bool global = bench_is_global(bench);
    const struct {
        size_t bytes;
        const void *value;
    } arguments[] = {{sizeof in, &in},
                     {sizeof out, &out},
                     {sizeof one, global ? (const void *)&vectors : (const void *)&one},
                     {sizeof turns, &turns},
                     {sizeof mask, &mask}};
    const cl_uint count = bench->peak == PEAK_LOCAL ? 5 : 4;
    for (cl_uint i = 0; i < count; ++i) {
        const cl_int status =
            clSetKernelArg(probe->kernel, i, arguments[i].bytes, arguments[i].value);
        if (status != CL_SUCCESS)
            return opencl_failed(bench->failure, status, "clSetKernelArg");
    }
    return 0;
}

int probe_launch(struct bench *bench, const struct probe *probe, double *seconds)
{
    const size_t group = (size_t)probe->form->group;
    if (reserve_both(bench, probe) || set_arguments(bench, probe))
        return -1;
    const double start = clock_now_s();
    cl_int status = clEnqueueNDRangeKernel(bench->session->queue, probe->kernel, 1, NULL,
                                           &probe->items, &group, 0, NULL, NULL);
    if (status == CL_SUCCESS)
        status = clFinish(bench->session->queue);
    *seconds = clock_now_s() - start;
    return status == CL_SUCCESS ? 0 : opencl_failed(bench->failure, status, probe->form->kernel);
}

/* Makes a launch about `factor` times as long; false when it cannot get any longer. */
static bool grow(const struct bench *bench, struct probe *probe, double factor)
{
    const int64_t stride = (int64_t)probe->items * probe->form->chains;
    const int64_t loop = bench_is_global(bench) ? probe->vectors / stride : 1;
    const int most = bench_is_global(bench) ? (int)(TURNS_MAX / loop) : COMPUTE_TURNS;
    const int turns_max = most > 1 ? most : 1;
    const size_t items_max = probe->form->group == 1 ? 1 << 14 : 1 << 21;
    factor = fmin(fmax(1.2 * factor, 2), 8);
    if (probe->turns < turns_max) {
        probe->turns = (int)fmin(probe->turns * factor, turns_max);
        return true;
    }
    if (bench_is_global(bench) || (double)probe->items * factor > (double)items_max)
        return false;
    probe->items *= (size_t)factor;
    return true;
}

/* The first launch is not timed: some drivers compile only then. */
int probe_calibrate(struct bench *bench, struct probe *probe, double target_s)
{
    if (probe_launch(bench, probe, &probe->best_s))
        return -1;
    opencl_program_safe(bench->session, probe->program);
    do {
        if (probe_launch(bench, probe, &probe->best_s))
            return -1;
    } while (probe->best_s < target_s && grow(bench, probe, target_s / probe->best_s));
    return 0;
}

/* ---- what a launch must leave behind --------------------------------------------------------- */

static int refuse(struct bench *bench, const char *what, double found, double wanted)
{
    return failure_set(bench->failure, FAILURE_ERROR,
                       "the kernel did not do its work: %s is %.9g, not %.9g", what, found, wanted);
}

/* Whole pages at both ends and in the middle, poisoned before another launch. */
static int verify_copy(struct bench *bench, const struct probe *probe)
{
    float chunk[1024];
    double seconds = 0;
    const size_t bytes = (size_t)probe->vectors * (size_t)probe->form->width * sizeof(float);
    const size_t offsets[] = {0, bytes / 2 / sizeof chunk * sizeof chunk, bytes - sizeof chunk};
    enum { CHUNKS = sizeof offsets / sizeof *offsets };
    for (int i = 0; i < CHUNKS; ++i)
        if (bench->session->backend->buffer_fill(bench->session, bench->out,
                                                 bench->out->guard + offsets[i], sizeof chunk, 0,
                                                 bench->failure))
            return -1;
    if (probe_launch(bench, probe, &seconds))
        return -1;
    for (int i = 0; i < CHUNKS; ++i) {
        if (read_out(bench, offsets[i], sizeof chunk, chunk))
            return -1;
        for (size_t k = 0; k < sizeof chunk / sizeof *chunk; ++k)
            if (chunk[k] < 1 || chunk[k] > 1)
                return refuse(bench, "a copied element", (double)chunk[k], 1);
    }
    return 0;
}

/* Every lane counts its own steps; the lanes of a read count all elements together. */
static int verify_counts(struct bench *bench, const struct probe *probe, const float *counts,
                         size_t lanes)
{
    double sum = 0, wanted = probe->turns, tolerance = 0;
    if (bench->peak == PEAK_F32)
        wanted = (double)STEPS * probe->turns;
    else if (bench->peak == PEAK_F16)
        wanted = fmin((double)STEPS * probe->turns, 2048); /* where adding 1 changes nothing */
    else if (bench->peak == PEAK_EXP)
        wanted = 1, tolerance = 1e-4;
    for (size_t i = 0; i < lanes; ++i) {
        sum += (double)counts[i];
        if (bench->peak != PEAK_READ && !(fabs((double)counts[i] - wanted) <= tolerance))
            return refuse(bench, bench->peak == PEAK_EXP ? "a limit" : "a count", (double)counts[i],
                          wanted);
    }
    wanted = (double)probe->vectors * probe->form->width * probe->turns;
    return bench->peak == PEAK_READ && !(fabs(sum - wanted) < 0.5)
               ? refuse(bench, "the sum of ones", sum, wanted)
               : 0;
}

int probe_verify(struct bench *bench, const struct probe *probe)
{
    if (bench->peak == PEAK_COPY)
        return verify_copy(bench, probe);
    const size_t lanes = probe->items * (size_t)probe->form->width;
    const enum dtype dtype = bench->peak == PEAK_F16 ? DTYPE_F16 : DTYPE_F32;
    const size_t bytes = lanes * (size_t)dtype_bytes(dtype);
    void *raw = malloc(bytes);
    float *counts = malloc(lanes * sizeof *counts);
    int result = -1;
    if (!raw || !counts) {
        failure_set(bench->failure, FAILURE_OOM, "out of memory on the host");
    } else if (read_out(bench, 0, bytes, raw) == 0) {
        dtype_decode(dtype, raw, counts, (int64_t)lanes);
        result = verify_counts(bench, probe, counts, lanes);
    }
    free(raw);
    free(counts);
    return result;
}
