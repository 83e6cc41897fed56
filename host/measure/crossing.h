/* Where one curve over n overtakes another. Between two points both are taken as straight in
 * log-log space, as power laws are; beyond the last one as sums of power laws. */
#ifndef ATTNBENCH_MEASURE_CROSSING_H
#define ATTNBENCH_MEASURE_CROSSING_H

enum crossing_kind {
    CROSSING_NONE,   /* the first stays below, also where it goes on as fitted */
    CROSSING_BEFORE, /* the first is above from the first point on */
    CROSSING_WITHIN, /* between two points, interpolated */
    CROSSING_BEYOND  /* after the last point, if all go on from it with their exponents */
};
struct crossing {
    enum crossing_kind kind;
    double n; /* NaN unless WITHIN or BEYOND */
};

/* A part of a curve: its value at the last n, and how it goes on. NaN: unknown. */
struct power_term {
    double value, exponent;
};

/* What lies further out than this, times the last n, is no prediction any more: NONE. */
enum { CROSSING_FURTHEST = 1000 };

/* From which n on `first` stays above `second`; n ascending, all values positive. Noise may cross
 * several times: the last crossing counts. Beyond the last point the first curve is the sum of its
 * terms, the second goes on with one exponent. */
struct crossing crossing_find(const double *n, const double *first, const double *second,
                              int points, const struct power_term *terms, int term_count,
                              double second_exponent);

#endif
