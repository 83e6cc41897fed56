/* A duel: two sides of one problem, launched by turns until it is known which is faster.
 *
 * Together (two variants or tunings, two kernel trees): both sides are slots of one worker, read
 * the same inputs and write to the same output, so that nothing but the kernels differs, not even
 * where memory lies. A session is one worker; the sides take turns in being its first slot, and
 * what else a process settles for its life (where code and scratch memory lie) is drawn anew.
 * Quadruples of launches are the units.
 *
 * Apart (two programs, two devices, two tunings of a library, which takes them once in a process):
 * a worker for each side. Memory placement gives a pair of processes a bias of several per cent, so
 * that a unit is a session of two fresh ones, of which now one and now the other starts first.
 *
 * Sessions are the caller's to call for: those of several problems take turns, so that one
 * problem's are apart in time. Each side is checked as any cell is before it is timed and after, in
 * every session, and each timed output is compared with a judged one. */
#ifndef ATTNBENCH_WORKER_DUEL_H
#define ATTNBENCH_WORKER_DUEL_H

#include "measure/pairing.h"
#include "worker/supervisor.h"

struct duel_side {
    const struct supervisor *supervisor; /* its program, backend and --kernels */
    const struct cell *cell;             /* of a plan for `device` */
    struct device_info *device;
    const char *kernels; /* a folder other than the supervisor's; NULL: the same tree */
};

struct duel {
    struct duel_side sides[2]; /* A, B */
    bool apart;
    double threshold, time_s; /* time_s: for all sessions; one that began is ended */
    const volatile sig_atomic_t *stop;
    /* ratio: so far, NaN: none; rest_s: what is left of the time at most. */
    void (*on_progress)(void *context, const struct cell *cell, const char *phase, double ratio,
                        double rest_s);
    void *context;
};

struct duel_outcome {
    enum row_status status; /* ROW_OK: it was measured */
    const char *reason, *phase;
    double median_s; /* of its launches, by the clock of the duel; NaN: none */
};

struct duel_result {
    struct pairing pairing;
    struct duel_outcome sides[2];
    const char *clock; /* device where it is believable in every launch of both, else host */
    int sessions;
    int64_t launches; /* of each side, that were timed */
    /* Of sessions, by the duel's clock: the ratio of each alone (B / A). */
    double *session_ratios;
    bool interrupted;
};

/* Begins with no session. `duel` and what it points to, the result and the arena must outlive it;
 * strings and ratios are of the arena. What happens to a side is its outcome, not a failure. */
struct bout *duel_begin(const struct duel *duel, struct arena *arena, struct duel_result *result);
/* Runs a session. False: no other is needed: it is known, time is up, or a side has ended. */
bool duel_session(struct bout *bout);
/* Judges what there is; the bout is gone. */
void duel_end(struct bout *bout);

#endif
