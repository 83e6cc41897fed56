/* A sequential colour map: equal steps of a value are equal steps of lightness.
 *
 * Colours are made in Oklab (Björn Ottosson, "A perceptual color space for image processing",
 * 2020): lightness is linear in the value, so that order can be read without any sense of colour
 * and in grey print; the hue goes from yellow through green to blue, or the other way round on dark
 * ground, and the chroma is as much as sRGB allows there, up to a limit. */
#ifndef ATTNBENCH_REPORT_COLORS_H
#define ATTNBENCH_REPORT_COLORS_H

#include <stdbool.h>

/* value from 0 (near the ground) to 1 (far from it); writes "#rrggbb". */
void color_at(double value, bool dark, char hex[8]);

#endif
