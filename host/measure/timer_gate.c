#include "measure/timer_gate.h"

#include <inttypes.h>
#include <stdio.h>

static bool refuse(char *reason, int event, const char *what, uint64_t a, uint64_t b)
{
    snprintf(reason, TIMER_GATE_REASON, "event %d: %s (%" PRIu64 " ns, %" PRIu64 " ns)", event,
             what, a, b);
    return false;
}

bool timer_gate(const struct event_times *events, int count, double host_s, double tick_ns,
                char reason[TIMER_GATE_REASON])
{
    reason[0] = '\0';
    if (count < 1) {
        snprintf(reason, TIMER_GATE_REASON, "no events");
        return false;
    }
    for (int i = 0; i < count; ++i) {
        const struct event_times *e = &events[i];
        if (e->submit < e->queued)
            return refuse(reason, i, "submitted before queued", e->queued, e->submit);
        if (e->start < e->submit)
            return refuse(reason, i, "started before submitted", e->submit, e->start);
        if (e->end < e->start)
            return refuse(reason, i, "ended before started", e->start, e->end);
        if (i && e->end < events[i - 1].end)
            return refuse(reason, i, "ended before its predecessor", events[i - 1].end, e->end);
        if (i && e->start < events[i - 1].start)
            return refuse(reason, i, "started before its predecessor", events[i - 1].start,
                          e->start);
    }
    const double device_s = (double)(events[count - 1].end - events[0].start) * 1e-9;
    if (!(device_s <= host_s * 1.05 + 20e-6)) {
        snprintf(reason, TIMER_GATE_REASON,
                 "the device reports %.3g s, but the host waited only %.3g s", device_s, host_s);
        return false;
    }
    if (!(device_s * 1e9 >= 10 * tick_ns)) {
        snprintf(reason, TIMER_GATE_REASON,
                 "%.3g s are fewer than 10 ticks of the device's timer (%.3g ns)", device_s,
                 tick_ns);
        return false;
    }
    return true;
}

bool timer_gate_row(const struct row_clocks *clocks, char reason[TIMER_GATE_REASON])
{
    static const double span_s = 5e-3, launches = 5;
    const struct row_clocks *c = clocks;
    reason[0] = '\0';
    if (c->host_span_s >= span_s &&
        (c->device_span_s < c->host_span_s / 2 || c->device_span_s > c->host_span_s * 2)) {
        snprintf(reason, TIMER_GATE_REASON,
                 "the device's clock went %.3g s while the host's went %.3g s", c->device_span_s,
                 c->host_span_s);
        return false;
    }
    const double explained_s = launches * c->passes * c->launch_s;
    if (c->device_s - c->passes_s - explained_s > c->passes_s) {
        snprintf(reason, TIMER_GATE_REASON,
                 "the passes take %.3g s together, but %.3g s from the first's start to the last's "
                 "end",
                 c->passes_s, c->device_s);
        return false;
    }
    if (c->overhead_s - explained_s > c->device_s) {
        snprintf(reason, TIMER_GATE_REASON,
                 "the device reports %.3g s, but the host waited %.3g s longer each time, and an "
                 "empty kernel takes %.3g s",
                 c->device_s, c->overhead_s, c->launch_s);
        return false;
    }
    return true;
}
