/* A device's sweeps and their rows, in one pass over all rows. */
#include "report/grid.h"

#include <string.h>

/* Sweeps by name: open addressing, index + 1, 0 free. */
struct sweep_table {
    struct sweep_list list;
    int capacity;
    int *slots;
    size_t slot_count; /* a power of 2 */
};

static size_t sweep_slot(const struct sweep_table *table, const char *name)
{
    size_t slot = text_hash(name) & (table->slot_count - 1);
    while (table->slots[slot] && strcmp(table->list.items[table->slots[slot] - 1].name, name) != 0)
        slot = (slot + 1) & (table->slot_count - 1);
    return slot;
}

static void grow_sweeps(struct sweep_table *table, struct arena *arena)
{
    struct sweep_list *list = &table->list;
    table->capacity = table->capacity ? 2 * table->capacity : 16;
    list->items = arena_grow(arena, list->items, (size_t)list->count, (size_t)table->capacity,
                             sizeof *list->items);
    table->slot_count = 2 * (size_t)table->capacity;
    table->slots = arena_array(arena, table->slot_count, sizeof *table->slots);
    for (int i = 0; i < list->count; ++i)
        table->slots[sweep_slot(table, list->items[i].name)] = i + 1;
}

static void add_to_sweep(struct sweep_table *table, const char *name, const struct row *row,
                         struct arena *arena)
{
    if (table->list.count == table->capacity)
        grow_sweeps(table, arena);
    const size_t slot = sweep_slot(table, name);
    if (!table->slots[slot]) {
        table->list.items[table->list.count] = (struct sweep_rows){.name = name};
        table->slots[slot] = ++table->list.count;
    }
    struct sweep_rows *sweep = &table->list.items[table->slots[slot] - 1];
    if (sweep->count == sweep->capacity) {
        sweep->capacity = sweep->capacity ? 2 * sweep->capacity : 8;
        sweep->rows = arena_grow(arena, sweep->rows, (size_t)sweep->count, (size_t)sweep->capacity,
                                 sizeof *sweep->rows);
    }
    if (!sweep->count || sweep->rows[sweep->count - 1] != row) /* a row that names it twice */
        sweep->rows[sweep->count++] = row;
}

struct sweep_list grid_sweeps(const struct results *results, const char *device,
                              struct arena *arena)
{
    struct sweep_table table = {.capacity = 0};
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        const bool shown = strcmp(row->device, device) == 0 && !grid_leaves_out(row);
        for (int k = 0; k < row->sweeps.count && shown; ++k)
            add_to_sweep(&table, row->sweeps.values[k], row, arena);
    }
    return table.list;
}
