/* A probe: one form of a kernel of kernels/peaks, built, launched and checked. Internal to
 * opencl_peaks.c and opencl_probe.c. */
#ifndef ATTNBENCH_DEVICE_OPENCL_PROBE_H
#define ATTNBENCH_DEVICE_OPENCL_PROBE_H

#include "device/opencl.h"

enum exponential { POLYNOMIAL, EXP2, NATIVE }; /* as peaks.cl numbers them */

struct form {
    const char *kernel;
    int width, chains; /* elements a vector; vectors that do not depend on each other */
    int group;         /* work-items a group; 1: a form for CPUs */
    enum exponential exponential;
};

/* One peak of one device while it is measured; zero-initialised but for the first six. */
struct bench {
    struct session *session;
    const struct device_info *device;
    enum peak peak;
    const char *source;
    struct failure *failure;
    double start_s;
    char sha[65]; /* of the source */
    /* What kernels read: zeros where they compute, else ones; what they write. */
    struct buffer *in, *out;
};

struct probe {
    const struct form *form;
    struct program *program;
    cl_kernel kernel;
    size_t items;    /* work-items of a launch */
    int turns;       /* of its loop */
    int blocks;      /* of the local tile, a power of 2 */
    int64_t vectors; /* of global memory that a turn goes through */
    double best_s;   /* the fastest launch since it was calibrated */
};

/* Is it about global memory? */
bool bench_is_global(const struct bench *bench);
void bench_close(struct bench *bench);

/* The smallest launch of the form; `bytes`: of global memory. Its vectors may be 0: too few. */
void probe_size(const struct bench *bench, struct probe *probe, size_t bytes);
int probe_build(struct bench *bench, struct probe *probe);
void probe_close(struct bench *bench, struct probe *probe);

/* One launch, in seconds from enqueue to finish. */
int probe_launch(struct bench *bench, const struct probe *probe, double *seconds);
/* Lengthens the launch until it takes target_s. */
int probe_calibrate(struct bench *bench, struct probe *probe, double target_s);
/* Did the last launch leave what its work implies? A failure says what it left instead. */
int probe_verify(struct bench *bench, const struct probe *probe);

/* Operations or bytes a second, by best_s. */
double probe_rate(const struct bench *bench, const struct probe *probe);

#endif
