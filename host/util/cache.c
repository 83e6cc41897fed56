#include "util/cache.h"

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

bool cache_make_folders(const char *path)
{
    struct arena arena = {0};
    bool made = true;
    char *part = arena_copy(&arena, path);
    for (char *slash = strchr(part + 1, '/'); slash && made; slash = strchr(slash + 1, '/')) {
        struct stat status;
        *slash = '\0';
        made = mkdir(part, 0700) == 0 || (stat(part, &status) == 0 && S_ISDIR(status.st_mode));
        *slash = '/';
    }
    arena_free(&arena);
    return made;
}

const char *cache_path(struct arena *arena, const char *kind, const char *name)
{
    const char *folder = root(arena);
    return folder ? arena_print(arena, "%s/%s/%s", folder, kind, name) : NULL;
}
