#include "worker/worker.h"
#include "commands/options.h"

int command_worker(const struct options *options)
{
    return worker_serve(options->kernels);
}
