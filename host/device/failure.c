/* Apart from backend.c, which knows all backends: they set failures. */
#include "device/backend.h"

#include <stdarg.h>
#include <stdio.h>

int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
{
    failure->kind = kind;
    failure->fatal = false;
    failure->work_group_limit = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(failure->err.message, sizeof failure->err.message, format, args);
    va_end(args);
    return -1;
}
