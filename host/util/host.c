#include "util/host.h"

#include <stdlib.h>
#include <sys/utsname.h>

const char *host_name(struct arena *arena)
{
    struct utsname os;
    const char *given = getenv("ATTNBENCH_HOST");
    if (given && *given)
        return given;
    return uname(&os) == 0 ? arena_copy(arena, os.nodename) : "";
}
