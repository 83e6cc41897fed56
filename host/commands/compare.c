/* attnbench compare: what became faster or slower between two runs, or between two variants. */
#include "commands/common.h"
#include "report/compare/changes.h"
#include "util/terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*write)(const struct changes *changes, struct text *out);
} formats[] = {{"text", NULL}, /* changes_table */
               {"md", changes_markdown},
               {"json", changes_json},
               {"html", changes_html},
               {"junit", changes_junit}};
enum { FORMATS = sizeof formats / sizeof *formats };

static int find_format(const char *name)
{
    int f = 0;
    while (name && f < FORMATS && strcmp(formats[f].name, name) != 0)
        ++f;
    return f;
}

static void keep_first(void *context, const char *message)
{
    struct text *first = context;
    if (!first->length)
        text_add(first, message);
}

/* What breaks a rule is no basis for a verdict. */
static int load_believable(const char *path, struct results *results)
{
    struct text first = {0};
    struct err err;
    int status = load_results(path, results);
    if (status != EXIT_OK)
        return status;
    const int broken = results_check(results, keep_first, &first);
    if (broken) {
        err_set(&err, "'%s' cannot be believed: %.1000s; attnbench check shows all of %d", path,
                text_get(&first), broken);
        results_free(results);
        status = fail(EXIT_BAD_INPUT, &err);
    }
    text_free(&first);
    return status;
}

/* "A,B" into its two names; `option` for messages. */
static int split_two(const char *option, const char *list, const char *example,
                     const char *names[2], struct arena *arena)
{
    const char *comma = strchr(list, ',');
    struct err err;
    if (!comma || comma == list || !comma[1] || strchr(comma + 1, ',')) {
        err_set(&err, "--%s: expected two, such as %s, found '%.80s'", option, example, list);
        return fail(EXIT_USAGE, &err);
    }
    names[0] = arena_copy_bytes(arena, list, (size_t)(comma - list));
    names[1] = arena_copy(arena, comma + 1);
    if (strcmp(names[0], names[1]) != 0)
        return EXIT_OK;
    err_set(&err, "--%s: '%.80s' is compared with itself", option, names[0]);
    return fail(EXIT_USAGE, &err);
}

static int split_variants(const char *list, struct side sides[2], struct arena *arena)
{
    const char *names[2] = {NULL, NULL};
    const int status = split_two("variants", list, "fused,fused_vector", names, arena);
    sides[0].variant = names[0];
    sides[1].variant = names[1];
    return status;
}

/* Ids, or parts of names, among the devices of the file. */
static int split_devices(const char *list, const struct results *results, struct side sides[2],
                         struct arena *arena)
{
    const char *names[2] = {NULL, NULL};
    struct err err;
    const int status = split_two("devices", list, "gpu-0,cpu-0", names, arena);
    for (int i = 0; i < 2 && status == EXIT_OK; ++i) {
        const int index = device_select(results->devices, results->device_count, names[i], &err);
        if (index < 0) {
            err_prefix(&err, "--devices");
            return fail(EXIT_USAGE, &err);
        }
        sides[i].device = results->devices[index].id;
    }
    if (status == EXIT_OK && strcmp(sides[0].device, sides[1].device) == 0) {
        err_set(&err, "--devices: '%.80s' and '%.80s' are one device, %.80s", names[0], names[1],
                sides[0].device);
        return fail(EXIT_USAGE, &err);
    }
    return status;
}

static int check_arguments(const struct options *options)
{
    struct err err;
    const bool of_one = options->variants || options->devices;
    if (find_format(options->format) == FORMATS)
        err_set(&err, "--format: expected text, md, json, html or junit, found '%.40s'",
                options->format);
    else if (options->variants && options->devices)
        err_set(&err, "--variants and --devices are two questions: ask one");
    else if (options->base && (options->arg_count == 2 || of_one))
        err_set(&err, "--base FILE,... names all runs of BASE: the only argument is NEW");
    else if (options->arg_count == 1 && !of_one && !options->base)
        err_set(&err, "'compare' needs BASE and NEW, or one file and --variants A,B or "
                      "--devices A,B");
    else if (options->arg_count == 2 && options->variants)
        err_set(&err, "--variants compares two variants of one file; two files are compared in "
                      "all of theirs");
    else if (options->arg_count == 2 && options->devices)
        err_set(&err, "--devices compares two devices of one file; attnbench merge joins files");
    else
        return EXIT_OK;
    return fail(EXIT_USAGE, &err);
}

