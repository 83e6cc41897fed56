/* rnn_persistent: a recurrence in one launch.
 *
 * Idea    A work-group owns all hidden units of a batch entry and goes through the steps, with a
 *         barrier between them instead of a launch.
 * Work    group (batch entry); its work-items share the units.
 * Memory  as rnn_steps; W_h stays in the caches of one compute unit where it fits.
 * Source  Diamos et al., Persistent RNNs, 2016, who keep W_h in registers across a whole device.
 * Limits  OpenCL 1.2 has no barrier across work-groups, so a batch entry has one compute unit. Once
 *         W_h (GATES * d^2 words) exceeds what that one reads quickly, rnn_steps is ahead. */
#include "rnn.clh"

__kernel __attribute__((reqd_work_group_size(RNN_WG, 1, 1))) void
rnn_persistent(__global const storage *restrict gates, __global const storage *restrict w_h,
               __global const storage *restrict b_h, __global float *states_h,
               __global float *states_s, __global storage *restrict o, const struct stage stage)
{
    for (int t = 0; t < stage.n; t++) {
        for (int j = get_local_id(0) * RNN_VEC; j < stage.k; j += RNN_WG * RNN_VEC)
            rnn_unit(gates, w_h, b_h, states_h, states_s, o, get_group_id(0), t, j, stage);
        barrier(CLK_GLOBAL_MEM_FENCE);
    }
}
