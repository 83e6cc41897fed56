/* attnbench new: a folder with a short kernel that works, to begin from. */
#include "commands/common.h"

#include "util/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 48 };

/* A kernel's name begins with it, and folders of the tree have theirs. */
static int check_name(const char *name, const struct kernel_tree *built_in, struct err *err)
{
    static const char *const taken[] = {"include", "peaks", "new"};
    if (!text_is_identifier(name) || strlen(name) > NAME_MAX_BYTES)
        return err_set(err,
                       "'%.80s' is no name for a variant: letters, digits and '_', no digit "
                       "first, at most %d",
                       name, NAME_MAX_BYTES);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; ++i)
        if (strcmp(taken[i], name) == 0)
            return err_set(err, "'%s' is a folder of the kernel tree; choose another name", name);
    if (kernel_tree_find(built_in, name))
        return err_set(err, "'%s' is a built-in variant; choose another name", name);
    return 0;
}

/* The folder that variants are in: --kernels, or ATTNBENCH_KERNELS, or this one. */
static int check_folder(const char *folder, struct arena *arena, struct err *err)
{
    if (access(arena_print(arena, "%s/variant.json", folder), F_OK) == 0)
        return err_set(err, "--kernels: '%.300s' is a variant; name the folder that it is in",
                       folder);
    if (mkdir(folder, 0777) && errno != EEXIST)
        return err_set(err, "cannot make the folder '%.300s': %s", folder, strerror(errno));
    return 0;
}

/* NAME stands for the variant's. */
static int write_from(const char *template, const char *path, const char *name, struct err *err)
{
    struct text content = {0};
    for (const char *at = template; *at;) {
        const char *next = strstr(at, "NAME");
        const size_t length = next ? (size_t)(next - at) : strlen(at);
        text_add_bytes(&content, at, length);
        text_add(&content, next ? name : "");
        at += length + (next ? strlen("NAME") : 0);
    }
    const int result = file_replace(path, text_get(&content), content.length, err);
    text_free(&content);
    return result;
}

static int write_variant(const char *folder, const char *name, const char *from,
                         struct arena *arena, struct err *err)
{
    static const char *const kinds[] = {".cl", ".json"};
    const char *own = arena_print(arena, "%s/%s", folder, name);
    if (mkdir(own, 0777)) /* never what is there already */
        return err_set(err, "cannot make the folder '%.300s': %s", own, strerror(errno));
    for (int i = 0; i < 2; ++i) {
        const char *template = kernel_template(arena_print(arena, "%s%s", from, kinds[i]));
        const char *path = i ? arena_print(arena, "%s/variant.json", own)
                             : arena_print(arena, "%s/%s.cl", own, name);
        if (write_from(template, path, name, err))
            return -1;
    }
    return 0;
}

static void tell(const char *folder, const char *name, struct text *out)
{
    struct text line = {0};
    text_print(&line,
               "%s/%s/ has variant.json and %s.cl. Check and measure it:\n"
               "    attnbench run quick --kernels %s --variants %s\n",
               folder, name, name, folder, name);
    text_add_printable(out, text_get(&line), true);
    text_free(&line);
}

int command_new(const struct options *options)
{
    const char *name = options->args[0], *folder = options->kernels ? options->kernels : ".";
    const char *from = options->from ? options->from : "naive";
    struct kernel_tree built_in;
    struct arena arena = {0};
    struct text out = {0};
    struct err err;
    int status = EXIT_OK;
    if (kernel_tree_load(&built_in, NULL, &err))
        return fail(EXIT_BAD_INPUT, &err);
    if (!kernel_template(arena_print(&arena, "%s.cl", from))) {
        err_set(&err, "--from: expected naive, fused or vector, found '%.40s'", from);
        status = fail(EXIT_USAGE, &err);
    } else if (check_name(name, &built_in, &err)) {
        status = fail(EXIT_USAGE, &err);
    } else if (access(arena_print(&arena, "%s/%s", folder, name), F_OK) == 0) {
        err_set(&err, "'%.300s/%s' is there already; choose another name, or remove it", folder,
                name);
        status = fail(EXIT_USAGE, &err);
    } else if (check_folder(folder, &arena, &err) ||
               write_variant(folder, name, from, &arena, &err)) {
        status = fail(EXIT_IO, &err);
    } else {
        tell(folder, name, &out);
        status = write_output(NULL, text_get(&out), out.length);
    }
    text_free(&out);
    kernel_tree_free(&built_in);
    arena_free(&arena);
    return status;
}
