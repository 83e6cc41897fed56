/* Measuring peaks: a step of the worker's for each, so that one that hangs or crashes costs only
 * itself. */
#include "worker/steps.h"

#include <math.h>
#include <string.h>

static bool ask(struct run *run, const struct cell *cell, enum peak peak, struct trouble *trouble,
                struct peak_rate *rate)
{
    cJSON *reply = NULL, *request = steps_request("peak", -1);
    cJSON_AddStringToObject(request, "peak", peak_name(peak));
    if (!steps_ask(run, cell->suite, request, &reply, trouble))
        return false;
    rate->value = json_peek_number(reply, "value");
    rate->how = arena_copy(run->arena, json_peek_string(reply, "how"));
    cJSON_Delete(reply);
    return true;
}

bool supervisor_peaks(const struct supervisor *supervisor, const struct suite *suite,
                      struct device_info *device, int count, struct peaks *peaks,
                      struct arena *arena)
{
    const struct cell cell = {.suite = suite};
    struct err err;
    struct run run = {
        .with = supervisor, .devices = device, .arena = arena, .open_device = -1, .err = &err};
    struct trouble trouble;
    bool stopped = false, opens = true; /* a device that does not open is not asked again */
    signal(SIGPIPE, SIG_IGN);
    *peaks = (struct peaks){0};
    for (int i = 0; i < count && !stopped; ++i) {
        opens = opens && steps_open(&run, &cell, &trouble);
        if (!opens || !ask(&run, &cell, (enum peak)i, &trouble, &peaks->rates[i]))
            peaks->rates[i] = (struct peak_rate){NAN, arena_copy(arena, trouble.reason)};
        stopped = supervisor->stop && *supervisor->stop;
    }
    process_stop(&run.process, suite->deadlines.teardown_s);
    text_free(&run.process.output);
    return !stopped;
}
