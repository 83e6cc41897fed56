#include "problem/precision.h"

#include <string.h>

static const struct {
    const char *name;
    double unit;
} precisions[PRECISIONS] = {[PRECISION_F32] = {"f32", 0},
                            [PRECISION_TF32] = {"tf32", 0x1p-11},
                            [PRECISION_F16] = {"f16", 0x1p-11},
                            [PRECISION_BF16] = {"bf16", 0x1p-8}};

const char *precision_name(enum precision precision)
{
    return precisions[precision].name;
}

int precision_parse(const char *name, enum precision *precision)
{
    for (int p = 0; p < PRECISIONS; ++p)
        if (strcmp(precisions[p].name, name) == 0) {
            *precision = (enum precision)p;
            return 0;
        }
    return -1;
}

double precision_unit(enum precision precision)
{
    return precisions[precision].unit;
}
