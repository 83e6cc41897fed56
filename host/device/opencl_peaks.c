/* Peaks on an OpenCL device: the kernels of kernels/peaks in several forms, the fastest of which
 * counts.
 *
 * Each form is calibrated from a short launch to one of about TARGET_S, so that neither launching
 * nor a slow device matters, and must leave the counts that its work implies. The forms that are
 * near the best are then repeated in rounds, so that a disturbance does not decide which form wins.
 * The clock is the host's, from enqueue to finish: launches this long make its overhead a
 * thousandth, and no driver can lie about it. */
#include "device/opencl.h"

#include "util/clock.h"
#include "util/sha256.h"
#include "verify/inputs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double target_s = 0.02, budget_s = 2, near_best = 0.8;
enum {
    ROUNDS = 8,
    STEPS = 4,
    TURNS_MAX = 32768, /* llvmpipe silently ends longer loops */
    FORMS_MAX = 12,
    TILE_BYTES = 16 << 10,
    GPU_ITEMS = 2048, /* a compute unit's work-items: enough to hide the latencies of any GPU */
    CPU_ITEMS = 4,    /* groups of one: evens out a core that is busy otherwise */
    MEGABYTE = 1 << 20
};

enum exponential { POLYNOMIAL, EXP2, NATIVE }; /* as peaks.cl numbers them */

struct form {
    const char *kernel;
    int width, chains; /* elements a vector; vectors that do not depend on each other */
    int group;         /* work-items a group; 1: a form for CPUs */
    enum exponential exponential;
};

static const struct form f32_forms[] = {
    {"multiply_add", 16, 12, 1, EXP2}, {"multiply_add", 16, 16, 1, EXP2},
    {"multiply_add", 8, 12, 1, EXP2},  {"multiply_add", 4, 12, 1, EXP2},
    {"multiply_add", 1, 8, 256, EXP2}, {"multiply_add", 1, 16, 256, EXP2},
    {"multiply_add", 4, 8, 64, EXP2},  {NULL, 0, 0, 0, EXP2}};
static const struct form f16_forms[] = {
    {"multiply_add", 16, 12, 1, EXP2}, {"multiply_add", 8, 12, 1, EXP2},
    {"multiply_add", 2, 8, 256, EXP2}, {"multiply_add", 2, 16, 256, EXP2},
    {"multiply_add", 8, 4, 64, EXP2},  {NULL, 0, 0, 0, EXP2}};
static const struct form exp_forms[] = {{"exp2_chains", 16, 8, 1, POLYNOMIAL},
                                        {"exp2_chains", 8, 8, 1, POLYNOMIAL},
                                        {"exp2_chains", 4, 8, 1, POLYNOMIAL},
                                        {"exp2_chains", 16, 8, 1, EXP2},
                                        {"exp2_chains", 1, 8, 256, NATIVE},
                                        {"exp2_chains", 4, 2, 256, NATIVE},
                                        {"exp2_chains", 1, 8, 256, EXP2},
                                        {"exp2_chains", 1, 8, 256, POLYNOMIAL},
                                        {NULL, 0, 0, 0, EXP2}};
static const struct form copy_forms[] = {
    {"copy_streams", 16, 1, 1, EXP2},    {"copy_streams", 16, 4, 1, EXP2},
    {"copy_coalesced", 4, 4, 256, EXP2}, {"copy_coalesced", 4, 1, 256, EXP2},
    {"copy_coalesced", 1, 4, 256, EXP2}, {NULL, 0, 0, 0, EXP2}};
static const struct form read_forms[] = {{"read_streams", 16, 4, 1, EXP2},
                                         {"read_streams", 16, 2, 1, EXP2},
                                         {"read_streams", 8, 4, 1, EXP2},
                                         {"read_coalesced", 4, 4, 256, EXP2},
                                         {"read_coalesced", 4, 8, 256, EXP2},
                                         {"read_coalesced", 1, 8, 256, EXP2},
                                         {NULL, 0, 0, 0, EXP2}};
static const struct form local_forms[] = {{"local_read", 16, 8, 1, EXP2},
                                          {"local_read", 8, 8, 1, EXP2},
                                          {"local_read", 4, 8, 1, EXP2},
                                          {"local_read", 1, 4, 256, EXP2},
                                          {"local_read", 4, 2, 128, EXP2},
                                          {"local_read", 4, 4, 64, EXP2},
                                          {NULL, 0, 0, 0, EXP2}};
