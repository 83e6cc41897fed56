#include "commands/suite_path.h"

#include "util/file.h"
#include "util/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

/* From the program to the installed suites; the build knows better where the folders differ. */
#ifndef ATTNBENCH_SUITES_FROM_PROGRAM
#define ATTNBENCH_SUITES_FROM_PROGRAM "../share/attnbench/suites"
#endif

enum { PLACES = 4, NAMES_MAX = 1024, CACHE_BYTES_MAX = 4 << 20 };
static const char *const below[] = {"", "models/"};

const char *program_path(struct arena *arena)
{
    char path[4096] = "";
#ifdef __APPLE__
    uint32_t size = sizeof path;
    if (_NSGetExecutablePath(path, &size))
        return "attnbench";
#else
    if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0)
        return "attnbench";
#endif
    return arena_copy(arena, path);
}

/* The folder of sources that a build in `folder` is of, whatever its name and wherever it is: one
 * above it that has suites, or the one that CMake's cache there names. NULL: this is no build. */
static const char *source_folder(const char *folder, struct arena *arena)
{
    enum { LEVELS = 6 };
    static const char key[] = "CMAKE_HOME_DIRECTORY:INTERNAL=";
    char *at = arena_copy(arena, folder);
    for (int level = 0; level < LEVELS && *at; ++level) {
        struct text cache = {0};
        const char *found = NULL;
        if (access(arena_print(arena, "%s/suites/quick.json", at), R_OK) == 0)
            return at;
        if (file_read(arena_print(arena, "%s/CMakeCache.txt", at), CACHE_BYTES_MAX, &cache, NULL) ==
            0)
            found = strstr(text_get(&cache), key);
        if (found)
            found = arena_copy_bytes(arena, found + sizeof key - 1,
                                     strcspn(found + sizeof key - 1, "\r\n"));
        text_free(&cache);
        if (found && access(arena_print(arena, "%s/suites/quick.json", found), R_OK) == 0)
            return found;
        char *slash = strrchr(at, '/');
        if (!slash)
            return NULL;
        *slash = '\0';
    }
    return NULL;
}

static int find_places(struct arena *arena, const char *places[PLACES])
{
    const char *own = getenv("ATTNBENCH_SUITES");
    const char *program = program_path(arena);
    const char *slash = strrchr(program, '/');
    const char *folder = slash ? arena_copy_bytes(arena, program, (size_t)(slash - program)) : ".";
    int count = 0;
    places[count++] = "suites";
    if (own && *own)
        places[count++] = own;
    places[count++] = arena_print(arena, "%s/%s", folder, ATTNBENCH_SUITES_FROM_PROGRAM);
    const char *sources = source_folder(folder, arena);
    if (sources)
        places[count++] = arena_print(arena, "%s/suites", sources);
    return count;
}

static bool exists(const char *path, bool *is_folder)
{
    struct stat status;
    if (stat(path, &status))
        return false;
    *is_folder = S_ISDIR(status.st_mode);
    return true;
}

static int no_such_suite(struct arena *arena, const char *name, const char *const *places,
                         int count, struct err *err)
{
    const struct text_list names = suite_names(arena);
    const char *nearest = text_nearest(name, names.values, (size_t)names.count);
    const char *looked = "";
    for (int i = 0; i < count; ++i)
        if (access(places[i], R_OK) == 0)
            looked = arena_print(arena, "%s%s%s", looked, *looked ? ", " : "", places[i]);
    if (nearest)
        return err_set(err, "there is no file and no suite '%.100s'; did you mean '%s'?", name,
                       nearest);
    return err_set(
        err,
        "there is no file '%.100s', nor a suite of that name in %s; name a suite's file, "
        "or a folder of suites in ATTNBENCH_SUITES",
        name, *looked ? looked : "suites/ here or beside the program");
}

const char *suite_path(struct arena *arena, const char *name, struct err *err)
{
    bool is_folder = false;
    const bool is_there = exists(name, &is_folder);
    if ((is_there && !is_folder) || text_ends(name, ".json"))
        return name;
    const char *places[PLACES];
    const int count = find_places(arena, places);
    for (int i = 0; i < count; ++i)
        for (size_t b = 0; b < sizeof below / sizeof *below; ++b) {
            const char *path = arena_print(arena, "%s/%s%s.json", places[i], below[b], name);
            if (access(path, R_OK) == 0)
                return path;
        }
    if (is_there)
        return name;
    (void)no_such_suite(arena, name, places, count, err);
    return NULL;
}

const char *case_path(struct arena *arena, const char *name)
{
    const char *places[PLACES];
    const int count = find_places(arena, places);
    if (access(name, F_OK) == 0 || !*name || strchr(name, '/'))
        return name;
    for (int i = 0; i < count; ++i) {
        const char *path = arena_print(arena, "%s/cases/%s", places[i], name);
        if (access(path, R_OK) == 0)
            return path;
    }
    return name;
}

/* Names that are plain words: what else there is can still be given as a path. */
static bool is_plain(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    return *name != '.' && *name != '-' && strspn(name, letters) == strlen(name);
}

static int add_names(struct arena *arena, const char *place, const char *prefix, const char **names,
                     int count)
{
    DIR *folder = opendir(arena_print(arena, "%s/%s", place, prefix));
    if (!folder)
        return count;
    for (const struct dirent *entry; count < NAMES_MAX && (entry = readdir(folder));)
        if (text_ends(entry->d_name, ".json") && is_plain(entry->d_name))
            names[count++] =
                arena_print(arena, "%s%.*s", prefix, (int)strlen(entry->d_name) - 5, entry->d_name);
    closedir(folder);
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct text_list suite_names(struct arena *arena)
{
    const char **names = arena_array(arena, NAMES_MAX, sizeof *names);
    const char *places[PLACES];
    const int place_count = find_places(arena, places);
    int count = 0, kept = 0;
    for (int i = 0; i < place_count; ++i)
        for (size_t b = 0; b < sizeof below / sizeof *below; ++b)
            count = add_names(arena, places[i], below[b], names, count);
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; ++i)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    return (struct text_list){kept, names};
}
