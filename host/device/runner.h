/* The runner: prepares the variants of one problem side by side and launches them.
 *
 * All variants ("slots") read the same inputs and share scratch memory, since only one runs at a
 * time; each has an output of its own. There are two sets of inputs: the main one, and other inputs
 * (needles.h) that take turns with it, so that nothing that a launch kept of earlier inputs can
 * serve. What each slot gave for either set, once it was judged right, is kept on the device, and
 * each timed output is compared with it. All buffers have guard zones on both sides. */
#ifndef ATTNBENCH_DEVICE_RUNNER_H
#define ATTNBENCH_DEVICE_RUNNER_H

#include "device/backend.h"
#include "verify/inputs.h"
#include "verify/needles.h"
#include "verify/reference.h"

enum { SLOTS_MAX = 64 };

enum input_set_index { INPUTS_MAIN, INPUTS_OTHER, INPUT_SETS };

struct runner;

/* Opens the device; fills its launch_us. NULL on failure. */
struct runner *runner_open(const struct backend *backend, struct device_info *device,
                           struct failure *failure);
void runner_close(struct runner *runner);

/* Measures a peak; see backend.h. Needs no problem. */
int runner_peak(struct runner *runner, const struct device_info *device, enum peak peak,
                const char *program, struct peak_rate *rate, struct arena *arena,
                struct failure *failure);

/* ---- inputs: runner_inputs.c ---- */

/* Puts the inputs of a problem on the device; drops those of the problem before. `given`: tensors
 * of the user's, rounded to the dtype, which must stay valid; NULL: they are generated from kind
 * and seed. */
int runner_problem(struct runner *runner, const struct problem *problem,
                   const struct attention_inputs *given, enum input_kind kind, uint64_t seed,
                   struct failure *failure);
/* Makes the other set: needles for attention, other data for other operations. */
int runner_other_inputs(struct runner *runner, const struct needles *needles, uint64_t seed,
                        struct failure *failure);
/* From here on launches see this set, and of the other one the queries of this round. */
int runner_use(struct runner *runner, enum input_set_index set, int round, struct failure *failure);
/* The inputs as the device sees them, rounded to the dtype; valid until the next runner_problem, or
 * runner_use with another round. */
const struct attention_inputs *runner_inputs(const struct runner *runner, enum input_set_index set);
/* Are all inputs on the device what was written there? 0: yes; 1: no, `what` names one; -1:
 * failure. */
int runner_inputs_intact(struct runner *runner, struct err *what, struct failure *failure);

/* ---- launches: runner.c ---- */

/* Builds a variant for the present problem. `variant` and the tuning's names must stay valid. */
int runner_prepare(struct runner *runner, int slot_index, const struct variant *variant,
                   const struct tuning *tuning, enum build_origin *origin, struct failure *failure);
/* From now on the slot writes to the output of another, which must be prepared: what is compared
 * launch by launch must not differ in where its memory lies. The two then have one output, that of
 * the latest launch, and the borrower is dropped when the other is prepared again. */
int runner_share_output(struct runner *runner, int slot_index, int with, struct failure *failure);
/* The slot's output was wrong: its program is not kept for later runs. */
void runner_distrust(struct runner *runner, int slot_index);
/* So many launches, waited for together; `times` are those of one. */
int runner_launch(struct runner *runner, int slot_index, int launches, struct launch_times *times,
                  struct failure *failure);
/* So that the next launch finds cold caches. */
int runner_evict(struct runner *runner, struct failure *failure);
/* The output, decoded to f32, problem_sizes().o values in the problem's layout. */
int runner_read(struct runner *runner, int slot_index, float *output, struct failure *failure);
/* The second output of a problem that returns weights or scores: [batch, heads_q, n_q, n_kv]. */
int runner_read_scores(struct runner *runner, int slot_index, float *values,
                       struct failure *failure);
/* Drops all slots and inputs. */
void runner_release(struct runner *runner);

/* ---- what a launch must not live on, and must not touch: runner_guards.c ---- */

/* Fills the slot's output and its scratch with NaN, and all guard zones with a pattern that differs
 * from the one before, from buffer to buffer, side to side and word to word. */
int runner_poison(struct runner *runner, int slot_index, struct failure *failure);
/* Fills the output alone, with numbers that are no NaN in any dtype: a kernel that adds to what the
 * output holds may take a NaN for a fresh one. */
int runner_spoil_output(struct runner *runner, int slot_index, struct failure *failure);
/* Fills scratch with NaN. */
int runner_spoil_scratch(struct runner *runner, int slot_index, struct failure *failure);
/* Compares all guard zones with their pattern. 0: intact; 1: overwritten, `what` says where;
 * -1: failure. */
int runner_guards(struct runner *runner, int slot_index, struct err *what, struct failure *failure);
/* The slot's output is what the present inputs must give: keeps a copy. */
int runner_keep(struct runner *runner, int slot_index, struct failure *failure);
bool runner_has_kept(const struct runner *runner, int slot_index, enum input_set_index set);
/* Sets *same: are the output's bits those that were kept for the present inputs? */
int runner_compare(struct runner *runner, int slot_index, bool *same, struct failure *failure);

#endif
