#include "measure/scaling.h"

#include <assert.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

/* P(|T| <= sqrt(degrees) tan(angle)): a finite sum for whole degrees (Abramowitz & Stegun 26.7.3
 * and 26.7.4). */
static double student_inside(int degrees, double angle)
{
    const double cosine = cos(angle);
    double term = degrees % 2 ? cosine : 1, sum = 0;
    for (int k = 2 + degrees % 2; k <= degrees; k += 2) {
        sum += term;
        term *= cosine * cosine * (k - 1) / k;
    }
    return degrees % 2 ? (angle + sin(angle) * sum) * 2 / PI : sin(angle) * sum;
}

double student_t975(int degrees)
{
    assert(degrees >= 1);
    const double z = 1.959963984540054;
    if (degrees > 1000) /* the next term of the expansion in 1 / degrees is below 1e-5 */
        return z + z * (z * z + 1) / 4 / degrees;
    double low = 0, high = PI / 2;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (student_inside(degrees, middle) < 0.95)
            low = middle;
        else
            high = middle;
    }
    return sqrt(degrees) * tan(low);
}

int power_fit(const double *n, const double *y, int points, struct power_fit *fit)
{
    for (int i = 0; i < points; i++)
        if (!(n[i] > 0 && y[i] > 0 && isfinite(n[i]) && isfinite(y[i])))
            return -1;
    if (points < 2)
        return -1;

    /* Relative to the first point, so that equal values give sums of exactly 0. */
    const double x0 = log(n[0]), y0 = log(y[0]);
    double x_mean = 0, y_mean = 0;
    for (int i = 0; i < points; i++) {
        x_mean += (log(n[i]) - x0) / points;
        y_mean += (log(y[i]) - y0) / points;
    }
    double sxx = 0, sxy = 0, syy = 0;
    for (int i = 0; i < points; i++) {
        const double dx = log(n[i]) - x0 - x_mean, dy = log(y[i]) - y0 - y_mean;
        sxx += dx * dx;
        sxy += dx * dy;
        syy += dy * dy;
    }
    if (!(sxx > 0))
        return -1;

    const double exponent = sxy / sxx;
    double residual = 0;
    for (int i = 0; i < points; i++) {
        const double dx = log(n[i]) - x0 - x_mean, dy = log(y[i]) - y0 - y_mean;
        residual += (dy - exponent * dx) * (dy - exponent * dx);
    }
    *fit = (struct power_fit){
        .points = points,
        .exponent = exponent,
        .exponent_ci95 = NAN,
        .coefficient = exp(y0 + y_mean - exponent * (x0 + x_mean)),
        .r2 = syy > 0 ? 1 - residual / syy : 1,
    };
    if (points > 2)
        fit->exponent_ci95 = student_t975(points - 2) * sqrt(residual / (points - 2) / sxx);
    return 0;
}

bool is_launch_bound(double median_s, double launch_s, int passes)
{
    return launch_s > 0 && median_s < 5 * passes * launch_s;
}