static const struct form *const all_forms[PEAKS] = {
    [PEAK_F32] = f32_forms,   [PEAK_F16] = f16_forms,   [PEAK_EXP] = exp_forms,
    [PEAK_COPY] = copy_forms, [PEAK_READ] = read_forms, [PEAK_LOCAL] = local_forms};

/* One peak of one device while it is measured. */
struct bench {
    struct session *session;
    const struct device_info *device;
    enum peak peak;
    const char *source;
    char sha[65];
    struct buffer *zeros;      /* of the kernels that compute */
    struct buffer *ones, *out; /* ones: of those that read global memory */
    struct failure *failure;
};

/* A form that was built. */
struct probe {
    const struct form *form;
    cl_kernel kernel;
    size_t items;    /* work-items of a launch */
    int turns;       /* of its loop */
    int blocks;      /* of the local tile, a power of 2 */
    int64_t vectors; /* of global memory that a turn goes through */
    double best_s;
};

static bool is_global(const struct bench *bench)
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

/* ---- buffers --------------------------------------------------------------------------------- */

static void drop(struct bench *bench, struct buffer **buffer)
{
    if (*buffer)
        opencl_backend.buffer_free(bench->session, *buffer);
    *buffer = NULL;
}

/* At least so many bytes, all elements of the value. */
static int reserve(struct bench *bench, struct buffer **buffer, size_t bytes, float value)
{
    uint32_t pattern = 0;
    memcpy(&pattern, &value, sizeof pattern);
    if (*buffer && (*buffer)->bytes >= bytes)
        return 0;
    drop(bench, buffer);
    *buffer = opencl_backend.buffer_create(bench->session, bytes, bench->failure);
    return *buffer ? opencl_backend.buffer_fill(bench->session, *buffer, (*buffer)->guard, bytes,
                                                pattern, bench->failure)
                   : -1;
}

static int read_out(struct bench *bench, size_t offset, size_t bytes, void *data)
{
    return opencl_backend.buffer_read(bench->session, bench->out, bench->out->guard + offset, bytes,
                                      data, bench->failure);
}

/* ---- launching ------------------------------------------------------------------------------- */

static int set_arguments(struct bench *bench, const struct probe *probe)
{
    const float one = 1;
    const cl_int vectors = (cl_int)probe->vectors, turns = probe->turns, mask = probe->blocks - 1;
    const bool global = is_global(bench);
    const cl_mem in = opencl_payload(global ? bench->ones : bench->zeros);
    const cl_mem out = opencl_payload(bench->out);
    cl_int status = clSetKernelArg(probe->kernel, 0, sizeof in, &in);
    status |= clSetKernelArg(probe->kernel, 1, sizeof out, &out);
    if (global)
        status |= clSetKernelArg(probe->kernel, 2, sizeof vectors, &vectors);
    else
        status |= clSetKernelArg(probe->kernel, 2, sizeof one, &one);
    status |= clSetKernelArg(probe->kernel, 3, sizeof turns, &turns);
    if (bench->peak == PEAK_LOCAL)
        status |= clSetKernelArg(probe->kernel, 4, sizeof mask, &mask);
    return status == CL_SUCCESS ? 0
                                : opencl_failed(bench->failure, CL_INVALID_VALUE, "clSetKernelArg");
}

/* One launch; seconds. */
static int launch(struct bench *bench, const struct probe *probe, double *seconds)
{
    const size_t group = (size_t)probe->form->group;
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
    const int64_t loop = is_global(bench) ? probe->vectors / stride : 1;
    const int turns_max = (int)(TURNS_MAX / loop) > 1 ? (int)(TURNS_MAX / loop) : 1;
    const size_t items_max = probe->form->group == 1 ? 1 << 14 : 1 << 21;
    factor = fmin(fmax(1.2 * factor, 2), 8);
    if (probe->turns < turns_max) {
        probe->turns = (int)fmin(probe->turns * factor, turns_max);
        return true;
    }
    if (is_global(bench) || (double)probe->items * factor > (double)items_max)
        return false;
    probe->items *= (size_t)factor;
    return true;
}

