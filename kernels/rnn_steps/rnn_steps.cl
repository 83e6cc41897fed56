/* rnn_steps: a recurrence with a launch for each step, as frameworks without a fused kernel do.
 *
 * Idea    x W_x is one matrix product for all steps; what remains of a step needs the hidden state
 *         of the one before, of all units: the end of a launch is the only barrier across a device.
 * Work    group (block of RNN_WG * RNN_VEC units, batch).
 * Memory  W_h is read in each step: n * GATES * d^2 words. Launches bound it while d is small.
 * Source  Elman, 1990; Hochreiter and Schmidhuber, 1997; Cho et al., 2014. */
#include "rnn.clh"

__kernel __attribute__((reqd_work_group_size(RNN_WG, 1, 1))) void
rnn_steps(__global const storage *restrict gates, __global const storage *restrict w_h,
          __global const storage *restrict b_h, __global float *states_h, __global float *states_s,
          __global storage *restrict o, const struct stage stage)
{
    const int j = get_global_id(0) * RNN_VEC;
    if (j < stage.k)
        rnn_unit(gates, w_h, b_h, states_h, states_s, o, get_group_id(1), stage.step, j, stage);
}
