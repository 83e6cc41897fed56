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

/* Device memory: guard bytes, then the payload, then guard bytes again. Kernels see the payload. */
struct buffer {
    size_t bytes; /* of the payload */
    size_t guard; /* bytes on either side */
};

/* Named buffers for a variant's passes: q, k, v, o and its scratch. */
struct binding {
    const char *name;
    struct buffer *buffer;
};

struct launch_times {
    double host_s;   /* from before the first enqueue to after the finish */
    double device_s; /* first start to last end; NaN when the gate refused the device's timer */
    double pass_s[PASSES_MAX];
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

    struct buffer *(*buffer_create)(struct session *session, size_t bytes, struct failure *failure);
    void (*buffer_free)(struct session *session, struct buffer *buffer);
    /* `offset` counts from the start of the first guard zone. */
    int (*buffer_write)(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                        const void *data, struct failure *failure);
    int (*buffer_read)(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                       void *data, struct failure *failure);
    /* Repeats a 4-byte pattern; offset and bytes are multiples of 4. */
    int (*buffer_fill)(struct session *session, struct buffer *buffer, size_t offset, size_t bytes,
                       uint32_t pattern, struct failure *failure);

    /* Compiles (or finds in the session's cache) and creates the kernels. */
    struct kernels *(*build)(struct session *session, const struct variant *variant,
                             const struct problem *problem, const struct tuning *tuning,
                             struct failure *failure);
    int (*bind)(struct session *session, struct kernels *kernels, const struct shape *shape,
                const struct binding *bindings, int count, struct failure *failure);
    /* Runs all passes once and waits for them. */
    int (*launch)(struct session *session, struct kernels *kernels, struct launch_times *times,
                  struct failure *failure);
    void (*kernels_free)(struct session *session, struct kernels *kernels);
};

extern const struct backend opencl_backend;
extern const struct backend null_backend;

/* "opencl" or "null"; NULL for another name. */
const struct backend *backend_find(const char *name);

int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
