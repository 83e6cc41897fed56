/* attnbench check: is a results file valid, and can it be believed? */
#include "commands/common.h"

#include <stdio.h>

static void report(void *context, const char *message)
{
    struct text safe = {0};
    text_add_printable(&safe, message, false);
    fprintf(stderr, "%s: %s\n", (const char *)context, text_get(&safe));
    text_free(&safe);
}

static void warn(void *context, const char *message)
{
    struct text warning = {0};
    text_print(&warning, "warning: %s", message);
    report(context, text_get(&warning));
    text_free(&warning);
}

static int check_file(const char *path, bool quiet)
{
    struct results results;
    const int status = load_results(path, &results);
    if (status != EXIT_OK)
        return status;
    const int broken = results_check(&results, report, (void *)(uintptr_t)path);
    results_warn(&results, warn, (void *)(uintptr_t)path);
    if (!quiet && !broken)
        printf("%s: valid, %d rows\n", path, results.row_count);
    if (broken)
        fprintf(stderr, "%s: %d rule%s broken\n", path, broken, broken == 1 ? "" : "s");
    results_free(&results);
    return broken ? EXIT_BAD_INPUT : EXIT_OK;
}

int command_check(const struct options *options)
{
    int status = EXIT_OK;
    for (int i = 0; i < options->arg_count; ++i) {
        const int one = check_file(options->args[i], options->quiet);
        status = one != EXIT_OK ? one : status;
    }
    return status;
}