/* Once each: where the table is shown, it has them. */
static void warn(const struct changes *changes)
{
    struct text line = {0};
    for (int i = 0; i < changes->difference_count; ++i) {
        line.length = 0;
        changes_difference(changes->differences + i, &line);
        fprintf(stderr, "attnbench: warning: %s\n", text_get(&line));
    }
    text_free(&line);
}

static int write_changes(const struct changes *changes, const struct options *options)
{
    struct text out = {0};
    const int format = find_format(options->format);
    const bool table = !formats[format].write;
    if (!table || options->out)
        warn(changes);
    if (options->bare_percent)
        fprintf(stderr, "attnbench: the threshold is %.6g %%\n", 100 * options->threshold);
    if (table)
        changes_table(changes, options->out ? 80 : terminal_width(STDOUT_FILENO),
                      !options->out && terminal_color(STDOUT_FILENO), &out);
    else
        formats[format].write(changes, &out);
    const int status = write_output(options->out, text_get(&out), out.length);
    text_free(&out);
    return status;
}

/* Nothing measured is not green: too few cells that are ok on both sides are told, with why. */
static int check_compared(const struct changes *changes, const struct options *options)
{
    struct err err;
    struct text why = {0};
    const int compared = changes_compared(changes);
    if (compared >= options->require)
        return EXIT_OK;
    for (int i = 0; i < changes->count && !why.length; ++i)
        if (changes->items[i].reason)
            text_print(&why, "; %s: %.300s", change_kind_name(changes->items[i].kind),
                       changes->items[i].reason);
    if (compared)
        err_set(&err, "%d cells are ok on both sides, --require wants %lld%s", compared,
                (long long)options->require, text_get(&why));
    else
        err_set(&err, "nothing was compared: of %d cells none is ok on both sides%s",
                changes->count, text_get(&why));
    text_free(&why);
    return fail(EXIT_INCOMPLETE, &err);
}

static int compare(const struct side *base, const struct side *new_side,
                   const struct options *options)
{
    struct arena arena = {0};
    struct changes changes;
    struct err err;
    changes_build(&changes, base, new_side, options->threshold, &arena);
    int status = EXIT_OK;
    if (!changes.matched) {
        changes_explain_none(&changes, &err);
        status = fail(EXIT_USAGE, &err);
    } else {
        status = write_changes(&changes, options);
    }
    if (status == EXIT_OK)
        status = check_compared(&changes, options);
    if ((status == EXIT_OK || status == EXIT_INCOMPLETE) && changes_regressions(&changes))
        status = EXIT_WRONG;
    arena_free(&arena);
    return status;
}

/* The files in the order of BASE, its further runs, NEW. */
static int list_files(const struct options *options, const char **files, int max,
                      struct arena *arena)
{
    int count = 0;
    for (const char *at = options->base; at && *at;) {
        const size_t length = strcspn(at, ",");
        if (length && count < max)
            files[count++] = arena_copy_bytes(arena, at, length);
        at += length + (at[length] == ',');
    }
    for (int i = 0; i < options->arg_count && count < max; ++i)
        files[count++] = options->args[i];
    return count;
}

int command_compare(const struct options *options)
{
    enum { FILES = 64 };
    struct arena arena = {0};
    const char *files[FILES] = {NULL};
    struct results *results = arena_array(&arena, FILES, sizeof *results);
    const struct results *more[FILES];
    struct side sides[2] = {{0}};
    int loaded = 0, status = check_arguments(options);
    const int count = list_files(options, files, FILES, &arena);
    if (status == EXIT_OK)
        status = check_output(options, options->out, PLACE_ANY, "--out");
    if (status == EXIT_OK && options->variants)
        status = split_variants(options->variants, sides, &arena);
    while (status == EXIT_OK && loaded < count) {
        status = load_believable(files[loaded], &results[loaded]);
        loaded += status == EXIT_OK;
    }
    if (status == EXIT_OK && options->devices)
        status = split_devices(options->devices, &results[0], sides, &arena);
    for (int i = 1; i + 1 < count; ++i)
        more[i - 1] = &results[i];
    sides[0].file = options->base ? options->base : files[0];
    sides[0].results = &results[0];
    sides[0].more = more;
    sides[0].more_count = count > 2 ? count - 2 : 0;
    sides[1].file = files[count - 1];
    sides[1].results = &results[count - 1];
    if (status == EXIT_OK)
        status = compare(&sides[0], &sides[1], options);
    while (loaded)
        results_free(&results[--loaded]);
    arena_free(&arena);
    return status;
}
