#include "report/claims/rows.h"

#include <string.h>

const char *claim_verdict_words(enum claim_verdict verdict)
{
    static const char *const words[CLAIM_VERDICTS] = {
        [CLAIM_HOLDS] = "holds",
        [CLAIM_FAILS] = "does not hold",
        [CLAIM_UNMEASURED] = "not measured here",
    };
    return words[verdict];
}

void claims_count_words(struct text *out, const struct claims *claims)
{
    int of[CLAIM_VERDICTS] = {0};
    for (int i = 0; i < claims->count; ++i)
        ++of[claims->items[i].verdict];
    text_print(out, "%d of %d claims hold%s", of[CLAIM_HOLDS], claims->count,
               of[CLAIM_HOLDS] == 1 ? "s" : "");
    if (of[CLAIM_FAILS])
        text_print(out, ", %d %s not", of[CLAIM_FAILS], of[CLAIM_FAILS] == 1 ? "does" : "do");
    if (of[CLAIM_UNMEASURED])
        text_print(out, ", %d %s not measured", of[CLAIM_UNMEASURED],
                   of[CLAIM_UNMEASURED] == 1 ? "was" : "were");
}

static double launch_s(const struct results *results, const char *device)
{
    for (int i = 0; i < results->device_count; ++i)
        if (strcmp(results->devices[i].id, device) == 0 && results->devices[i].launch_us > 0)
            return results->devices[i].launch_us * 1e-6;
    return 0;
}

struct claims *claims_build(const struct results *results, const char *device, struct arena *arena)
{
    static bool (*const all[])(const struct claim_source *, struct claim *) = {
        claim_growth, claim_crossover, claim_additive, claim_million, claim_heads, claim_saturation,
    };
    const struct claim_source source = {results, device, launch_s(results, device), arena};
    struct claims *claims = arena_alloc(arena, sizeof *claims);
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        claims->count += all[i](&source, claims->items + claims->count);
    for (int width = 0; width < CLAIM_WIDTHS; ++width)
        claims->count += claim_layer(&source, width, claims->items + claims->count);
    return claims;
}
