/* Is B faster than A? Two sides measured by turns, and a rule that stops when it knows. Pure.
 *
 * Launches go A B B A, then B A A B, and so on; the four make one ratio of times, B to A, in which
 * a drift of the machine cancels and a slow moment meets both sides. Ratios are looked at when
 * there are 12 of them and then at each half more (18, 27, ...). At look k the median's interval
 * from order statistics (binomial, whatever the distribution) has the level 1 - 0.001 / (k (k +
 * 1)), so that all looks together are right with 99.9 %: looking often gives no false alarm (alpha
 * spending: Lan and DeMets 1983; the series is Wald's, sum 1 / (k (k + 1)) = 1). Ratios that are
 * alike in neighbours are no independent draws, and are joined to blocks first (compare.h).
 *
 * A machine has states that last for seconds, and some slow one side more than the other (measured
 * on a shared host: 0.85 in one state, 0.69 in the next, each with a narrow range); and what a
 * process settles for its life counts too. Units are therefore spread over three sessions at least,
 * apart in time. Where a session's median lies further from that of all than its own spread
 * explains (3.3 standard errors), sessions disagree, and the range is that of all their ranges:
 * what is faster then is so in every session.
 *
 * Two processes have a bias of several per cent that lasts as long as they do, from where their
 * memory lies, and which no number of ratios removes. There a unit is a session: the median ratio
 * of two fresh processes. Sessions are few and their interval is Student's, of the mean of
 * logarithms, looked at from 5 of them on.
 *
 * The verdict is about the interval, not the estimate: slower when all of it is beyond the
 * threshold, same when all of it is within. What lies across stays unclear, and more ratios are
 * asked for. */
#ifndef ATTNBENCH_MEASURE_PAIRING_H
#define ATTNBENCH_MEASURE_PAIRING_H

#include "measure/compare.h"

#include <stdbool.h>

enum pairing_unit { UNIT_QUADRUPLE, UNIT_SESSION };

enum {
    PAIRING_UNITS_MAX = 4096,
    PAIRING_SESSIONS_MAX = 256,
    PAIRING_SESSIONS = 3,      /* of quadruples, at least, before anything is known */
    PAIRING_SESSION_UNITS = 12 /* of a session, before it counts */
};

struct pairing {
    enum pairing_unit unit;
    double threshold; /* 0.01: 1 % */
    double *logs;     /* of each unit's ratio, in order; the caller's, room for PAIRING_UNITS_MAX */
    int count, looks, next_look;
    int begins[PAIRING_SESSIONS_MAX]; /* each session's first unit */
    int sessions;                     /* begun so far */
    int block;               /* so many units were joined to one at the last look; 0: none yet */
    bool disagree;           /* sessions do, by the last look */
    double ratio, low, high; /* B's time over A's: estimate and interval; NaN, 0 and infinity before
                                there are enough */
    bool done;               /* it is known, or there is no room for more */
    enum comparison_verdict verdict; /* by the last look; final when done */
};

#define PAIRING_CONFIDENCE 0.999

void pairing_start(struct pairing *pairing, enum pairing_unit unit, double threshold, double *logs);

/* The logarithm of B / A from the times of four launches, in the order of measuring. b_first: they
 * went B A A B. NaN when a time is not positive. */
double pairing_log_ratio(const double times_s[4], bool b_first);

/* A session begins: before its first quadruple. */
void pairing_session(struct pairing *pairing);
/* The next unit; looks when it is time. Returns `done`. A NaN is left out. */
bool pairing_add(struct pairing *pairing, double log_ratio);
/* Is the present session long enough, so that only another one can tell more? */
bool pairing_wants_session(const struct pairing *pairing);

/* Time is up: one more look at what has come since the last one. Too few sessions are unclear. */
void pairing_end(struct pairing *pairing);

/* Geometric mean over problems; the interval is that of independent estimates, at about the level
 * of each. Problems without a ratio are left out; count says how many were in. */
struct pairing_mean {
    int count;
    double ratio, low, high; /* NaN, 0, infinity: none, or one without an interval */
};
struct pairing_mean pairing_mean(const struct pairing *const *pairings, int count);

#endif
