/* attnbench report: results files in a form for people or spreadsheets. */
#include "report/report.h"

#include "commands/common.h"

#include <string.h>

/* Of a format one is NULL: it shows one file, or any number. */
static const struct {
    const char *name;
    void (*write)(const struct results *results, struct text *out);
    void (*write_all)(const struct results *results, int count, struct text *out);
} formats[] = {
    {"md", report_markdown, NULL}, {"csv", report_csv, NULL}, {"html", NULL, report_html}};

int command_report(const struct options *options)
{
    const char *format = options->format ? options->format : "md";
    struct err err;
    size_t f = 0;
    while (f < sizeof formats / sizeof *formats && strcmp(formats[f].name, format) != 0)
        ++f;
    if (f == sizeof formats / sizeof *formats) {
        err_set(&err, "--format: expected md, csv or html, found '%.40s'", format);
        return fail(EXIT_USAGE, &err);
    }
    if (formats[f].write && options->arg_count > 1) {
        err_set(&err, "--format %s shows one file; --format html shows several", format);
        return fail(EXIT_USAGE, &err);
    }
    struct arena arena = {0};
    struct results *results = arena_array(&arena, (size_t)options->arg_count, sizeof *results);
    struct text out = {0};
    int status = EXIT_OK, count = 0;
    while (count < options->arg_count && status == EXIT_OK) {
        status = load_results(options->args[count], results + count);
        count += status == EXIT_OK;
    }
    if (status == EXIT_OK) {
        if (formats[f].write)
            formats[f].write(results, &out);
        else
            formats[f].write_all(results, count, &out);
        status = write_output(options->out, text_get(&out), out.length);
    }
    for (int i = 0; i < count; ++i)
        results_free(results + i);
    arena_free(&arena);
    text_free(&out);
    return status;
}
