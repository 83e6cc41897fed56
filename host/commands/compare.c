/* attnbench compare: what became faster or slower between two runs, or between two variants. */
#include "commands/common.h"
#include "report/changes.h"
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

/* "A,B" into its two names. */
static int split_variants(const char *list, struct side *base, struct side *new_side,
                          struct arena *arena)
{
    const char *comma = strchr(list, ',');
    struct err err;
    if (!comma || comma == list || !comma[1] || strchr(comma + 1, ',')) {
        err_set(&err, "--variants: expected two, such as fused,fused_vector, found '%.80s'", list);
        return fail(EXIT_USAGE, &err);
    }
    base->variant = arena_copy_bytes(arena, list, (size_t)(comma - list));
    new_side->variant = arena_copy(arena, comma + 1);
    if (strcmp(base->variant, new_side->variant) != 0)
        return EXIT_OK;
    err_set(&err, "--variants: '%.80s' is compared with itself", base->variant);
    return fail(EXIT_USAGE, &err);
}

static int check_arguments(const struct options *options)
{
    struct err err;
    if (find_format(options->format) == FORMATS)
        err_set(&err, "--format: expected text, md, json, html or junit, found '%.40s'",
                options->format);
    else if (options->arg_count == 1 && !options->variants)
        err_set(&err, "'compare' needs BASE and NEW, or one file and --variants A,B");
    else if (options->arg_count == 2 && options->variants)
        err_set(&err, "--variants compares two variants of one file; two files are compared in "
                      "all of theirs");
    else
        return EXIT_OK;
    return fail(EXIT_USAGE, &err);
}

/* Once each; not where the table shows the same to the same eyes. */
static void warn(const struct changes *changes, bool table)
{
    struct text line = {0};
    if (table && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
        return;
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
    warn(changes, table && !options->out);
    if (table)
        changes_table(changes, options->out ? 80 : terminal_width(STDOUT_FILENO),
                      !options->out && terminal_color(STDOUT_FILENO), &out);
    else
        formats[format].write(changes, &out);
    const int status = write_output(options->out, text_get(&out), out.length);
    text_free(&out);
    return status;
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
    if (status == EXIT_OK && changes_regressions(&changes))
        status = EXIT_WRONG;
    arena_free(&arena);
    return status;
}

int command_compare(const struct options *options)
{
    struct arena arena = {0};
    struct results results[2];
    struct side sides[2] = {{0}};
    int loaded = 0, status = check_arguments(options);
    if (status == EXIT_OK)
        status = check_output(options, options->out, PLACE_ANY, "--out");
    if (status == EXIT_OK && options->variants)
        status = split_variants(options->variants, &sides[0], &sides[1], &arena);
    while (status == EXIT_OK && loaded < options->arg_count) {
        status = load_believable(options->args[loaded], &results[loaded]);
        loaded += status == EXIT_OK;
    }
    for (int i = 0; i < 2; ++i) {
        const int from = i < loaded ? i : 0;
        sides[i].file = options->args[from];
        sides[i].results = &results[from];
    }
    if (status == EXIT_OK)
        status = compare(&sides[0], &sides[1], options);
    while (loaded)
        results_free(&results[--loaded]);
    arena_free(&arena);
    return status;
}
