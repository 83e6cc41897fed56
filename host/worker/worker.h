/* The worker process: opens a device and does, step by step, what the supervisor asks for.
 *
 * Requests are JSON objects, one a line, {"do": STEP, ...}; each gets one reply. Steps:
 *   enumerate {backend}                       -> {devices: [...], missing: [...]}
 *       missing: {file, library, reason} of each driver that the loader could not load
 *   open      {backend, device: {...}}        -> {launch_us}
 *   peak      {peak}                          -> {value, how}   null: how says why not
 *   problem   {problem, seed, inputs}         -> {}          makes inputs, drops all slots
 *   case      {folder, returns}               -> {}          the same from a folder of the user's
 *   save      {path}                          -> {}          the weights that were read
 *   prepare   {slot, variant, tuning}         -> {build_s, options, origin}
 *   launch    {slot, negated}                 -> {host_s, device_s} poisons the output, runs once
 *       negated: on inputs of the other sign; what is read next is negated, too, and so judged
 *   read      {slot}                          -> {repeatable, overrun}
 *       fetches the output and checks the guard zones; repeatable: the same bits as before
 *   judge     {slot, mode}                    -> {ok, reason, mode, rows_checked, ...}
 *       and weights_entropy, weights_largest where weights are returned
 *   measure   {slot, slice_s, launches, passes, cold}
 *           -> {samples: [[host_s, device_s, pass_s...]], evict_s, gate,
 *               host_span_s, device_span_s}
 *       cold: caches are emptied before each launch, which took evict_s together
 *       spans: how far the two clocks went from its first launch to its last
 *   release   {}                              -> {}
 *
 * A step that fails replies {failure: "build_failed"|"oom"|"unsupported"|"error", reason, fatal}.
 */
#ifndef ATTNBENCH_WORKER_WORKER_H
#define ATTNBENCH_WORKER_WORKER_H

/* Serves requests until end of file; returns the process's exit status. kernels_dir: NULL or what
 * --kernels was given. */
int worker_serve(const char *kernels_dir);

#endif
