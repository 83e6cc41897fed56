/* The runner: prepares the variants of one problem side by side and launches them.
 *
 * All variants ("slots") read the same inputs and share scratch memory, since only one runs at a
 * time; each has an output of its own, which is judged after its last timed launch. Inputs and
 * outputs have guard zones that are checked after launches; outputs and scratch are poisoned with
 * NaN. */
#ifndef ATTNBENCH_DEVICE_RUNNER_H
#define ATTNBENCH_DEVICE_RUNNER_H

#include "device/backend.h"
#include "verify/inputs.h"
#include "verify/reference.h"

enum { SLOTS_MAX = 64 };

struct runner;

/* Opens the device; fills its launch_us. NULL on failure. */
struct runner *runner_open(const struct backend *backend, struct device_info *device,
                           struct failure *failure);
void runner_close(struct runner *runner);

/* Measures a peak; see backend.h. Needs no problem. */
int runner_peak(struct runner *runner, const struct device_info *device, enum peak peak,
                const char *program, struct peak_rate *rate, struct arena *arena,
                struct failure *failure);

/* Puts the inputs of a problem on the device; drops those of the problem before. `given`: tensors
 * of the user's, rounded to the dtype, which must stay valid; NULL: they are generated from kind
 * and seed. */
int runner_problem(struct runner *runner, const struct problem *problem,
                   const struct attention_inputs *given, enum input_kind kind, uint64_t seed,
                   struct failure *failure);
/* The inputs as the device sees them, rounded to the dtype; valid until the next runner_problem. */
const struct attention_inputs *runner_inputs(const struct runner *runner);

/* Builds a variant for the present problem. `variant` and the tuning's names must stay valid. */
int runner_prepare(struct runner *runner, int slot_index, const struct variant *variant,
                   const struct tuning *tuning, enum build_origin *origin, struct failure *failure);
/* The slot's output was wrong: its program is not kept for later runs. */
void runner_distrust(struct runner *runner, int slot_index);

/* Fills the slot's output and its scratch with NaN and all guard zones with their pattern. */
int runner_poison(struct runner *runner, int slot_index, struct failure *failure);
/* Fills the output alone, with numbers that are no NaN in any dtype: a kernel that adds to what the
 * output holds may take a NaN for a fresh one. */
int runner_spoil_output(struct runner *runner, int slot_index, struct failure *failure);
/* From here on launches see q, k and v with their signs changed (or as they are again): scores stay
 * what they are, and the output is exactly minus the former one. Of other operations those inputs
 * change that operation_flip says. What a launch kept of earlier
 * inputs shows, without another reference. */
int runner_negate(struct runner *runner, bool negated, struct failure *failure);
int runner_launch(struct runner *runner, int slot_index, struct launch_times *times,
                  struct failure *failure);
/* So that the next launch finds cold caches. */
int runner_evict(struct runner *runner, struct failure *failure);
/* The output, decoded to f32, problem_sizes().o values in the problem's layout. */
int runner_read(struct runner *runner, int slot_index, float *output, struct failure *failure);
/* The second output of a problem that returns weights or scores: [batch, heads_q, n_q, n_kv]. */
int runner_read_scores(struct runner *runner, int slot_index, float *values,
                       struct failure *failure);
/* Compares all guard zones with their pattern. 0: intact; 1: overwritten, `what` says where;
 * -1: failure. */
int runner_guards(struct runner *runner, int slot_index, struct err *what, struct failure *failure);

/* Drops all slots and inputs. */
void runner_release(struct runner *runner);

#endif
