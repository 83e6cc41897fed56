#include "measure/roofline.h"

#include <math.h>

const char *roof_name(enum roof roof)
{
    static const char *const names[ROOFS] = {"compute", "bandwidth", "exp", "launch"};
    return names[roof];
}

struct roofline roofline_build(const struct problem *problem, const struct device_info *device)
{
    const struct peaks *peaks = &device->peaks;
    const bool waits = problem->queue == QUEUE_WAIT;
    /* fmax ignores a NaN: an unknown peak leaves the other one */
    const double f32 = peaks_get(peaks, PEAK_F32);
    const double compute =
        problem->dtype == DTYPE_F32 ? f32 : fmax(f32, peaks_get(peaks, PEAK_F16));
    const double bandwidth = fmax(peaks_get(peaks, PEAK_READ), peaks_get(peaks, PEAK_COPY));
    const double seconds[ROOFS] = {
        [ROOF_COMPUTE] = problem_flops(problem) * 1e-9 / compute,
        [ROOF_BANDWIDTH] = problem_bytes(problem) * 1e-9 / bandwidth,
        [ROOF_EXP] = problem_pairs(problem) * 1e-9 / peaks_get(peaks, PEAK_EXP),
        [ROOF_LAUNCH] = waits && device->launch_us > 0 ? device->launch_us * 1e-6 : NAN,
    };
    struct roofline roofline = {compute, bandwidth, NAN, ROOF_COMPUTE};
    if (isnan(compute) || isnan(bandwidth))
        return roofline;
    for (int i = 0; i < ROOFS; ++i)
        if (i == 0 || seconds[i] > roofline.floor_s) {
            roofline.floor_s = seconds[i];
            roofline.roof = (enum roof)i;
        }
    return roofline;
}

double roofline_fraction(const struct roofline *roofline, double time_s, double host_s)
{
    return roofline->floor_s / (roofline->roof == ROOF_LAUNCH ? host_s : time_s);
}
