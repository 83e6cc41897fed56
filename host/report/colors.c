#include "report/colors.h"

#include <math.h>
#include <stdio.h>

/* Lightness, chroma and hue of Oklch at the ends of the map. */
struct end {
    double lightness, hue;
};
static const struct end ends_light[] = {{0.965, 100}, {0.30, 275}};
static const struct end ends_dark[] = {{0.235, 285}, {0.94, 100}};
static const double chroma_limit = 0.13, chroma_near_ground = 0.012;

/* Oklab to linear sRGB; the matrices are Ottosson's. */
static void to_rgb(double lightness, double a, double b, double rgb[3])
{
    const double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    const double m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    const double s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    rgb[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
    rgb[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
    rgb[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
}

static bool is_displayable(const double rgb[3])
{
    for (int i = 0; i < 3; ++i)
        if (!(rgb[i] >= -1e-4 && rgb[i] <= 1 + 1e-4))
            return false;
    return true;
}

static unsigned channel(double linear)
{
    const double x = fmin(fmax(linear, 0), 1);
    const double y = x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055;
    return (unsigned)lround(255 * y);
}

void color_at(double value, bool dark, char hex[8])
{
    const struct end *ends = dark ? ends_dark : ends_light;
    const double t = fmin(fmax(value, 0), 1);
    const double lightness = ends[0].lightness + t * (ends[1].lightness - ends[0].lightness);
    const double hue = (ends[0].hue + t * (ends[1].hue - ends[0].hue)) * acos(-1) / 180;
    double chroma = fmin(chroma_near_ground + 0.3 * t, chroma_limit), rgb[3];
    to_rgb(lightness, chroma * cos(hue), chroma * sin(hue), rgb);
    while (chroma > 0 && !is_displayable(rgb)) {
        chroma = fmax(chroma - 0.002, 0);
        to_rgb(lightness, chroma * cos(hue), chroma * sin(hue), rgb);
    }
    snprintf(hex, 8, "#%02x%02x%02x", channel(rgb[0]), channel(rgb[1]), channel(rgb[2]));
}
