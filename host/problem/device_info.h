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
    const char *uuid;       /* CL_DEVICE_UUID_KHR, 32 hex digits; NULL: the driver tells none */
    const char *visible; /* the scheduler's choice: "CUDA_VISIBLE_DEVICES=2,3"; NULL: all devices */
    /* In a merged file: where the device is, and which of the plan's devices it is (from 1). */
    const char *host, *host_os, *host_cpu;
    int64_t slot; /* 0: the file is of one run */
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

/* The schedulers' variables that narrow which devices a process of this platform sees, for
 * `visible`; `lookup` is getenv, or a test's. */
const char *device_visible(const struct device_info *device, const char *(*lookup)(const char *),
                           struct arena *arena);
/* Names the physical device on its host, however a scheduler narrows what a process sees: by its
 * uuid ("nvidia-gpu-3f2a91c0"), or by its id with the index among all devices ("amd-gpu-2", which a
 * process with ROCR_VISIBLE_DEVICES=2 calls amd-gpu-0). Else its id. */
const char *device_unit(const struct device_info *device, struct arena *arena);

bool device_has_extension(const struct device_info *device, const char *extension);

/* Resolves what --device was given: an id, "platform:device", or part of an id or of a name, its
 * own, its platform's or its vendor's (any case).
 * Returns the index into `devices`, or -1 with a message that lists what there is. */
int device_select(const struct device_info *devices, int count, const char *wanted,
                  struct err *err);
/* The best default: GPU before accelerator before CPU, then by compute units times clock.
 * count >= 1. */
int device_best(const struct device_info *devices, int count);

#endif
