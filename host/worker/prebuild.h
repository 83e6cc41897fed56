/* Building ahead: a plan's programs are built by several workers at once, before anything is
 * measured. Internal to worker/.
 *
 * Compilers use one core, and many do their work in a kernel's first launch only; so each program
 * is built for a small problem of its kind and launched once. What they make reaches the run's own
 * worker by way of a cache on disk, the driver's or ours. Once done, a marker in the cache folder
 * says so, and it is not done again for the same programs, device and driver; nor is it with
 * --no-program-cache, for fewer than eight programs or more than a thousand. Nothing depends on it:
 * what fails here fails again in its turn, and becomes a row there. */
#ifndef ATTNBENCH_WORKER_PREBUILD_H
#define ATTNBENCH_WORKER_PREBUILD_H

#include "worker/steps.h"

void prebuild_run(struct run *run);

#endif
