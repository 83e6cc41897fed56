/* Size expressions: one that passes the check fails later for its values only, never for its
 * syntax or its names. */
#include "fuzz.h"
#include "problem/expr.h"

#include <math.h>

static bool lookup(const void *context, const char *name, double *value)
{
    static const struct {
        const char *name;
        double value;
    } known[] = {{"n_q", 1024}, {"n_kv", 1}, {"d_k", 64}, {"WG", 0}, {"big", 0x1p62}};
    (void)context;
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i)
        if (strcmp(known[i].name, name) == 0) {
            *value = known[i].value;
            return true;
        }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err checked = {""}, evaluated = {""};
    double value = NAN;
    char *text = malloc(size + 1);
    promise(text != NULL, "there is memory", "");
    memcpy(text, data, size);
    text[size] = '\0';
    const int bad = expr_check(text, lookup, NULL, &checked);
    const int failed = expr_eval(text, lookup, NULL, &value, &evaluated);
    promise(failed || isfinite(value), "a value is finite", text);
    promise(!bad || failed, "what the check refuses has no value", text);
    promise(bad || !failed || strstr(evaluated.message, "division by zero") ||
                strstr(evaluated.message, "too large"),
            "what the check accepts has one", evaluated.message);
    free(text);
    return 0;
}
