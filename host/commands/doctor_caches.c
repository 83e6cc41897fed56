/* The caches' places and their state. */
#include "commands/doctor.h"

#include "util/cache.h"
#include "util/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 100000 }; /* a folder of more is counted so far */

/* Files in a folder and their bytes; -1: it cannot be listed, errno says why. */
static int count_files(struct arena *arena, const char *path, double *bytes)
{
    DIR *folder = opendir(path);
    int count = 0;
    if (!folder)
        return -1;
    for (const struct dirent *entry; count < FILES_MAX && (entry = readdir(folder));) {
        struct stat status;
        if (entry->d_name[0] == '.' ||
            lstat(arena_print(arena, "%s/%s", path, entry->d_name), &status) != 0)
            continue;
        ++count;
        *bytes += (double)status.st_size;
    }
    closedir(folder);
    return count;
}

static void add_cache(struct findings *findings, const char *kind)
{
    struct arena *arena = findings->arena;
    const char *path = cache_path(arena, kind, "");
    double bytes = 0;
    if (!path) {
        finding_add(findings,
                    (struct finding){"caches", kind, FINDING_WARN, "there is no place for it",
                                     "set ATTNBENCH_CACHE_DIR, XDG_CACHE_HOME or HOME"});
        return;
    }
    const int count = count_files(arena, path, &bytes);
    if (count < 0 && errno == ENOENT) {
        finding_add(findings, (struct finding){"caches", kind, FINDING_OK,
                                               arena_print(arena, "%s: not made yet", path), NULL});
        return;
    }
    struct text text = {0};
    const bool broken = count < 0 || access(path, W_OK | X_OK) != 0;
    text_print(&text, "%s: ", path);
    if (broken) {
        text_print(&text, "%s", strerror(errno));
    } else {
        text_print(&text, "%d file%s, ", count, count == 1 ? "" : "s");
        text_add_bytes_size(&text, bytes);
    }
    finding_add(findings, (struct finding){"caches", kind, broken ? FINDING_BAD : FINDING_OK,
                                           arena_copy(arena, text_get(&text)),
                                           broken ? "make it a folder that you may write, or set "
                                                    "ATTNBENCH_CACHE_DIR to another"
                                                  : NULL});
    text_free(&text);
}

void doctor_caches(struct findings *findings)
{
    static const char *const kinds[] = {"peaks", "programs", "tuning", "locks", "drivers"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
        add_cache(findings, kinds[i]);
}
