#include "util/names.h"

#include "util/text.h"

#include <string.h>

static int *slot(const struct names *names, const char *name)
{
    size_t i = text_hash(name) & (names->table_size - 1);
    while (names->table[i] && strcmp(names->items[names->table[i] - 1], name) != 0)
        i = (i + 1) & (names->table_size - 1);
    return &names->table[i];
}

static void grow(struct names *names)
{
    const int capacity = names->capacity ? names->capacity * 2 : 64;
    names->items = arena_grow(names->arena, names->items, (size_t)names->count, (size_t)capacity,
                              sizeof *names->items);
    names->capacity = capacity;
    names->table_size = (size_t)capacity * 4;
    names->table = arena_array(names->arena, names->table_size, sizeof *names->table);
    for (int i = 0; i < names->count; ++i)
        *slot(names, names->items[i]) = i + 1;
}

int names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity)
        grow(names);
    int *at = slot(names, name);
    if (!*at) {
        names->items[names->count++] = arena_copy(names->arena, name);
        *at = names->count;
    }
    return *at - 1;
}

int names_find(const struct names *names, const char *name)
{
    return names->count ? *slot(names, name) - 1 : -1;
}
