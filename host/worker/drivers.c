#include "worker/drivers.h"

#include "util/clock.h"
#include "util/json.h"
#include "worker/process.h"
#include "worker/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drivers tell their devices within a second, on a busy machine within some; who takes longer is
 * asked alone before all are given their full time. */
static const double quick_s = 8;

/* ---- one worker's answer --------------------------------------------------------------------- */

/* The reply to "enumerate", or NULL with the reason; `ended`: of the conversation. */
static cJSON *ask(const struct supervisor *supervisor, double deadline_s, enum outcome *ended,
                  struct err *err)
{
    struct process process;
    cJSON *reply = NULL, *request = steps_request("enumerate", -1);
    cJSON_AddStringToObject(request, "backend", supervisor->backend);
    const double start_s = clock_now_s();
    *ended = OUTCOME_DIED;
    int result = steps_start_worker(supervisor, &process, err);
    signal(SIGPIPE, SIG_IGN);
    if (result == 0) {
        *ended = process_ask(&process, request, deadline_s, supervisor->stop, &reply, err);
        result = *ended == OUTCOME_REPLY ? 0 : -1;
    }
    const char *failure = json_peek_string(reply, "failure");
    if (result == 0 && *failure)
        result = err_set(err, "%s", json_peek_string(reply, "reason"));
    if (process.pid)
        process_stop(&process, 5);
    account_step(supervisor->account, "enumerate", clock_now_s() - start_s);
    text_free(&process.output);
    cJSON_Delete(request);
    if (result == 0)
        return reply;
    cJSON_Delete(reply);
    return NULL;
}

static int take_devices(const cJSON *reply, struct arena *arena, struct device_info **devices,
                        int *count, struct err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(reply, "devices"), *item = NULL;
    int result = 0;
    *count = 0;
    *devices = arena_array(arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof **devices);
    cJSON_ArrayForEach(item, list) if (result == 0)
    {
        result = device_info_from_json(&(*devices)[*count], item, arena, err);
        ++*count;
    }
    return result;
}

int supervisor_enumerate(const struct supervisor *supervisor, double deadline_s,
                         struct arena *arena, struct device_info **devices, int *count,
                         struct err *err)
{
    enum outcome ended;
    cJSON *reply = ask(supervisor, deadline_s, &ended, err);
    *count = 0;
    if (!reply)
        return err_prefix(err, "looking for devices");
    const int result = take_devices(reply, arena, devices, count, err);
    cJSON_Delete(reply);
    return result;
}

/* ---- one driver alone ------------------------------------------------------------------------ */

/* OCL_ICD_VENDORS for the workers to come; NULL: as it was. */
static void point_at(const char *folder, const char *before)
{
    if (folder)
        setenv("OCL_ICD_VENDORS", folder, 1);
    else if (before)
        setenv("OCL_ICD_VENDORS", before, 1);
    else
        unsetenv("OCL_ICD_VENDORS");
}

static const char *vendors_now(struct arena *arena)
{
    const char *value = getenv("OCL_ICD_VENDORS");
    return value ? arena_copy(arena, value) : NULL;
}

/* What the reply says of a driver that has no device. */
static void judge_empty(const cJSON *reply, struct driver *driver, struct arena *arena)
{
    const cJSON *missing = cJSON_GetObjectItemCaseSensitive(reply, "missing");
    const char *reason = json_peek_string(cJSON_GetArrayItem(missing, 0), "reason");
    driver->state = *reason ? DRIVER_UNLOADED : DRIVER_EMPTY;
    driver->reason =
        *reason ? arena_print(arena, "cannot be loaded: %s", reason) : "loads, but shows no device";
}

