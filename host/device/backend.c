#include "device/backend.h"

#include <string.h>

const struct backend *backend_find(const char *name)
{
    static const struct backend *const backends[] = {&opencl_backend, &null_backend};
    for (size_t i = 0; i < sizeof backends / sizeof *backends; ++i)
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    return NULL;
}

const char *build_origin_name(enum build_origin origin)
{
    static const char *const names[] = {"source", "cache", "session"};
    return names[origin];
}
