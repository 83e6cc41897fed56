/* Finding the devices, whatever one of the drivers does.
 *
 * A loader takes all drivers into one process, so one that crashes or hangs hides the devices of
 * all others. Only then each is asked in a process of its own, and those that answer are listed
 * together again: this process's OCL_ICD_VENDORS, which workers inherit, names a folder with these
 * alone. The normal case is one worker, as before. */
#ifndef ATTNBENCH_WORKER_DRIVERS_H
#define ATTNBENCH_WORKER_DRIVERS_H

#include "device/icd.h"
#include "worker/supervisor.h"

/* What one driver has come to. */
enum driver_state {
    DRIVER_WORKS,    /* it shows devices */
    DRIVER_EMPTY,    /* it loads, and shows none */
    DRIVER_UNLOADED, /* its library cannot be loaded, or its file names none */
    DRIVER_FAILS,    /* OpenCL calls answer with an error */
    DRIVER_CRASHES,
    DRIVER_HANGS
};

struct driver {
    struct icd icd;
    enum driver_state state;
    const char *reason; /* NULL when it works; else complete: "libx.so: cannot open ..." */
    int devices;
    double time_s; /* that it took to answer */
};

/* Asks one driver alone, for at most deadline_s; strings are of the arena. */
void driver_probe(const struct supervisor *supervisor, const struct icd *icd, double deadline_s,
                  struct driver *driver, struct arena *arena);

/* supervisor_enumerate, which goes on without drivers that crash or hang. What is wrong with a
 * driver is told to `warn`, one complete line each, naming the .icd file, the library and what to
 * do. */
int drivers_enumerate(const struct supervisor *supervisor, double deadline_s, struct arena *arena,
                      struct device_info **devices, int *count, void (*warn)(const char *message),
                      struct err *err);

#endif
