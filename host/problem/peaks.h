/* Peaks: what a device was measured to do at most. The roofs of measure/roofline.h. */
#ifndef ATTNBENCH_PROBLEM_PEAKS_H
#define ATTNBENCH_PROBLEM_PEAKS_H

#include "util/arena.h"
#include "util/err.h"
#include "util/text.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

enum peak {
    PEAK_F32,   /* multiply-add; each counts as two operations */
    PEAK_F16,   /* the same in half precision, where the device has cl_khr_fp16 */
    PEAK_EXP,   /* powers of 2, by the fastest of the ways that kernels have */
    PEAK_COPY,  /* global memory beyond the caches; bytes read and bytes written both count */
    PEAK_READ,  /* the same, only read */
    PEAK_LOCAL, /* reads of local memory, or what stands for it on a CPU */
    PEAKS
};

/* In 1e9 operations or bytes a second. */
struct peak_rate {
    double value;    /* > 0; anything else, NaN too: unknown */
    const char *how; /* the fastest form of the kernel, or why the peak is unknown; may be NULL */
};

struct peaks {
    struct peak_rate rates[PEAKS];
    const char *measured_utc; /* NULL: nothing was measured */
};

const char *peak_name(enum peak peak);  /* the key in JSON: "f32_gflop_s" */
int peak_find(const char *name);        /* -1: no such peak */
const char *peak_title(enum peak peak); /* for people: "f32 multiply-add" */
const char *peak_unit(enum peak peak);  /* "GFLOP/s" */

/* The rate, or NaN when it is unknown. */
double peaks_get(const struct peaks *peaks, enum peak peak);

/* Adds to an object: every name with its rate or null, "how" (an object by name) and
 * "measured_utc". */
void peaks_to_json(const struct peaks *peaks, cJSON *object);
/* Absent keys are unknown; what is there must be null or a positive, finite number. Strings are
 * copied to the arena. NULL for an object: all unknown. */
int peaks_from_json(struct peaks *peaks, const cJSON *object, struct arena *arena, struct err *err);

/* Lines for people, each after `indent`. */
void peaks_add_text(const struct peaks *peaks, const char *indent, struct text *out);

#endif
