/* attnbench check: is a results file valid, and can it be believed? */
#include "commands/common.h"
#include "store/journal.h"
#include "util/file.h"

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

/* A run's journal, what it holds until it ends. A torn last line counts as a broken rule. */
static int load_journal(const char *path, struct results *results, int *broken)
{
    struct text text = {0};
    struct err err;
    bool torn = false;
    size_t valid_bytes = 0;
    int status = EXIT_OK;
    *results = (struct results){0};
    if (file_read(path, JOURNAL_BYTES_MAX, &text, &err) ||
        journal_read(results, path, text_get(&text), text.length, &torn, &valid_bytes, &err))
        status = fail(EXIT_BAD_INPUT, &err);
    text_free(&text);
    if (status == EXIT_OK)
        results_derive(results);
    if (torn)
        report((void *)(uintptr_t)path, "the last line is cut off; --resume drops it");
    *broken = torn;
    return status;
}

static int check_file(const char *path, bool quiet)
{
    struct results results;
    int broken = 0;
    const int status = text_ends(path, ".journal") ? load_journal(path, &results, &broken)
                                                   : load_results(path, &results);
    if (status != EXIT_OK)
        return status;
    broken += results_check(&results, report, (void *)(uintptr_t)path);
    results_warn(&results, warn, (void *)(uintptr_t)path);
    if (!quiet && !broken && results.run.finished_utc)
        printf("%s: valid, %d rows\n", path, results.row_count);
    else if (!quiet && !broken)
        printf("%s: valid, but unfinished: %d rows of %lld\n", path, results.row_count,
               (long long)results.run.planned_cells);
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
