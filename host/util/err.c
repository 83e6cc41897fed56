#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    char prefix[512];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    const size_t length = strlen(prefix);
    const size_t kept = sizeof err->message - length - 3;
    memmove(err->message + length + 2, err->message, kept);
    memcpy(err->message, prefix, length);
    memcpy(err->message + length, ": ", 2);
    err->message[sizeof err->message - 1] = '\0';
    return -1;
}
