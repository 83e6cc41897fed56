/* attnbench doctor: what is here of drivers, devices, caches and limits, and what to do about each
 * that fails. Whatever calls a driver does so in a worker with a deadline. */
#include "commands/doctor.h"

#include "commands/common.h"
#include "commands/suite_path.h"
#include "util/json.h"
#include "worker/drivers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double probe_s = 10, build_s = 60, run_s = 20;

static const char *const verdicts[] = {"ok", "note", "warn", "bad"};
static const char *const sections[] = {"loader", "drivers", "nodes", "devices", "caches", "host"};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* ---- the loader and its drivers -------------------------------------------------------------- */

static void add_loader(struct findings *findings, const struct icds *icds)
{
    const char *layers = getenv("OPENCL_LAYERS");
    finding_add(findings,
                (struct finding){"loader", "library", FINDING_OK,
                                 arena_print(findings->arena, "%s, %s", icd_loader(findings->arena),
                                             icd_loader_path(findings->arena)),
                                 NULL});
    finding_add(findings,
                (struct finding){"loader", "vendors", icds->count ? FINDING_OK : FINDING_BAD,
                                 arena_print(findings->arena, "%s%s%s: %d .icd files", icds->place,
                                             icds->variable ? ", by " : "",
                                             icds->variable ? icds->variable : "", icds->count),
                                 icds->count ? NULL
                                             : "install a driver: a GPU vendor's, or "
                                               "pocl-opencl-icd for the CPU"});
    finding_add(findings,
                (struct finding){"loader", "layers", layers && *layers ? FINDING_NOTE : FINDING_OK,
                                 layers && *layers
                                     ? arena_print(findings->arena, "OPENCL_LAYERS=%s", layers)
                                     : "none",
                                 layers && *layers ? "unset OPENCL_LAYERS if you did not mean it: "
                                                     "layers stand between us and each driver"
                                                   : NULL});
}

static const char *driver_advice(const struct driver *driver)
{
    switch (driver->state) {
    case DRIVER_WORKS:
        return NULL;
    case DRIVER_EMPTY:
        return "is its device here, and may you open its node (below)? Else nothing is to be done";
    case DRIVER_UNLOADED:
        return "install the library (or what it depends on), or remove the .icd file";
    case DRIVER_FAILS:
    case DRIVER_CRASHES:
    case DRIVER_HANGS:
        break;
    }
    return "reinstall or update the driver, or remove the .icd file; others work without it";
}

static void add_drivers(struct findings *findings, const struct supervisor *supervisor,
                        const struct icds *icds)
{
    struct arena *arena = findings->arena;
    for (int i = 0; i < icds->count; ++i) {
        struct driver driver;
        driver_probe(supervisor, &icds->items[i], probe_s, &driver, arena);
        const enum finding_verdict verdict = driver.state == DRIVER_WORKS   ? FINDING_OK
                                             : driver.state == DRIVER_EMPTY ? FINDING_WARN
                                                                            : FINDING_BAD;
        const char *library = *driver.icd.library ? driver.icd.library : "?";
        finding_add(findings,
                    (struct finding){
                        "drivers", driver.icd.file, verdict,
                        driver.reason ? arena_print(arena, "%s: %s", library, driver.reason)
                                      : arena_print(arena, "%s: %d device%s, asked in %.2g s",
                                                    library, driver.devices,
                                                    driver.devices == 1 ? "" : "s", driver.time_s),
                        driver_advice(&driver)});
    }
}

/* ---- devices, with a small kernel each ------------------------------------------------------- */

struct trial {
    struct findings *findings;
    const struct device_info *devices;
    int usable;
};

static int on_row(void *context, const struct cell *cell, const struct row *row, struct err *err)
{
    struct trial *trial = context;
    struct arena *arena = trial->findings->arena;
    const struct device_info *device = &trial->devices[cell->device];
    struct text text = {0};
    (void)err;
    text_print(&text, "%s, %s, driver %s: ", device->name, device->platform, device->driver);
    if (row->status == ROW_OK) {
        text_add(&text, "attention of 64 queries and keys is right, in ");
        text_add_seconds(&text, row->time.median_s);
        text_add(&text, ", built in ");
        text_add_seconds(&text, row->build.time_s);
        ++trial->usable;
    } else {
        text_print(&text, "%s: %s", row_status_name(row->status), row->reason ? row->reason : "");
    }
    const bool slow = row->status == ROW_OK && row->time.median_s > 0.1;
    finding_add(
        trial->findings,
        (struct finding){"devices", device->id,
                         row->status != ROW_OK ? FINDING_BAD
                         : slow                ? FINDING_WARN
                                               : FINDING_OK,
                         arena_copy(arena, text_get(&text)),
                         row->status != ROW_OK ? "update its driver; attnbench run quick "
                                                 "--device ID shows which kernels fail"
                         : slow ? "is it busy, throttled or a simulator? See load and clocks below"
                                : NULL});
    text_free(&text);
    return 0;
}

