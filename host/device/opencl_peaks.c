/* Peaks on an OpenCL device: the kernels of kernels/peaks in several forms, the fastest of which
 * counts.
 *
 * Each form is calibrated from a short launch to one of about target_s, so that neither launching
 * nor a slow device matters, and must leave the counts that its work implies. The forms that are
 * near the best are then repeated in rounds, so that a disturbance does not decide which form wins;
 * many short launches find a quiet moment of a busy machine rather than a few long ones. The clock
 * is the host's, from enqueue to finish: in launches this long its overhead is a few thousandths,
 * and no driver can lie about it. */
#include "device/opencl_probe.h"

#include "util/clock.h"
#include "util/sha256.h"

#include <math.h>
#include <string.h>

static const double target_s = 0.006, budget_s = 2, near_best = 0.8;
enum { ROUNDS = 32, FORMS_MAX = 12, LOCAL_BYTES_MIN = 16 << 10, MEGABYTE = 1 << 20 };

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

static bool applies(const struct bench *bench, const struct form *form)
{
    const struct device_info *device = bench->device;
    const bool gpu = strcmp(device->type, "gpu") == 0, cpu = strcmp(device->type, "cpu") == 0;
    const bool suits = form->group == 1 ? !gpu : !(cpu && bench_is_global(bench));
    return suits && form->group <= device->max_work_group &&
           (bench->peak != PEAK_LOCAL || device->local_bytes >= LOCAL_BYTES_MIN);
}

/* A slow device: what is known by now must do. */
static bool is_late(const struct bench *bench)
{
    return clock_now_s() - bench->start_s > budget_s;
}

/* How much global memory is gone through: beyond the caches, but for a slow device as little as a
 * launch of a quarter of a second takes. 0 on failure. */
static size_t choose_bytes(struct bench *bench, const struct form *form)
{
    const double affordable_s = 0.25, smallest = 256.0 * MEGABYTE, largest = 1024.0 * MEGABYTE;
    const struct device_info *device = bench->device;
    struct probe probe = {.form = form};
    cl_ulong cache = 0;
    clGetDeviceInfo(bench->session->device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache,
                    NULL);
    double bytes = fmin(fmax(8 * (double)cache, smallest), largest);
    bytes =
        fmin(bytes, 0.9 * fmin((double)device->max_alloc_bytes, (double)device->global_bytes / 8));
    double small = MEGABYTE, best_s = INFINITY;
    for (probe_size(bench, &probe, (size_t)small); probe.vectors == 0 && small < bytes; small *= 2)
        probe_size(bench, &probe, (size_t)(2 * small));
    bool ok = probe.vectors && probe_build(bench, &probe) == 0;
    for (int i = 0; ok && i < 8 && (i < 2 || !is_late(bench)); ++i) {
        double seconds = 0;
        ok = probe_launch(bench, &probe, &seconds) == 0;
        best_s = i ? fmin(best_s, seconds) : best_s; /* the first one may compile */
    }
    if (!bench->failure->fatal)
        probe_close(bench, &probe);
    bytes = fmax(fmin(bytes, small * affordable_s / best_s), small);
    return ok ? (size_t)bytes / MEGABYTE * MEGABYTE : 0;
}

/* Builds, calibrates and verifies a form. */
static int prepare(struct bench *bench, struct probe *probe, size_t bytes)
{
    probe_size(bench, probe, bytes);
    if (bench_is_global(bench) && probe->vectors == 0)
        return failure_set(bench->failure, FAILURE_UNSUPPORTED, "too little memory");
    return probe_build(bench, probe) || probe_calibrate(bench, probe, target_s) ||
                   probe_verify(bench, probe)
               ? -1
               : 0;
}

/* Prepares the forms that suit the device, while there is time. Returns their number; a failure is
 * that of the last form that failed. */
static int prepare_forms(struct bench *bench, struct probe probes[FORMS_MAX])
{
    size_t bytes = 0;
    int count = 0;
    for (const struct form *form = all_forms[bench->peak]; form->kernel; ++form) {
        if (!applies(bench, form) || (count && is_late(bench)))
            continue;
        struct probe probe = {.form = form};
        if (bench_is_global(bench) && !bytes)
            bytes = choose_bytes(bench, form);
        const bool sized = bytes || !bench_is_global(bench);
        if (sized && prepare(bench, &probe, bytes) == 0)
            probes[count++] = probe;
        else if (bench->failure->fatal)
            return -1;
        else
            probe_close(bench, &probe);
    }
    return count;
}

static int repeat(struct bench *bench, struct probe *probes, int count, const struct probe **best)
{
    *best = probes;
    for (int round = 0;; ++round) {
        for (int i = 0; i < count; ++i)
            if (probe_rate(bench, probes + i) > probe_rate(bench, *best))
                *best = probes + i;
        if (round == ROUNDS || is_late(bench))
            return 0;
        for (int i = 0; i < count; ++i) {
            double seconds = 0;
            if (probe_rate(bench, probes + i) < near_best * probe_rate(bench, *best))
                continue;
            if (probe_launch(bench, probes + i, &seconds))
                return -1;
            probes[i].best_s = fmin(probes[i].best_s, seconds);
        }
    }
}

static const char *describe(const struct bench *bench, const struct probe *probe,
                            struct arena *arena)
{
    static const char *const exponentials[] = {"polynomial, ", "exp2, ", "native_exp2, "};
    const struct form *form = probe->form;
    const char *streams = strstr(form->kernel, "_streams") ? "streams, "
                          : bench_is_global(bench)         ? "coalesced, "
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
    return bench_is_global(bench) ? arena_print(arena, "%s, %.0f MiB", text, megabytes) : text;
}

int opencl_peak(struct session *session, const struct device_info *device, enum peak peak,
                const char *source, struct peak_rate *result, struct arena *arena,
                struct failure *failure)
{
    struct bench bench = {.session = session,
                          .device = device,
                          .peak = peak,
                          .source = source,
                          .failure = failure,
                          .start_s = clock_now_s()};
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
        result->value = probe_rate(&bench, best) * 1e-9;
        result->how = describe(&bench, best, arena);
    } else {
        result->how = arena_print(arena, "%.300s", failure->err.message);
    }
    for (int i = 0; i < count; ++i)
        probe_close(&bench, &probes[i]);
    bench_close(&bench);
    return 0;
}
