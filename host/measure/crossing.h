/* Where one curve over n overtakes another. Both are taken as straight between two points in
 * log-log space, as power laws are. */
#ifndef ATTNBENCH_MEASURE_CROSSING_H
#define ATTNBENCH_MEASURE_CROSSING_H

enum crossing_kind {
    CROSSING_NONE,   /* the first stays below, also where it goes on as fitted */
    CROSSING_BEFORE, /* the first is above from the first point on */
    CROSSING_WITHIN, /* between two points, interpolated */
    CROSSING_BEYOND  /* after the last point, where both go on from it with their exponents */
};
struct crossing {
    enum crossing_kind kind;
    double n; /* NaN unless WITHIN or BEYOND */
};

/* What lies further out than this, times the last n, is no prediction any more: NONE. */
enum { CROSSING_FURTHEST = 1000 };

/* From which n on `first` stays above `second`; n ascending, all values positive. Noise may cross
 * several times: the last crossing counts. Exponents (NaN: unknown) serve beyond the last point. */
struct crossing crossing_find(const double *n, const double *first, const double *second,
                              int points, double first_exponent, double second_exponent);

#endif
