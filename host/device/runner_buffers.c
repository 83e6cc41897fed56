/* What a runner holds on the device: made, named and freed. */
#include "device/runner_parts.h"

/* 64 KiB, or the rows of a tile where that is more: what a kernel that takes one tile too many
 * writes. */
static size_t guard_bytes(const struct problem *problem)
{
    enum { LEAST = 1 << 16, TILE_ROWS = 128, MOST = 1 << 22 };
    const int64_t heads = problem->layout == LAYOUT_BNHD ? problem->heads_q : 1;
    const int64_t widest = problem->d_k > problem->d_v ? problem->d_k : problem->d_v;
    const int64_t columns = problem->d_model > heads * widest ? problem->d_model : heads * widest;
    const int64_t tile = TILE_ROWS * columns * dtype_bytes((enum dtype)problem->dtype);
    return (size_t)(tile < LEAST ? LEAST : tile < MOST ? tile : MOST);
}

struct buffer *runner_buffer(struct runner *runner, size_t bytes, enum memory_place memory,
                             struct failure *failure)
{
    runner->guard = guard_bytes(&runner->problem);
    return runner->backend->buffer_create(runner->session, bytes, runner->guard, memory, failure);
}

void runner_free_buffer(struct runner *runner, struct buffer **buffer)
{
    if (*buffer)
        runner->backend->buffer_free(runner->session, *buffer);
    *buffer = NULL;
}

int runner_slot_buffers(struct runner *runner, const struct slot *slot, struct binding *bindings)
{
    static const char *const input_names[INPUTS] = {"q",      "k",     "v",         "bias",
                                                    "slopes", "sinks", "kv_lengths"};
    const struct input_set *set = &runner->sets[runner->set];
    int count = 0;
    for (int i = 0; i < INPUTS; ++i)
        bindings[count++] = (struct binding){input_names[i], set->inputs[i]};
    for (int t = 0; t < operation_tensor_count(); ++t)
        if (set->tensors[t])
            bindings[count++] = (struct binding){operation_tensor(t)->name, set->tensors[t]};
    bindings[count++] = (struct binding){"o", slot->output};
    for (int i = 0; i < slot->variant->scratch_count; ++i)
        bindings[count++] = (struct binding){slot->variant->scratch[i].name, runner->scratch[i]};
    return count;
}

void runner_drop_slot(struct runner *runner, struct slot *slot)
{
    if (slot->output && !slot->borrows)
        for (int i = 0; i < SLOTS_MAX; ++i)
            if (runner->slots[i].borrows && runner->slots[i].output == slot->output)
                runner_drop_slot(runner, &runner->slots[i]);
    if (slot->kernels)
        runner->backend->kernels_free(runner->session, slot->kernels);
    if (!slot->borrows)
        runner_free_buffer(runner, &slot->output);
    for (int s = 0; s < INPUT_SETS; ++s)
        runner_free_buffer(runner, &slot->kept[s]);
    *slot = (struct slot){0};
}

static void drop_inputs(struct runner *runner)
{
    struct input_set *main_set = &runner->sets[INPUTS_MAIN], *other = &runner->sets[INPUTS_OTHER];
    for (int i = 0; i < INPUTS; ++i) {
        if (other->inputs[i] != main_set->inputs[i])
            runner_free_buffer(runner, &other->inputs[i]);
        runner_free_buffer(runner, &main_set->inputs[i]);
    }
    for (int t = 0; t < OP_TENSORS_MAX; ++t) {
        if (other->tensors[t] != main_set->tensors[t])
            runner_free_buffer(runner, &other->tensors[t]);
        runner_free_buffer(runner, &main_set->tensors[t]);
    }
    *main_set = *other = (struct input_set){0};
    runner->has_other = false;
    runner->set = INPUTS_MAIN;
    arena_free(&runner->host_memory);
}

void runner_release(struct runner *runner)
{
    for (int i = 0; i < SLOTS_MAX; ++i)
        runner_drop_slot(runner, &runner->slots[i]);
    for (int i = 0; i < SCRATCH_MAX; ++i)
        runner_free_buffer(runner, &runner->scratch[i]);
    drop_inputs(runner);
}
