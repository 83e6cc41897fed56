/* an encoder layer: the frame's kernels; attention itself comes from the cell's variant. */
#include "gemm.clh"
#include "stages.clh"
