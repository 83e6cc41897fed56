/* What the plan needs to know of a device: identity and limits. Filled by a backend. */
#ifndef ATTNBENCH_PROBLEM_DEVICE_INFO_H
#define ATTNBENCH_PROBLEM_DEVICE_INFO_H

#include "problem/peaks.h"
#include "util/arena.h"
#include "util/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct quirk; /* problem/quirk.h */

struct device_info {
    const char *id;    /* "pocl-cpu-0": platform, type, index among those; for --device */
    const char *index; /* "0:0": platform:device, as the loader lists them */
    const char *platform, *name, *vendor, *driver, *opencl_c;
    const char *type;       /* "gpu", "cpu", "accelerator", "other" */
    const char *extensions; /* separated by single spaces */
    int64_t compute_units, clock_mhz;
    int64_t global_bytes, local_bytes, max_alloc_bytes;
    int64_t max_work_group;
    int64_t max_work_item[3];
    int64_t
        vector_width; /* floats in a register (CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT); 0: unknown */
    bool has_clblast; /* this build can run CLBlast there */
    double launch_us; /* an empty kernel, enqueue to finish; 0: not measured yet */
    struct peaks peaks;
    const struct quirk *const *quirks; /* that apply to it */
    int quirk_count;
};

/* Of quirks their names and reasons. */
cJSON *device_info_to_json(const struct device_info *device);
/* Strings are copied to the arena as printable text. Unknown keys are ignored, missing ones are an
 * error. */
int device_info_from_json(struct device_info *device, const cJSON *object, struct arena *arena,
                          struct err *err);

/* Names a device and its driver in file names: letters of its name, then a hash over platform,
 * name, vendor, driver and compute units, "cpu-skylake-avx512-amd-epyc-0123456789ab". */
char *device_info_key(const struct device_info *device, struct arena *arena);

bool device_has_extension(const struct device_info *device, const char *extension);

/* Resolves what --device was given: an id, "platform:device", or part of a name (any case).
 * Returns the index into `devices`, or -1 with a message that lists what there is. */
int device_select(const struct device_info *devices, int count, const char *wanted,
                  struct err *err);
/* The best default: GPU before accelerator before CPU, then by compute units times clock.
 * count >= 1. */
int device_best(const struct device_info *devices, int count);

#endif
