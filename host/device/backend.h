/* A backend: what opens a device and runs the passes of a variant on it.
 *
 * `opencl` drives real devices; `null` has scripted times and computes outputs with the reference,
 * so that the whole tool is tested without OpenCL and without a clock. A backend is a table of
 * functions. A function that fails returns NULL or -1 and fills `struct failure`. */
#ifndef ATTNBENCH_DEVICE_BACKEND_H
#define ATTNBENCH_DEVICE_BACKEND_H

#include "measure/timer_gate.h"
#include "problem/device_info.h"
#include "problem/variant.h"
#include "shape.h"

#include <stdbool.h>
#include <stddef.h>

enum failure_kind {
    FAILURE_ERROR,
    FAILURE_BUILD,       /* the driver's compiler refused the program */
    FAILURE_OOM,         /* the device or driver has no memory left */
    FAILURE_UNSUPPORTED, /* found out before launch: the device cannot do this */
};

struct failure {
    enum failure_kind kind;
    int64_t
        work_group_limit; /* of FAILURE_UNSUPPORTED: what the compiled kernel allows; 0: not it */
    bool fatal; /* the context is not to be trusted any more: exit without releasing anything */
    struct err err;
};

/* Where a variant's program came from. */
enum build_origin {
    BUILD_SOURCE,  /* compiled now */
    BUILD_CACHE,   /* its binary was kept from an earlier run */
    BUILD_SESSION, /* it was there already, for another problem */
};
const char *build_origin_name(enum build_origin origin);

/* Device memory: guard bytes, then the payload, then guard bytes again. Kernels see the payload. */
struct buffer {
    size_t bytes;     /* of the payload */
    size_t guard;     /* bytes on either side, or 0 */
    uint32_t pattern; /* the runner's: what the guards hold; 0: nothing yet */
};

/* Named buffers for a variant's passes: q, k, v, o and its scratch. */
struct binding {
    const char *name;
    struct buffer *buffer;
};

/* How launches are handed over; see problem.h. */
struct handover {
    int launches;   /* in flight together; times are theirs, divided by their number */
    bool profiling; /* by the device's events too */
};

struct launch_times {
    double host_s;   /* from before the first enqueue to after the finish */
    double device_s; /* first start to last end; NaN when the gate refused the device's timer */
    double pass_s[PASSES_MAX];    /* of a repeated pass: all its launches together */
    double host_end_s;            /* the host's clock after the finish */
    uint64_t device_end_ns;       /* the device's at the end of the last pass; 0 when refused */
    char gate[TIMER_GATE_REASON]; /* why it was refused, or "" */
};

struct session; /* an open device */
struct kernels; /* a variant built for a problem and bound to buffers */

struct backend {
    const char *name;

    int (*enumerate)(struct arena *arena, struct device_info **devices, int *count,
                     struct failure *failure);
    /* Also measures launch_us of `device`. */
    struct session *(*open)(struct device_info *device, struct failure *failure);
    void (*close)(struct session *session);

    /* With guards of at least so many bytes, or of none where the session has none. */
    struct buffer *(*buffer_create)(struct session *session, size_t bytes, size_t guard,
                                    enum memory_place memory, struct failure *failure);
    void (*buffer_free)(struct session *session, struct buffer *buffer);
    /* `offset` counts from the start of the first guard zone. */
    int (*buffer_write)(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                        const void *data, struct failure *failure);
    int (*buffer_read)(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                       void *data, struct failure *failure);
    /* Repeats a 4-byte pattern; offset and bytes are multiples of 4. Does nothing in a session
     * whose buffers have no guards. */
    int (*buffer_fill)(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                       uint32_t pattern, struct failure *failure);

    /* Payloads, on the device: to a buffer of the same size; whether two hold the same bits; a hash
     * in which each 4-byte word counts by its value and its place. */
    int (*copy)(struct session *session, struct buffer *from, struct buffer *to,
                struct failure *failure);
    int (*compare)(struct session *session, struct buffer *a, struct buffer *b, bool *same,
                   struct failure *failure);
    int (*digest)(struct session *session, struct buffer *buffer, uint64_t *digest,
                  struct failure *failure);

    /* Compiles (or finds compiled) and creates the kernels. */
    struct kernels *(*build)(struct session *session, const struct variant *variant,
                             const struct problem *problem, const struct tuning *tuning,
                             enum build_origin *origin, struct failure *failure);
    /* The output was wrong: the compiled program is not to be kept for later runs. */
    void (*distrust)(struct session *session, struct kernels *kernels);
    /* shapes: of each part of a composed variant, or one. */
    int (*bind)(struct session *session, struct kernels *kernels, const struct shape *shapes,
                const struct binding *bindings, int count, struct failure *failure);
    /* Runs all passes, as often as is asked for, and waits for them. */
    int (*launch)(struct session *session, struct kernels *kernels, const struct handover *how,
                  struct launch_times *times, struct failure *failure);
    /* Reads and writes more memory than the device's caches hold, so that what a launch reads next
     * comes from memory. */
    int (*evict)(struct session *session, struct failure *failure);
    void (*kernels_free)(struct session *session, struct kernels *kernels);

    /* Measures a peak of the device. `program` is the source of kernels/peaks. When nothing could
     * be measured, but the device can go on, the rate is unknown and its `how` says why. Strings
     * are of the arena. */
    int (*peak)(struct session *session, const struct device_info *device, enum peak peak,
                const char *program, struct peak_rate *rate, struct arena *arena,
                struct failure *failure);
};

extern const struct backend opencl_backend;
extern const struct backend null_backend;

/* "opencl" or "null"; NULL for another name. */
const struct backend *backend_find(const char *name);

/* What the opencl backend was built with, for attnbench version: "1.2", the calls it keeps to; and
 * CLBlast's "1.5.3", "yes" (a version that does not say which it is) or "no". */
const char *backend_opencl_version(void);
const char *backend_clblast_version(void);

int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
