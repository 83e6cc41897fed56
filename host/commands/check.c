/* attnbench check: is a results file valid, and can it be believed? */
#include "commands/common.h"
#include "report/formats/junit.h"
#include "store/journal.h"
#include "util/file.h"
#include "util/standard.h"

#include <stdio.h>
#include <string.h>

/* One file: what is found goes to stderr, and is kept for a report. */
struct finding {
    const char *path, *shown; /* as it was given; printable */
    struct arena arena;
    const char **broken;
    int broken_count, capacity;
};

static void say(const char *path, const char *message)
{
    struct text safe = {0};
    text_add_printable(&safe, message, false);
    fprintf(stderr, "%s: %s\n", path, text_get(&safe));
    text_free(&safe);
}

static void keep(struct finding *finding, const char *message)
{
    if (finding->broken_count == finding->capacity) {
        const size_t count = (size_t)finding->capacity, more = count ? 2 * count : 16;
        finding->broken =
            arena_grow(&finding->arena, finding->broken, count, more, sizeof *finding->broken);
        finding->capacity = (int)more;
    }
    finding->broken[finding->broken_count++] = arena_copy(&finding->arena, message);
}

static void report(void *context, const char *message)
{
    struct finding *finding = context;
    say(finding->shown, message);
    keep(finding, message);
}

static void warn(void *context, const char *message)
{
    struct text warning = {0};
    text_print(&warning, "warning: %s", message);
    say(((const struct finding *)context)->shown, text_get(&warning));
    text_free(&warning);
}

/* A run's journal, what it holds until it ends. A torn last line counts as a broken rule. */
static int read_journal(struct finding *finding, struct results *results, struct err *err)
{
    struct text text = {0};
    bool torn = false;
    size_t valid_bytes = 0;
    *results = (struct results){0};
    int result = file_read_named(finding->path, JOURNAL_BYTES_MAX, &text, err);
    if (result == 0)
        result = journal_read(results, finding->path, text_get(&text), text.length, &torn,
                              &valid_bytes, err);
    text_free(&text);
    if (result == 0)
        results_derive(results);
    if (torn)
        report(finding, "the last line is cut off; --resume drops it");
    return result;
}

static int check_file(const char *path, bool quiet, struct text *suites)
{
    struct text shown = {0};
    text_add_printable(&shown, path, false);
    struct finding finding = {.path = path, .shown = text_get(&shown)};
    struct results results;
    struct err err;
    const bool journal = text_ends(path, ".journal");
    int status = EXIT_OK;
    if (journal ? read_journal(&finding, &results, &err) : read_results(path, &results, &err)) {
        status = fail(EXIT_BAD_INPUT, &err);
        keep(&finding, err.message);
    } else {
        results_check(&results, report, &finding);
        results_warn(&results, warn, &finding);
    }
    const int broken = finding.broken_count;
    const struct text_list list = {broken, finding.broken};
    if (suites)
        junit_check(path, status == EXIT_OK ? &results : NULL, &list, suites);
    else if (!quiet && !broken && results.run.finished_utc)
        standard_print("%s: valid, %d rows\n", finding.shown, results.row_count);
    else if (!quiet && !broken)
        standard_print("%s: valid, but unfinished: %d rows of %lld\n", finding.shown,
                       results.row_count, (long long)results.run.planned_cells);
    if (status == EXIT_OK) {
        if (broken)
            fprintf(stderr, "%s: %d rule%s broken\n", finding.shown, broken,
                    broken == 1 ? "" : "s");
        results_free(&results);
    }
    arena_free(&finding.arena);
    text_free(&shown);
    return broken ? EXIT_BAD_INPUT : EXIT_OK;
}

int command_check(const struct options *options)
{
    const bool junit = options->format && strcmp(options->format, "junit") == 0;
    struct text suites = {0}, document = {0};
    int status = EXIT_OK;
    struct err err = {""};
    if (options->format && !junit && strcmp(options->format, "text") != 0)
        err_set(&err, "--format: expected text or junit, found '%.40s'", options->format);
    else if (options->out && !junit)
        err_set(&err, "--out needs --format junit");
    if (*err.message)
        return fail(EXIT_USAGE, &err);
    status = check_output(options, options->out, PLACE_ANY, "--out");
    if (status != EXIT_OK)
        return status;
    for (int i = 0; i < options->arg_count; ++i) {
        const int one = check_file(options->args[i], options->quiet, junit ? &suites : NULL);
        status = one != EXIT_OK ? one : status;
    }
    if (junit) {
        junit_document(&suites, &document);
        const int written = write_output(options->out, text_get(&document), document.length);
        status = written != EXIT_OK ? written : status;
    }
    text_free(&suites);
    text_free(&document);
    return status;
}
