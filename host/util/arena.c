#include "util/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t data[];
};

enum { BLOCK_BYTES = 16 * 1024 };

static void out_of_memory(size_t bytes)
{
    fprintf(stderr, "attnbench: out of memory: %zu bytes more were needed\n", bytes);
    exit(6);
}

void *arena_need(void *memory)
{
    if (memory)
        return memory;
    fprintf(stderr, "attnbench: out of memory\n");
    exit(6);
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    const size_t align = sizeof(max_align_t);
    if (bytes > SIZE_MAX / 2)
        out_of_memory(bytes);
    bytes = (bytes + align - 1) / align * align;
    struct arena_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        const size_t size = bytes > BLOCK_BYTES / 4 ? bytes : BLOCK_BYTES;
        block = calloc(1, sizeof *block + size);
        if (!block)
            out_of_memory(size);
        block->size = size;
        if (size == bytes && arena->blocks) { /* a large one: keep filling the current block */
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    void *memory = (char *)block->data + block->used;
    block->used += bytes;
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, element_bytes, &bytes))
        out_of_memory(SIZE_MAX);
    return arena_alloc(arena, bytes);
}

void *arena_grow(struct arena *arena, const void *old, size_t count, size_t new_count,
                 size_t element_bytes)
{
    void *memory = arena_array(arena, new_count, element_bytes);
    if (count)
        memcpy(memory, old, count * element_bytes);
    return memory;
}

char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t count)
{
    char *copy = arena_alloc(arena, count + 1);
    if (count)
        memcpy(copy, bytes, count);
    return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
    return arena_copy_bytes(arena, text, strlen(text));
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return arena_copy(arena, "");
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
