/* attnbench ab: what A and B are. */
#include "commands/ab_parts.h"
#include "util/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int usage(const struct err *err)
{
    return fail(EXIT_USAGE, err);
}

/* "NAME:KEY=VALUE,...". */
static bool take_tuning(struct ab_side *side, struct arena *arena)
{
    const char *colon = strchr(side->name, ':');
    if (!colon || colon == side->name || !strchr(colon, '='))
        return false;
    side->variant = arena_copy_bytes(arena, side->name, (size_t)(colon - side->name));
    side->tuning = colon + 1;
    return true;
}

/* What a name stands for, variants first: a folder is meant where it is written as a path. What is
 * nothing else may be a device. */
static void take_name(struct ab_side *side, const struct kernel_tree *known, struct arena *arena)
{
    if (take_tuning(side, arena))
        return;
    if (kernel_tree_find(known, side->name))
        side->variant = side->name;
    else if (is_folder(side->name))
        side->kernels = side->name;
    else
        side->device = side->name;
}

static int no_such_side(const struct ab_side *side, const struct kernel_tree *known,
                        const struct err *why)
{
    struct err err;
    const char **names = calloc((size_t)known->count + 1, sizeof *names);
    for (int i = 0; names && i < known->count; ++i)
        names[i] = known->variants[i].name;
    const char *nearest = names ? text_nearest(side->name, names, (size_t)known->count) : NULL;
    err_set(&err,
            "'%.100s' is no variant%s%s%s, no tuning (NAME:KEY=VALUE,...), no folder, and no "
            "device: %.400s",
            side->name, nearest ? " (did you mean " : "", nearest ? nearest : "",
            nearest ? "?)" : "", why->message);
    free(names);
    return usage(&err);
}

static int take_program(struct ab *ab, const char *program)
{
    struct err err;
    char *path = realpath(program, NULL);
    if (!path || is_folder(path) || access(path, X_OK) != 0) {
        err_set(&err, "--with: '%.300s' is no program that can be run", program);
        free(path);
        return usage(&err);
    }
    ab->sides[1] = ab->sides[0];
    ab->sides[1].name = program;
    ab->sides[1].program = arena_copy(&ab->arena, path);
    free(path);
    return EXIT_OK;
}

static int check_kinds(const struct ab *ab, const struct options *options)
{
    const struct ab_side *a = &ab->sides[0], *b = &ab->sides[1];
    struct err err;
    if (options->with && (a->device || options->arg_count == 2))
        err_set(&err, "--with PROGRAM is B: the only argument is A, a variant, a tuning or a "
                      "folder of kernels");
    else if (!options->with && options->arg_count == 1)
        err_set(&err, "'ab' needs A and B, or A and --with PROGRAM; see attnbench ab --help");
    else if (!a->device != !b->device)
        err_set(&err,
                "'%.100s' and '%.100s' are a device and something else; --device says where "
                "the others run",
                a->name, b->name);
    else if (a->device && options->device)
        err_set(&err, "A and B are devices, and so no --device can be given");
    else if ((a->variant || b->variant) && options->variants)
        err_set(&err,
                "--variants says which variants of folders, devices or programs are "
                "compared; '%.100s' is one already",
                a->variant ? a->name : b->name);
    else
        return EXIT_OK;
    return usage(&err);
}

/* ---- setting up ------------------------------------------------------------------------------ */

static int load_side(struct ab_side *side, const struct options *options, const char **suite)
{
    side->options = *options;
    side->options.args = suite;
    side->options.arg_count = 1;
    if (side->kernels)
        side->options.kernels = side->kernels;
    if (side->device)
        side->options.device = side->device;
    return setup_kernels(&side->setup, &side->options);
}

/* Both on one device, which is found once; or each on its own. */
static int load_devices(struct ab *ab)
{
    struct setup *a = &ab->sides[0].setup, *b = &ab->sides[1].setup;
    struct err err;
    int status = setup_devices(a, &ab->sides[0].options);
    if (status == EXIT_OK && ab->sides[1].device) {
        status = setup_devices(b, &ab->sides[1].options);
    } else if (status == EXIT_OK) {
        b->supervisor = a->supervisor;
        b->found = b->devices = a->devices;
        b->found_count = b->device_count = a->device_count;
        b->supervisor.kernels_dir = ab->sides[1].options.kernels;
    }
    if (status == EXIT_OK && (a->device_count != 1 || b->device_count != 1)) {
        err_set(&err, "'ab' measures on one device; choose it with --device");
        return usage(&err);
    }
    if (ab->sides[1].program)
        b->supervisor.program = ab->sides[1].program;
    return status;
}

