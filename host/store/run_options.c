#include "store/run_options.h"

#include <string.h>

static const struct run_option run_options[] = {
    {"device", SCOPE_PLAN, true},
    {"variants", SCOPE_PLAN, true},
    {"filter", SCOPE_PLAN, true},
    {"set", SCOPE_PLAN, true},
    {"kernels", SCOPE_PLAN, true},
    {"tuning", SCOPE_PLAN, true},
    {"no-tuning", SCOPE_PLAN, false},
    {"shard", SCOPE_PLAN, true},
    {"no-quirks", SCOPE_PLAN | SCOPE_ROWS, false}, /* in the id only where a quirk meets a tuning */
    {"check", SCOPE_ROWS, true},
    {"inputs", SCOPE_ROWS, true},
    {"cache", SCOPE_ROWS, true},
    {"isolate", SCOPE_ROWS, true},
    {"seed", SCOPE_MACHINE, true}, /* the header has it, too */
    {"peaks", SCOPE_MACHINE, true},
    {"no-program-cache", SCOPE_MACHINE, false},
    {"budget", SCOPE_SESSION, true},
    {"deadline", SCOPE_SESSION, true},
    {"quarantine", SCOPE_SESSION, true},
    {"out", SCOPE_SESSION, true},
    {"resume", SCOPE_SESSION, true},
    {"continue", SCOPE_SESSION, false},
    {"force", SCOPE_SESSION, false},
    {"wait", SCOPE_SESSION, true},
    {"no-lock", SCOPE_SESSION, false},
    {"fom", SCOPE_SESSION, false},
    {"progress", SCOPE_SESSION, true},
    {"quiet", SCOPE_SESSION, false},
    {"help", SCOPE_SESSION, false},
};
enum { COUNT = sizeof run_options / sizeof *run_options };

const struct run_option *run_option_find(const char *word)
{
    const char *name = word + (strncmp(word, "--", 2) == 0 ? 2 : 0);
    const size_t length = strcspn(name, "=");
    for (int i = 0; i < COUNT; ++i)
        if (strlen(run_options[i].name) == length &&
            strncmp(run_options[i].name, name, length) == 0)
            return &run_options[i];
    return NULL;
}

const struct run_option *run_option_at(int index)
{
    return index < COUNT ? &run_options[index] : NULL;
}
