/* Is an output none of the command's own inputs? */
#include "commands/common.h"
#include "commands/suite_path.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct inputs {
    struct arena *arena;
    const char **items;
    int count, capacity;
};

static void add(struct inputs *inputs, const char *path)
{
    if (inputs->count == inputs->capacity) {
        const size_t count = (size_t)inputs->count, more = count ? 2 * count : 64;
        inputs->items =
            arena_grow(inputs->arena, inputs->items, count, more, sizeof *inputs->items);
        inputs->capacity = (int)more;
    }
    inputs->items[inputs->count++] = path;
}

/* What a command reads when it is given a folder: of parts, a case, or kernels. */
static bool ends_with_one_of(const char *name, const char *const *ends)
{
    for (; *ends; ++ends)
        if (text_ends(name, *ends))
            return true;
    return false;
}

/* In a folder of parts or a case. */
static bool is_read(const char *name)
{
    static const char *const ends[] = {".json", ".journal", NULL};
    return ends_with_one_of(name, ends) || test_case_reads(name);
}

/* In a tree of kernels: results may lie beside the variants. */
static bool is_kernels(const char *name)
{
    static const char *const ends[] = {"variant.json", ".tuning.json", ".cl", ".clh", ".h", NULL};
    return ends_with_one_of(name, ends);
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A file, or what is read of a folder and (of a tree of kernels) the folders in it. */
static void add_all(struct inputs *inputs, const char *path, bool (*reads)(const char *), int depth)
{
    DIR *folder = is_folder(path) ? opendir(path) : NULL;
    add(inputs, path);
    if (!folder)
        return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        const char *inside = arena_print(inputs->arena, "%s/%s", path, entry->d_name);
        if (reads(entry->d_name))
            add(inputs, inside);
        else if (depth > 0 && is_folder(inside))
            add_all(inputs, inside, reads, depth - 1);
    }
    closedir(folder);
}

/* The argument as it is, or the suite or case that it names. */
static void add_argument(struct inputs *inputs, const char *argument)
{
    const char *suite = access(argument, F_OK) ? suite_path(inputs->arena, argument, NULL) : NULL;
    add_all(inputs, argument, is_read, 0);
    add_all(inputs, case_path(inputs->arena, argument), is_read, 0);
    if (suite)
        add(inputs, suite);
}

int check_output(const struct options *options, const char *name, enum place_needs needs,
                 const char *option)
{
    struct arena arena = {0};
    struct inputs inputs = {.arena = &arena};
    struct err err;
    if (!name)
        return EXIT_OK;
    for (int i = 0; i < options->arg_count; ++i) {
        add_argument(&inputs, options->args[i]);
        if (options->suite) /* ab: a side may be a folder of kernels */
            add_all(&inputs, options->args[i], is_kernels, 1);
    }
    if (options->suite)
        add_argument(&inputs, options->suite);
    if (options->with)
        add(&inputs, options->with);
    for (const char *at = options->base; at && *at; at += *at == ',') {
        const size_t length = strcspn(at, ",");
        add(&inputs, arena_copy_bytes(&arena, at, length));
        at += length;
    }
    if (options->tuning)
        add(&inputs, options->tuning);
    if (options->kernels)
        add_all(&inputs, options->kernels, is_kernels, 1);
    const int result = place_check(name, needs, option, inputs.items, inputs.count, &err);
    arena_free(&arena);
    return result == 0 ? EXIT_OK : fail(result == PLACE_REFUSED ? EXIT_USAGE : EXIT_IO, &err);
}
