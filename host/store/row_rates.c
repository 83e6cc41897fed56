/* Rates of a timed row, and where they stand under the device's roofs. */
#include "measure/roofline.h"
#include "store/row.h"

#include <math.h>

void row_rates(struct row *row, const struct device_info *device)
{
    const double time_s = row->time.median_s;
    const struct roofline roofline = roofline_build(&row->problem, device);
    row->rates.gflop_s = row->rates.flops / time_s * 1e-9;
    row->rates.gb_s = row->rates.bytes / time_s * 1e-9;
    row->rates.frac_of_peak = row->rates.gflop_s / roofline.compute_gflop_s;
    row->rates.frac_of_roofline = roofline_fraction(&roofline, time_s, row->time.host_median_s);
    row->rates.roof = isnan(row->rates.frac_of_roofline) ? NULL : roof_name(roofline.roof);
}
