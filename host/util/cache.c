#include "util/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *root(struct arena *arena)
{
    const char *own = getenv("ATTNBENCH_CACHE_DIR");
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own && *own)
        return own;
    if (xdg && *xdg == '/') /* the XDG specification: relative paths are invalid */
        return arena_print(arena, "%s/attnbench", xdg);
    return home && *home ? arena_print(arena, "%s/.cache/attnbench", home) : NULL;
}

/* mkdir -p */
static int make_folders(struct arena *arena, const char *path)
{
    char *part = arena_copy(arena, path);
    for (char *slash = part; slash; slash = strchr(slash + 1, '/')) {
        if (slash == part)
            continue;
        *slash = '\0';
        const int result = mkdir(part, 0700);
        *slash = '/';
        if (result && errno != EEXIST)
            return -1;
    }
    return mkdir(part, 0700) && errno != EEXIST ? -1 : 0;
}

const char *cache_path(struct arena *arena, const char *kind, const char *name)
{
    const char *folder = root(arena);
    if (!folder)
        return NULL;
    folder = arena_print(arena, "%s/%s", folder, kind);
    return make_folders(arena, folder) ? NULL : arena_print(arena, "%s/%s", folder, name);
}
