/* Known quirks: what drivers do wrong, and what is done about it; the list is kernels/quirks.json.
 *
 * A quirk applies to devices whose strings contain all of its patterns. It then says its reason,
 * and may restrict variants: a tuning for which `requires` does not hold is not used. If none is
 * left, the cell is skipped. --no-quirks ignores the list. */
#ifndef ATTNBENCH_PROBLEM_QUIRK_H
#define ATTNBENCH_PROBLEM_QUIRK_H

#include "problem/device_info.h"
#include "util/json.h"

enum { QUIRK_VARIANTS_MAX = 16 };

struct quirk {
    const char *name, *reason;
    const char *platform, *device, *vendor, *driver, *type; /* parts, in any case; NULL: any */
    const char *variants[QUIRK_VARIANTS_MAX];               /* none: every variant */
    int variant_count;
    const char *requires; /* an expression over problem keys and tunables; NULL: warn only */
};

struct quirk_list {
    int count;
    const struct quirk *items;
};

/* Strings and the list live in the arena. */
int quirks_load(struct quirk_list *quirks, const char *file_name, const char *text, size_t length,
                struct arena *arena, struct err *err);

bool quirk_applies(const struct quirk *quirk, const struct device_info *device);

/* Gives each device the quirks that apply to it. */
void quirks_attach(const struct quirk_list *quirks, struct device_info *devices, int count,
                   struct arena *arena);

/* Does the quirk say anything about this variant? */
bool quirk_concerns(const struct quirk *quirk, const char *variant);

#endif
