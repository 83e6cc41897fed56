#include "measure/spread.h"

#include <math.h>

/* Two-sided 99 % quantile of Student's t; from 10 on an approximation from above (within 1 %). */
static double student99(int freedom)
{
    static const double table[] = {63.66, 9.925, 5.841, 4.604, 4.032, 3.707, 3.500, 3.356, 3.250};
    enum { TABLE = sizeof table / sizeof *table };
    return freedom <= TABLE ? table[freedom - 1] : 2.576 + 5.95 / freedom;
}

static double squares_of(const double *medians, int count)
{
    double middle = 0, squares = 0;
    for (int i = 0; i < count; ++i)
        middle += log(medians[i]) / count;
    for (int i = 0; i < count; ++i)
        squares += (log(medians[i]) - middle) * (log(medians[i]) - middle);
    return squares;
}

void spread_add(struct spread *spread, const double *medians, int count)
{
    if (count < 2)
        return;
    spread->squares += squares_of(medians, count);
    spread->freedom += count - 1;
}

double spread_threshold(const struct spread *spread, const double *medians, int count)
{
    if (spread->freedom < 1 || count < 1)
        return 0;
    const double pooled = sqrt(spread->squares / spread->freedom);
    const double own = count > 1 ? sqrt(squares_of(medians, count) / (count - 1)) : 0;
    const double reach = student99(spread->freedom) * fmax(pooled, own) * sqrt(1 + 1.0 / count);
    double least = medians[0], most = medians[0];
    for (int i = 1; i < count; ++i) {
        least = fmin(least, medians[i]);
        most = fmax(most, medians[i]);
    }
    return fmax(exp(reach), most / least) - 1;
}
