/* attnbench report: results files in a form for people, spreadsheets, other tools or a database. */
#include "report/report.h"

#include "commands/common.h"
#include "util/file.h"
#include "util/standard.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One of: of a single file, of several together, into a file that grows. */
static const struct format {
    const char *name;
    void (*write)(const struct results *results, struct text *out);
    void (*write_all)(const struct results *results, int count, struct text *out);
    int (*append)(const struct results *results, int count, const char *path, int *added,
                  struct err *err);
} formats[] = {{"md", report_markdown, NULL, NULL}, {"csv", NULL, report_csv, NULL},
               {"html", NULL, report_html, NULL},   {"gbench", report_gbench, NULL, NULL},
               {"bmf", report_bmf, NULL, NULL},     {"sqlite", NULL, NULL, report_sqlite}};
enum { FORMATS = sizeof formats / sizeof *formats };

static const struct format *find_format(const char *name, struct err *err)
{
    struct text names = {0};
    for (int f = 0; f < FORMATS; ++f) {
        if (strcmp(formats[f].name, name) == 0) {
            text_free(&names);
            return &formats[f];
        }
        text_print(&names, "%s%s", f == 0 ? "" : f + 1 < FORMATS ? ", " : " or ", formats[f].name);
    }
    err_set(err, "--format: expected %s, found '%.40s'", text_get(&names), name);
    text_free(&names);
    return NULL;
}

static int check_usage(const struct format *format, const struct options *options, struct err *err)
{
    if (format->write && options->arg_count > 1)
        return err_set(err, "--format %s takes one file; '%s' is one too many", format->name,
                       options->args[1]);
    if (format->append && !report_has_sqlite())
        return err_set(err, "this attnbench was built without SQLite; install it (Debian: "
                            "libsqlite3-dev) and build again");
    if (format->append && !options->out)
        return err_set(err, "--format %s adds to a database; name it: --out FILE", format->name);
    return 0;
}

static int append(const struct format *format, const struct results *results,
                  const struct options *options)
{
    struct err err;
    int added = 0;
    const bool is_new = access(options->out, F_OK) != 0;
    const int status = format->append(results, options->arg_count, options->out, &added, &err);
    if (status && is_new)
        unlink(options->out); /* nothing is in it */
    if (status)
        return fail(status == REPORT_REFUSED ? EXIT_BAD_INPUT : EXIT_IO, &err);
    err_set(&err, "%s: %d run%s added, %d there already", options->out, added,
            added == 1 ? "" : "s", options->arg_count - added);
    return options->quiet ? EXIT_OK : fail(EXIT_OK, &err);
}

static void to_file(void *context, const char *bytes, size_t count)
{
    file_add(context, bytes, count);
}

static void to_standard(void *context, const char *bytes, size_t count)
{
    (void)context;
    standard_write(bytes, count);
}

/* writer NULL: to standard output. */
static void write_text(const struct format *format, const struct results *results, int count,
                       struct file_writer *writer)
{
    struct text out = {.drain = writer ? to_file : to_standard, .context = writer};
    if (format->write)
        format->write(results, &out);
    else
        format->write_all(results, count, &out);
    out.drain(writer, text_get(&out), out.length);
    text_free(&out);
}

/* What is written leaves as it comes: a report of a large file does not fit into memory with it. */
static int write_report(const struct format *format, const struct results *results,
                        const struct options *options)
{
    struct err err;
    struct file_writer writer;
    if (format->append)
        return append(format, results, options);
    if (!options->out) {
        write_text(format, results, options->arg_count, NULL);
        return write_output(NULL, "", 0);
    }
    if (file_begin(&writer, options->out, &err))
        return fail(EXIT_IO, &err);
    write_text(format, results, options->arg_count, &writer);
    return file_end(&writer, true, &err) ? fail(EXIT_IO, &err) : EXIT_OK;
}

int command_report(const struct options *options)
{
    struct err err;
    const struct format *format = find_format(options->format ? options->format : "md", &err);
    if (!format || check_usage(format, options, &err))
        return fail(EXIT_USAGE, &err);
    struct arena arena = {0};
    struct results *results = arena_array(&arena, (size_t)options->arg_count, sizeof *results);
    int status =
        check_output(options, options->out, format->append ? PLACE_FILE : PLACE_ANY, "--out");
    for (int i = 0; i < options->arg_count && status == EXIT_OK; ++i)
        status = results_read(&results[i], options->args[i]) == 0
                     ? EXIT_OK
                     : load_results(options->args[i], &results[i]);
    if (status == EXIT_OK)
        status = write_report(format, results, options);
    for (int i = 0; i < options->arg_count; ++i)
        results_free(&results[i]);
    arena_free(&arena);
    return status;
}
