/* The list of findings, which every file of the doctor adds to. */
#include "commands/doctor.h"

void finding_add(struct findings *findings, struct finding finding)
{
    if (findings->count == findings->capacity) {
        const int capacity = findings->capacity ? 2 * findings->capacity : 64;
        findings->items = arena_grow(findings->arena, findings->items, (size_t)findings->count,
                                     (size_t)capacity, sizeof *findings->items);
        findings->capacity = capacity;
    }
    findings->items[findings->count++] = finding;
}
