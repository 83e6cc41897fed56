/* The null backend's script: what the scripted device is and does.
 *
 * ATTNBENCH_NULL_SCRIPT names a JSON file (without it: one device, 1 ns a query-key pair, no
 * faults): { "devices": [ { "id": "null-0", "type": "gpu", "global_bytes": 1e9, ... } ],
 *     "launch_us": 5, "noise": 0.01, "noise_seed": 7, "pause_s": 0, "pause": 0,
 *     "peaks": { "f32_gflop_s": 100, "f16_gflop_s": null },
 *     "time_s": { "naive": "1e-9*pairs*heads_q*d_k", "*": "1e-10*pairs*heads_q*d_k" },
 *     "faults": [ { "at": "build", "variant": "tiled", "cell": "n_q=64,", "do": "crash" } ] }
 * Keys of a device are those of the results file; what is not given has a default. time_s holds
 * size expressions over problem keys and tunables, by variant name or "*"; peaks that are not given
 * have a default. A fault applies where its variant (default: all), device, cell (a part of the id)
 * and tuning (a part of "BLOCK_Q=16,WG=64") fit, at one of enumerate, open, build, launch, read and
 * evict (of the variant that was launched last), peak (its name stands for the variant's); "nth"
 * (from 1) makes it happen only at that call of the process. It does one of crash (SIGSEGV), abort,
 * exit (status 0), hang, fail (an error), oom, fatal (CL_OUT_OF_RESOURCES), wrong (output 1 % off),
 * nan, unwritten, overrun (guard zone), overrun_far (6000 bytes behind the output),
 * overrun_scratch, tamper (with an input), flaky (other bits each time), stale (the first output
 * for ever), bad_timer, print (chatter on stdout and stderr). Noise, at most that part of the time
 * to either side, is a fixed sequence, so that the same script gives the same times; another
 * noise_seed gives an independent one. Each launch also sleeps for pause_s and `pause` times what
 * it takes, which no clock of the device shows: for tests of what is seen meanwhile. */
#ifndef ATTNBENCH_DEVICE_NULL_H
#define ATTNBENCH_DEVICE_NULL_H

#include "problem/device_info.h"
#include "problem/variant.h"
#include "util/json.h"
#include "util/text.h"

struct null_script {
    struct json json;
    struct text text;
    struct device_info *devices;
    int device_count;
    double launch_us, noise, pause_s, pause;
    int64_t noise_seed;
    struct peaks peaks;
};

/* Loads the script once per process. */
int null_script_load(struct null_script *script, struct arena *arena, struct err *err);

/* Time of one launch. */
int null_script_time(const struct null_script *script, const char *variant,
                     const struct problem *problem, const struct tuning *tuning, double *seconds,
                     struct err *err);

/* What the script wants done here: the "do" of the first fault that applies, or "". */
const char *null_script_fault(const struct null_script *script, const char *at, const char *device,
                              const char *variant, const char *cell, const char *tuning);

#endif
