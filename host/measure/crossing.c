#include "measure/crossing.h"

#include <math.h>

struct crossing crossing_find(const double *n, const double *first, const double *second,
                              int points, double first_exponent, double second_exponent)
{
    int below = points - 1; /* the last point at which the first is not above */
    while (below >= 0 && first[below] > second[below])
        --below;
    if (points < 1)
        return (struct crossing){CROSSING_NONE, NAN};
    if (below < 0)
        return (struct crossing){CROSSING_BEFORE, NAN};
    const double gap = log(second[below] / first[below]);
    if (below + 1 < points) {
        const double after = log(first[below + 1] / second[below + 1]);
        const double part = gap / (gap + after);
        return (struct crossing){CROSSING_WITHIN, n[below] * pow(n[below + 1] / n[below], part)};
    }
    const double steeper = first_exponent - second_exponent;
    if (!(steeper > 0) || !(gap / steeper <= log(CROSSING_FURTHEST)))
        return (struct crossing){CROSSING_NONE, NAN};
    return (struct crossing){CROSSING_BEYOND, n[below] * exp(gap / steeper)};
}
