/* What a launch must not live on, and must not touch. */
#include "device/runner_parts.h"

#include <stdlib.h>
#include <string.h>

/* A NaN whose payload no arithmetic makes by chance; each half is a NaN in f16 and in bf16 too. */
#define POISON  0xffed7fedu
#define SPOILED 0x64006400u /* 1024 in f16, some 1e22 in f32 and bf16 */

/* The word at a place of a guard zone, which differs from place to place. Every other check has
 * NaNs, in f32 and in both halves in f16 and bf16: what is read there shows in the output, even
 * multiplied by a weight of 0. They are signalling in f32 and bf16, which no arithmetic leaves as
 * it is. The other checks have numbers from 1 to 2, since a NaN that is read, scaled and written
 * back may look untouched. */
static uint32_t guard_word(const struct buffer *buffer, int side, size_t word)
{
    const uint64_t bits = inputs_hash(inputs_hash(buffer->pattern, (uint64_t)side), word);
    const uint32_t low = (uint32_t)bits, high = (uint32_t)(bits >> 32);
    if (buffer->pattern % 2)
        return (0x3f80u | (low & 0x807fu)) | (0x3f80u | (high & 0x807fu)) << 16;
    return (0x7f81u | (low & 0x803eu)) | (0x7f81u | (high & 0x803eu)) << 16;
}

/* The payload may end in the middle of a 4-byte word; the guard behind it starts at the next. */
static size_t after_payload(const struct buffer *buffer)
{
    return buffer->guard + (buffer->bytes + 3) / 4 * 4;
}

static int fill_payload(struct runner *runner, struct buffer *buffer, uint32_t pattern,
                        struct failure *failure)
{
    return runner->backend->buffer_fill(runner->session, buffer, buffer->guard,
                                        (buffer->bytes + 3) / 4 * 4, pattern, failure);
}

int runner_spoil_output(struct runner *runner, int slot_index, struct failure *failure)
{
    return fill_payload(runner, runner->slots[slot_index].output, SPOILED, failure);
}

int runner_spoil_scratch(struct runner *runner, int slot_index, struct failure *failure)
{
    for (int i = 0; i < runner->slots[slot_index].variant->scratch_count; ++i)
        if (fill_payload(runner, runner->scratch[i], POISON, failure))
            return -1;
    return 0;
}

static int write_guards(struct runner *runner, struct buffer *buffer, bool numbers, uint32_t *words,
                        struct failure *failure)
{
    buffer->pattern = 2 * ++runner->pattern + numbers;
    for (int side = 0; side < 2; ++side) {
        for (size_t w = 0; w < buffer->guard / 4; ++w)
            words[w] = guard_word(buffer, side, w);
        if (runner->backend->buffer_write(runner->session, buffer, side ? after_payload(buffer) : 0,
                                          buffer->guard, words, failure))
            return -1;
    }
    return 0;
}

/* Scratch too: what a variant forgets to write there, another one may have left right. */
int runner_poison(struct runner *runner, int slot_index, struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    struct binding all[BUFFERS_MAX];
    const int count = runner_slot_buffers(runner, slot, all);
    int result = 0;
    const bool numbers = ++slot->poisonings % 2;
    for (int i = 0; i < count && result == 0; ++i) {
        uint32_t *words = all[i].buffer->guard ? malloc(all[i].buffer->guard) : NULL;
        if (!words && all[i].buffer->guard)
            return failure_set(failure, FAILURE_OOM, "out of memory on the host");
        if (words)
            result = write_guards(runner, all[i].buffer, numbers, words, failure);
        free(words);
    }
    if (result || fill_payload(runner, slot->output, POISON, failure))
        return -1;
    return runner_spoil_scratch(runner, slot_index, failure);
}

static int look_at_guard(struct runner *runner, const struct binding *binding, int side,
                         uint32_t *words, struct err *what, struct failure *failure)
{
    const size_t guard = binding->buffer->guard;
    memset(words, 0xff, guard); /* a read that does nothing must not pass */
    if (runner->backend->buffer_read(runner->session, binding->buffer,
                                     side ? after_payload(binding->buffer) : 0, guard, words,
                                     failure))
        return -1;
    for (size_t i = 0; i < guard / 4; ++i) {
        const size_t w = side ? i : guard / 4 - 1 - i; /* the nearest to the payload */
        if (words[w] == guard_word(binding->buffer, side, w))
            continue;
        err_set(what, "wrote outside a buffer: %zu bytes %s %s", side ? w * 4 : guard - w * 4,
                side ? "past the end of" : "before", binding->name);
        return 1;
    }
    return 0;
}

int runner_guards(struct runner *runner, int slot_index, struct err *what, struct failure *failure)
{
    struct binding all[BUFFERS_MAX];
    const int count = runner_slot_buffers(runner, &runner->slots[slot_index], all);
    int result = 0;
    for (int i = 0; i < count && result == 0; ++i) {
        if (all[i].buffer->guard == 0 || all[i].buffer->pattern == 0)
            continue;
        uint32_t *words = malloc(all[i].buffer->guard);
        if (!words)
            return failure_set(failure, FAILURE_OOM, "out of memory on the host");
        for (int side = 0; side < 2 && result == 0; ++side)
            result = look_at_guard(runner, &all[i], side, words, what, failure);
        free(words);
    }
    return result;
}

/* ---- outputs that were judged right ---- */

int runner_keep(struct runner *runner, int slot_index, struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    struct buffer **kept = &slot->kept[runner->set];
    if (!*kept)
        *kept = runner_buffer(runner, slot->output->bytes, MEMORY_DEVICE, failure);
    return *kept ? runner->backend->copy(runner->session, slot->output, *kept, failure) : -1;
}

bool runner_has_kept(const struct runner *runner, int slot_index, enum input_set_index set)
{
    return runner->slots[slot_index].kept[set] != NULL;
}

int runner_compare(struct runner *runner, int slot_index, bool *same, struct failure *failure)
{
    struct slot *slot = &runner->slots[slot_index];
    return runner->backend->compare(runner->session, slot->output, slot->kept[runner->set], same,
                                    failure);
}
