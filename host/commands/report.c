/* attnbench report: a results file in a form for people or spreadsheets. */
#include "report/report.h"

#include "commands/common.h"

#include <string.h>

static const struct {
    const char *name;
    void (*write)(const struct results *results, struct text *out);
} formats[] = {{"md", report_markdown}, {"csv", report_csv}};

int command_report(const struct options *options)
{
    const char *format = options->format ? options->format : "md";
    size_t f = 0;
    while (f < sizeof formats / sizeof *formats && strcmp(formats[f].name, format) != 0)
        ++f;
    if (f == sizeof formats / sizeof *formats) {
        struct err err;
        err_set(&err, "--format: expected md or csv, found '%.40s'", format);
        return fail(EXIT_USAGE, &err);
    }
    struct results results;
    struct text out = {0};
    int status = load_results(options->args[0], &results);
    if (status == EXIT_OK) {
        formats[f].write(&results, &out);
        status = write_output(options->out, text_get(&out), out.length);
        results_free(&results);
    }
    text_free(&out);
    return status;
}