/* A name that is nothing we know is looked for among the devices here, for one message. */
static int check_devices(struct ab *ab, const struct options *options)
{
    const char *wanted = getenv("ATTNBENCH_DEVICE");
    for (int s = 0; s < 2; ++s) {
        struct ab_side *side = &ab->sides[s];
        struct setup all = {0};
        struct options any = *options;
        struct err err;
        if (!side->device)
            continue;
        any.device = text_starts(side->device, "null") || (wanted && text_starts(wanted, "null"))
                         ? "null"
                         : "all";
        int status = setup_devices(&all, &any);
        if (status == EXIT_OK && device_select(all.found, all.found_count, side->device, &err) < 0)
            status = no_such_side(side, &ab->sides[0].setup.kernels, &err);
        setup_free(&all);
        if (status != EXIT_OK)
            return status;
    }
    return EXIT_OK;
}

static bool is_given(const struct kernel_tree *tree, const char *variant, struct arena *arena)
{
    const struct kernel_file *file =
        kernel_tree_file(tree, arena_print(arena, "%s/variant.json", variant));
    return file && file->given;
}

/* Of two trees: the variants that both have and that differ; where none does, those that the
 * folders brought, against themselves. */
static const char *shared_variants(struct ab *ab)
{
    const struct kernel_tree *a = &ab->sides[0].setup.kernels, *b = &ab->sides[1].setup.kernels;
    const char *differ = NULL, *same = NULL;
    for (int i = 0; i < a->count; ++i) {
        const struct variant *variant = &a->variants[i],
                             *other = kernel_tree_find(b, variant->name);
        if (!other || variant->is_frame)
            continue;
        const bool differs = strcmp(variant->program_sha, other->program_sha) != 0;
        if (!differs && !is_given(a, variant->name, &ab->arena) &&
            !is_given(b, variant->name, &ab->arena))
            continue;
        const char **list = differs ? &differ : &same;
        *list =
            arena_print(&ab->arena, "%s%s%s", *list ? *list : "", *list ? "," : "", variant->name);
    }
    return differ ? differ : same;
}

static int choose_variants(struct ab *ab, const struct options *options)
{
    struct ab_side *a = &ab->sides[0], *b = &ab->sides[1];
    struct err err;
    const bool folders = a->kernels || b->kernels;
    if (!a->variant && b->variant)
        a->variant = b->variant;
    if (!b->variant && a->variant)
        b->variant = a->variant;
    const char *several = options->variants;
    if (!a->variant && !several && folders && !(several = shared_variants(ab))) {
        err_set(&err,
                "'%.100s' and '%.100s' have no variant in common that either brought; "
                "--variants A,B names some",
                a->name, b->name);
        return usage(&err);
    }
    for (int s = 0; s < 2; ++s)
        ab->sides[s].options.variants = ab->sides[s].variant ? ab->sides[s].variant : several;
    return EXIT_OK;
}

int ab_sides(struct ab *ab, const struct options *options)
{
    struct kernel_tree known;
    struct err err;
    if (kernel_tree_load(&known, options->kernels, &err))
        return fail(EXIT_BAD_INPUT, &err);
    for (int s = 0; s < options->arg_count; ++s) {
        ab->sides[s].name = options->args[s];
        take_name(&ab->sides[s], &known, &ab->arena);
        if (ab->sides[s].variant) /* the name must outlive the tree */
            ab->sides[s].variant = arena_copy(&ab->arena, ab->sides[s].variant);
    }
    kernel_tree_free(&known);
    int status = check_kinds(ab, options);
    if (status == EXIT_OK && options->with)
        status = take_program(ab, options->with);
    ab->apart = ab->sides[0].device || ab->sides[1].program;
    const char **suite = arena_array(&ab->arena, 1, sizeof *suite);
    suite[0] = options->suite;
    for (int s = 0; s < 2 && status == EXIT_OK; ++s)
        status = load_side(&ab->sides[s], options, suite);
    if (status == EXIT_OK)
        status = setup_suites(&ab->sides[0].setup, &ab->sides[0].options);
    ab->sides[1].setup.suites = ab->sides[0].setup.suites; /* read once: it may be a pipe */
    ab->sides[1].setup.suite_count = ab->sides[0].setup.suite_count;
    if (status == EXIT_OK)
        status = check_devices(ab, options);
    if (status == EXIT_OK)
        status = choose_variants(ab, options);
    return status == EXIT_OK ? load_devices(ab) : status;
}

void ab_free(struct ab *ab)
{
    ab->sides[1].setup.suite_count = 0; /* A's */
    for (int s = 0; s < 2; ++s)
        setup_free(&ab->sides[s].setup);
    arena_free(&ab->arena);
}