void driver_probe(const struct supervisor *supervisor, const struct icd *icd, double deadline_s,
                  struct driver *driver, struct arena *arena)
{
    const struct icds alone = {.items = arena_grow(arena, icd, 1, 1, sizeof *icd), .count = 1};
    const bool keep = true;
    const char *folder = NULL, *before = vendors_now(arena);
    struct err err;
    enum outcome ended;
    *driver = (struct driver){.icd = *icd};
    if (icd->problem) {
        driver->state = DRIVER_UNLOADED;
        driver->reason = icd->problem;
        return;
    }
    folder = icds_folder(&alone, &keep, arena);
    if (!folder) {
        driver->state = DRIVER_FAILS;
        driver->reason = "there is no place for a folder with this driver alone; set "
                         "ATTNBENCH_CACHE_DIR to one that can be written";
        return;
    }
    point_at(folder, before);
    const double start_s = clock_now_s();
    cJSON *reply = ask(supervisor, deadline_s, &ended, &err);
    driver->time_s = clock_now_s() - start_s;
    point_at(NULL, before);
    if (reply) {
        driver->devices = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(reply, "devices"));
        if (!driver->devices)
            judge_empty(reply, driver, arena);
    } else {
        driver->state = ended == OUTCOME_REPLY     ? DRIVER_FAILS
                        : ended == OUTCOME_TIMEOUT ? DRIVER_HANGS
                                                   : DRIVER_CRASHES;
        driver->reason = ended == OUTCOME_REPLY ? arena_print(arena, "fails: %s", err.message)
                         : ended == OUTCOME_TIMEOUT
                             ? arena_print(arena, "hangs: %s", err.message)
                             : arena_print(arena, "crashes: %s", err.message);
    }
    cJSON_Delete(reply);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void tell(const struct driver *driver, void (*warn)(const char *message))
{
    struct text line = {0};
    text_print(&line, "the driver of '%s', '%s', %s; ", driver->icd.file, driver->icd.library,
               driver->reason);
    text_add(&line, driver->state == DRIVER_UNLOADED
                        ? "its devices are not listed: install the library, or remove the file "
                          "(attnbench doctor tells more)"
                        : "its devices are left out: reinstall or remove it (attnbench doctor "
                          "tells more)");
    warn(text_get(&line));
    text_free(&line);
}

/* Libraries that the loader has passed over in silence. */
static void tell_missing(const cJSON *reply, struct arena *arena, void (*warn)(const char *message))
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(reply, "missing"))
    {
        const struct driver driver = {
            .icd = {.file = json_peek_string(item, "file"),
                    .library = json_peek_string(item, "library")},
            .state = DRIVER_UNLOADED,
            .reason = arena_print(arena, "cannot be loaded: %s", json_peek_string(item, "reason"))};
        tell(&driver, warn);
    }
}

/* A folder with the drivers that answer alone; NULL when all do, or none. */
static const char *find_good(const struct supervisor *supervisor, double deadline_s,
                             struct arena *arena, void (*warn)(const char *message))
{
    struct icds icds;
    icds_find(&icds, arena);
    bool *keep = arena_array(arena, (size_t)icds.count + 1, sizeof *keep);
    int good = 0;
    for (int i = 0; i < icds.count; ++i) {
        struct driver driver;
        driver_probe(supervisor, &icds.items[i], fmin(deadline_s, quick_s), &driver, arena);
        keep[i] = driver.state == DRIVER_WORKS || driver.state == DRIVER_EMPTY;
        good += keep[i];
        if (!keep[i])
            tell(&driver, warn);
    }
    return good > 0 && good < icds.count ? icds_folder(&icds, keep, arena) : NULL;
}

int drivers_enumerate(const struct supervisor *supervisor, double deadline_s, struct arena *arena,
                      struct device_info **devices, int *count, void (*warn)(const char *message),
                      struct err *err)
{
    const bool opencl = strcmp(supervisor->backend, "opencl") == 0;
    enum outcome ended;
    *count = 0;
    cJSON *reply = ask(supervisor, opencl ? fmin(deadline_s, quick_s) : deadline_s, &ended, err);
    if (reply) {
        tell_missing(reply, arena, warn);
        const int result = take_devices(reply, arena, devices, count, err);
        cJSON_Delete(reply);
        return result;
    }
    const char *folder =
        opencl && ended != OUTCOME_STOPPED ? find_good(supervisor, deadline_s, arena, warn) : NULL;
    if (folder)
        point_at(folder, NULL);
    else if (!opencl || ended != OUTCOME_TIMEOUT || deadline_s <= quick_s)
        return err_prefix(err, "looking for devices");
    return supervisor_enumerate(supervisor, deadline_s, arena, devices, count, err);
}
