/* The worker process: opens a device and does, step by step, what the supervisor asks for.
 *
 * Requests are JSON objects, one a line, {"do": STEP, ...}; each gets one reply. Steps:
 *   enumerate {backend}                       -> {devices: [...], missing: [...]}
 *       missing: {file, library, reason} of each driver that the loader could not load
 *   open      {backend, device: {...}}        -> {launch_us}
 *   peak      {peak}                          -> {value, how}   null: how says why not
 *   problem   {problem, seed, inputs, other}   -> {rounds}  makes inputs, drops all slots
 *       other: also those that take turns with them, in so many rounds of queries
 *   case      {folder, returns}               -> {}          the same from a folder of the user's
 *   save      {path}                          -> {}          the weights that were read
 *   prepare   {slot, variant, tuning, kernels, output_of} -> {build_s, options, origin}
 *       kernels: if given, the variant is of this folder, not of the worker's own tree
 *       output_of: if given, a slot whose output it writes to, which must be prepared
 *   launch    {slot, other, passes} -> {host_s, device_s, samples, gate}   poisons all but inputs,
 *       runs once; samples: that one, as `measure` gives them, where passes are asked for
 *       other: 0 or absent: on the main inputs, r + 1: on round r of the others
 *   read      {slot, inputs}        -> {repeatable, trespass}
 *       fetches the output; repeatable: the same bits as before; trespass: what else was written,
 *       guard zones and, where asked for, inputs
 *   judge     {slot, mode}          -> {ok, reason, mode, rows_checked, ...}
 *       and weights_entropy, weights_largest where weights are returned
 *   keep      {slot}                -> {}
 *       the output was judged right: what launches on these inputs give from now on
 *   measure   {slot, slice_s, launches, passes, cold, other}
 *           -> {samples: [[host_s, device_s, pass_s...]], evict_s, compare_s, compared, changed,
 *               others, other, wrong, gate, host_span_s, device_span_s}
 *       Each output is compared with what was kept, some launches drawn at random see the other
 *       inputs, as the last one did if `other`; wrong: an output has other bits and is not right,
 *       which ends the slice. cold: caches are emptied before each launch, which took evict_s
 *       together; other of the request: r + 1: all launches see round r of the other inputs
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