/* The scripted device takes no part: it needs no driver. */
static int try_devices(struct findings *findings, struct setup *setup, struct err *err)
{
    struct suite rules = suite_default();
    struct problem problem = problem_default();
    struct plan plan;
    const enum check_mode mode = CHECK_FULL;
    bool interrupted = false;
    struct trial trial = {findings, setup->found, 0};
    problem.n_q = problem.n_kv = 64;
    problem.d_k = problem.d_v = 32;
    rules.measure.min_samples = 3;
    rules.measure.min_time_s = 0;
    rules.measure.max_time_s = 0.2;
    rules.deadlines = (struct deadlines){probe_s, build_s, run_s, run_s, probe_s};
    const struct plan_request request = {.suites = &rules,
                                         .suite_count = 1,
                                         .problem = &problem,
                                         .variants = setup->kernels.variants,
                                         .variant_count = setup->kernels.count,
                                         .devices = setup->found,
                                         .device_count = setup->found_count,
                                         .only_variants = "naive"};
    if (plan_build(&plan, &request, err))
        return -1;
    struct supervisor supervisor = setup->supervisor;
    supervisor.check = &mode;
    supervisor.on_row = on_row;
    supervisor.context = &trial;
    const int result =
        supervisor_run(&supervisor, &plan, setup->found, NULL, &plan.arena, &interrupted, err);
    plan_free(&plan);
    return result ? -1 : trial.usable;
}

static void silence(const char *message)
{
    (void)message; /* each driver is a finding of its own */
}

static int add_devices(struct findings *findings, struct setup *setup)
{
    struct err err;
    if (drivers_enumerate(&setup->supervisor, probe_s, &setup->arena, &setup->found,
                          &setup->found_count, silence, &err)) {
        finding_add(findings, (struct finding){"devices", "all", FINDING_BAD,
                                               arena_copy(findings->arena, err.message),
                                               "see the drivers above"});
        return 0;
    }
    if (setup->found_count == 0) {
        finding_add(findings,
                    (struct finding){"devices", "all", FINDING_BAD, "there is none",
                                     "install a driver (a GPU vendor's, or pocl-opencl-icd for the "
                                     "CPU); see drivers and nodes above"});
        return 0;
    }
    const int usable = try_devices(findings, setup, &err);
    if (usable < 0)
        finding_add(findings, (struct finding){"devices", "all", FINDING_BAD,
                                               arena_copy(findings->arena, err.message), NULL});
    return usable > 0 ? usable : 0;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void add_line(const struct finding *f, struct text *out)
{
    text_print(out, "  %-4s  ", verdicts[f->verdict]);
    text_add_printable(out, f->name, false);
    text_add(out, ": ");
    text_add_printable(out, f->text, false);
    text_add(out, "\n");
    if (f->advice)
        text_print(out, "        -> %s\n", f->advice);
}

static void add_text(const struct findings *findings, int usable, struct text *out)
{
    for (int s = 0; s < SECTIONS; ++s) {
        text_print(out, "%s\n", sections[s]);
        for (int i = 0; i < findings->count; ++i)
            if (strcmp(findings->items[i].section, sections[s]) == 0)
                add_line(&findings->items[i], out);
    }
    if (usable)
        text_print(out, "%d usable device%s\n", usable, usable == 1 ? "" : "s");
    else
        text_add(out, "no usable device\n");
}

static void add_json(const struct findings *findings, int usable, struct text *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "format", "attnbench-doctor");
    cJSON_AddStringToObject(root, "version", "1.0.0");
    cJSON_AddNumberToObject(root, "usable", usable);
    for (int s = 0; s < SECTIONS; ++s) {
        cJSON *list = cJSON_AddArrayToObject(root, sections[s]);
        for (int i = 0; i < findings->count; ++i) {
            const struct finding *f = &findings->items[i];
            if (strcmp(f->section, sections[s]) != 0)
                continue;
            struct text name = {0}, text = {0};
            cJSON *item = cJSON_CreateObject();
            cJSON_AddItemToArray(list, item);
            text_add_printable(&name, f->name, false);
            text_add_printable(&text, f->text, false);
            cJSON_AddStringToObject(item, "name", text_get(&name));
            cJSON_AddStringToObject(item, "verdict", verdicts[f->verdict]);
            cJSON_AddStringToObject(item, "text", text_get(&text));
            if (f->advice)
                cJSON_AddStringToObject(item, "do", f->advice);
            else
                cJSON_AddNullToObject(item, "do");
            text_free(&name);
            text_free(&text);
        }
    }
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
}

int command_doctor(const struct options *options)
{
    struct setup setup = {0};
    struct findings findings = {.arena = &setup.arena};
    struct icds icds;
    struct text out = {0};
    const char *root = getenv("ATTNBENCH_SYSTEM_ROOT");
    int status = setup_kernels(&setup, options);
    setup.supervisor.program = program_path(&setup.arena);
    setup.supervisor.backend = "opencl";
    icds_find(&icds, &setup.arena);
    int usable = 0;
    if (status == EXIT_OK) {
        add_loader(&findings, &icds);
        add_drivers(&findings, &setup.supervisor, &icds);
        doctor_nodes(&findings, root ? root : "");
        usable = add_devices(&findings, &setup);
        doctor_caches(&findings);
        doctor_host(&findings, root ? root : "");
        if (options->json)
            add_json(&findings, usable, &out);
        else
            add_text(&findings, usable, &out);
        status = write_output(NULL, text_get(&out), out.length);
    }
    text_free(&out);
    setup_free(&setup);
    return status != EXIT_OK ? status : usable ? EXIT_OK : EXIT_NO_DEVICE;
}