/* The first launch is not timed: some drivers compile only then. */
static int calibrate(struct bench *bench, struct probe *probe)
{
    bool first = true;
    do {
        const size_t bytes = is_global(bench) && bench->peak == PEAK_COPY
                                 ? (size_t)probe->vectors * (size_t)probe->form->width * 4
                                 : probe->items * (size_t)probe->form->width * 4;
        if (reserve(bench, &bench->out, bytes, 0) || set_arguments(bench, probe) ||
            (first && launch(bench, probe, &probe->best_s)) || launch(bench, probe, &probe->best_s))
            return -1;
        first = false;
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
        if (opencl_backend.buffer_fill(bench->session, bench->out, bench->out->guard + offsets[i],
                                       sizeof chunk, 0, bench->failure))
            return -1;
    if (launch(bench, probe, &seconds))
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

static int verify(struct bench *bench, const struct probe *probe)
{
    if (bench->peak == PEAK_COPY)
        return verify_copy(bench, probe);
    const size_t lanes = probe->items * (size_t)probe->form->width;
    const enum dtype dtype = bench->peak == PEAK_F16 ? DTYPE_F16 : DTYPE_F32;
    const size_t bytes = lanes * (size_t)dtype_bytes(dtype);
    void *raw = malloc(bytes);
    float *counts = malloc(lanes * sizeof *counts);
    int result = raw && counts
                     ? read_out(bench, 0, bytes, raw)
                     : failure_set(bench->failure, FAILURE_OOM, "out of memory on the host");
    if (result == 0) {
        dtype_decode(dtype, raw, counts, (int64_t)lanes);
        result = verify_counts(bench, probe, counts, lanes);
    }
    free(raw);
    free(counts);
    return result;
}

/* ---- forms ----------------------------------------------------------------------------------- */

static int build(struct bench *bench, struct probe *probe)
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
    cl_program program =
        opencl_program(bench->session, bench->sha, bench->source, options, bench->failure);
    arena_free(&arena);
    probe->kernel = program ? opencl_kernel(bench->session, program, form->kernel,
                                            (size_t)form->group, bench->failure)
                            : NULL;
    return probe->kernel ? 0 : -1;
}

static bool applies(const struct bench *bench, const struct form *form)
{
    const struct device_info *device = bench->device;
    const bool gpu = strcmp(device->type, "gpu") == 0, cpu = strcmp(device->type, "cpu") == 0;
    const bool suits = form->group == 1 ? !gpu : !(cpu && is_global(bench));
    return suits && form->group <= device->max_work_group &&
           (bench->peak != PEAK_LOCAL || device->local_bytes >= TILE_BYTES);
}

/* The first, small launch of a form. */
static void size_probe(const struct bench *bench, struct probe *probe, size_t bytes)
{
    const struct form *form = probe->form;
    const size_t units =
        bench->device->compute_units > 0 ? (size_t)bench->device->compute_units : 1;
    probe->items = units * (form->group == 1 ? CPU_ITEMS : GPU_ITEMS);
    probe->turns = is_global(bench) ? 1 : 8;
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

/* How much global memory is gone through: beyond the caches, but for a slow device as little as a
 * launch of a quarter of a second takes. Returns 0 on failure. */
static size_t choose_bytes(struct bench *bench, struct probe *probe)
{
    const double cap =
        fmin((double)bench->device->max_alloc_bytes, (double)bench->device->global_bytes / 8);
    cl_ulong cache = 0;
    clGetDeviceInfo(bench->session->device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache,
                    NULL);
    double bytes = fmin(fmax(8 * (double)cache, 256 * (double)MEGABYTE), 1024 * (double)MEGABYTE);
    bytes = fmin(bytes, cap * 0.9);
    const size_t stride = (size_t)probe->form->width * (size_t)probe->form->chains * sizeof(float) *
                          (probe->form->group == 1 ? CPU_ITEMS : GPU_ITEMS) *
                          (size_t)bench->device->compute_units;
    const size_t small = stride > MEGABYTE ? stride : MEGABYTE;
    size_probe(bench, probe, small);
    double seconds = 0;
    if (build(bench, probe) || reserve(bench, &bench->ones, small, 1) ||
        reserve(bench, &bench->out, small, 0) || set_arguments(bench, probe) ||
        launch(bench, probe, &seconds))
        return 0;
    for (int i = 0; i < ROUNDS; ++i) {
        double again = 0;
        if (launch(bench, probe, &again))
            return 0;
        seconds = i ? fmin(seconds, again) : again;
    }
    const double affordable = (double)small * 0.25 / seconds;
    bytes = fmax(fmin(bytes, affordable), (double)small);
    return (size_t)bytes / MEGABYTE * MEGABYTE;
}

/* Builds, calibrates and verifies a form. */
static int prepare(struct bench *bench, struct probe *probe, size_t bytes)
{
    size_probe(bench, probe, bytes);
    if (is_global(bench) && probe->vectors == 0)
        return failure_set(bench->failure, FAILURE_UNSUPPORTED, "too little memory");
    if (build(bench, probe) || (is_global(bench) ? reserve(bench, &bench->ones, bytes, 1)
                                                 : reserve(bench, &bench->zeros, 4096, 0)))
        return -1;
    return calibrate(bench, probe) || verify(bench, probe) ? -1 : 0;
}

static double rate(const struct bench *bench, const struct probe *probe)
{
    return amount(bench, probe) / probe->best_s;
}

static int repeat(struct bench *bench, struct probe *probes, int count, const struct probe **best)
{
    *best = probes;
    for (int round = 0; round < ROUNDS; ++round) {
        for (int i = 0; i < count; ++i) {
            double seconds = 0;
            if (rate(bench, probes + i) < near_best * rate(bench, *best))
                continue;
            const size_t bytes = probes[i].items * (size_t)probes[i].form->width * 4;
            if ((bench->peak != PEAK_COPY && reserve(bench, &bench->out, bytes, 0)) ||
                set_arguments(bench, probes + i) || launch(bench, probes + i, &seconds))
                return -1;
            probes[i].best_s = fmin(probes[i].best_s, seconds);
        }
        for (int i = 0; i < count; ++i)
            if (rate(bench, probes + i) > rate(bench, *best))
                *best = probes + i;
    }
    return 0;
}

static const char *describe(const struct bench *bench, const struct probe *probe,
                            struct arena *arena)
{
    static const char *const exponentials[] = {"polynomial, ", "exp2, ", "native_exp2, "};
    const struct form *form = probe->form;
    const char *streams = strstr(form->kernel, "_streams") ? "streams, "
                          : is_global(bench)               ? "coalesced, "
                                                           : "";
    const char *type = bench->peak == PEAK_F16 ? "half" : "float";
    const char *width = form->width > 1 ? arena_print(arena, "%d", form->width) : "";
    const char *text =
        arena_print(arena, "%s%s%s%s x %d, %s", streams,
                    bench->peak == PEAK_EXP ? exponentials[form->exponential] : "", type, width,
                    form->chains, form->group == 1 ? "one work-item a group" : "work-groups of ");
    if (form->group > 1)
        text = arena_print(arena, "%s%d", text, form->group);
    const double megabytes = (double)probe->vectors * form->width * sizeof(float) / MEGABYTE;
    return is_global(bench) ? arena_print(arena, "%s, %.0f MiB", text, megabytes) : text;
}

/* Prepares the forms that suit the device, while there is time. Returns their number; a failure is
 * that of the last form that failed. */
static int prepare_forms(struct bench *bench, struct probe probes[FORMS_MAX])
{
    const double start = clock_now_s();
    size_t bytes = 0;
    int count = 0;
    for (const struct form *form = all_forms[bench->peak]; form->kernel; ++form) {
        if (!applies(bench, form) || (count && clock_now_s() - start > budget_s))
            continue;
        struct probe probe = {.form = form};
        if (is_global(bench) && !bytes)
            bytes = choose_bytes(bench, &probe);
        const bool sized = bytes || !is_global(bench);
        if (probe.kernel)
            clReleaseKernel(probe.kernel);
        probe.kernel = NULL;
        if (sized && prepare(bench, &probe, bytes) == 0)
            probes[count++] = probe;
        else if (bench->failure->fatal)
            return -1;
        else if (probe.kernel)
            clReleaseKernel(probe.kernel);
    }
    return count;
}

int opencl_peak(struct session *session, const struct device_info *device, enum peak peak,
                const char *source, struct peak_rate *result, struct arena *arena,
                struct failure *failure)
{
    struct bench bench = {
        .session = session, .device = device, .peak = peak, .source = source, .failure = failure};
    struct probe probes[FORMS_MAX];
    const struct probe *best = NULL;
    *result = (struct peak_rate){.value = NAN};
    if (peak == PEAK_F16 && !device_has_extension(device, "cl_khr_fp16")) {
        result->how = "the device has no cl_khr_fp16";
        return 0;
    }
    sha256_hex(source, strlen(source), bench.sha);
    failure_set(failure, FAILURE_UNSUPPORTED, "no form of the kernel suits the device");
    const int count = prepare_forms(&bench, probes);
    const bool measured = count > 0 && repeat(&bench, probes, count, &best) == 0;
    if (failure->fatal)
        return -1;
    if (measured) {
        result->value = rate(&bench, best) * 1e-9;
        result->how = describe(&bench, best, arena);
    } else {
        result->how = arena_print(arena, "%.300s", failure->err.message);
    }
    for (int i = 0; i < count; ++i)
        clReleaseKernel(probes[i].kernel);
    drop(&bench, &bench.zeros);
    drop(&bench, &bench.ones);
    drop(&bench, &bench.out);
    return 0;
}
