/* attnbench verify: the variants against tensors from elsewhere (.npy). */
#include "commands/common.h"
#include "commands/suite_path.h"
#include "util/json.h"
#include "util/standard.h"
#include "verify/operation_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a case and a variant came to. */
struct verification {
    const char *folder;
    const struct test_case *test_case;
    cJSON *list; /* of the JSON output, or NULL */
    int wrong, failed;
    enum returns returns;
};

/* Which scale of the verdict came nearest to its limit, and what each used of it. */
static void add_scales(cJSON *item, const struct row *row)
{
    cJSON_AddStringToObject(item, "scale", row->check.scale);
    cJSON *used = cJSON_AddObjectToObject(item, "used");
    for (int i = 0; i < SCALES; ++i)
        json_add_number(used, scale_name((enum scale)i), row->check.used[i]);
    cJSON_AddNumberToObject(item, "rows_unjudged", (double)row->check.rows_unjudged);
}

/* against NULL: nothing was compared, and there is no error to tell. row: the variant's, or NULL.
 */
static void add_line(struct verification *v, const char *variant, const char *status,
                     double max_abs_err, const char *against, const struct row *row,
                     const char *reason)
{
    const bool scales = against && row && row->check.scale;
    if (!v->list) {
        struct text safe = {0};
        text_add_printable(&safe, reason ? reason : "", false);
        struct text line = {0};
        text_print(&line, "%-12s %-16s %s", status, variant, v->folder);
        if (against && isfinite(max_abs_err))
            text_print(&line, "  max |err| %.3g against %s", max_abs_err, against);
        if (scales)
            text_print(&line, ", %.2g of the limit (%s)", row->check.err_over_tolerance,
                       row->check.scale);
        text_print(&line, "%s%s\n", reason ? ": " : "", text_get(&safe));
        standard_write(text_get(&line), line.length);
        text_free(&line);
        text_free(&safe);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(v->list, item);
    cJSON_AddStringToObject(item, "variant", variant);
    cJSON_AddStringToObject(item, "status", status);
    if (against)
        cJSON_AddStringToObject(item, "against", against);
    else
        cJSON_AddNullToObject(item, "against");
    json_add_number(item, "max_abs_err", against ? max_abs_err : NAN);
    if (scales)
        add_scales(item, row);
    if (reason)
        cJSON_AddStringToObject(item, "reason", reason);
}

/* The reference itself against expect.npy: is the expectation what we mean by attention? */
static void add_reference(struct verification *v, const struct test_case *test_case)
{
    const struct problem *p = &test_case->problem;
    const int64_t count = problem_sizes(p).o, row_count = count / problem_columns(p);
    struct arena arena = {0};
    row_index *rows = arena_array(&arena, (size_t)row_count, sizeof *rows);
    double *exact = arena_array(&arena, (size_t)count, sizeof *exact);
    float *output = arena_array(&arena, (size_t)count, sizeof *output);
    for (int64_t r = 0; r < row_count; ++r)
        rows[r] = r;
    if (p->op == OP_ATTENTION)
        reference_attention(p, &test_case->inputs, rows, row_count, exact);
    else
        reference_operation(p, &test_case->inputs, rows, row_count, exact);
    for (int64_t i = 0; i < count && p->op != OP_ATTENTION; ++i)
        output[i] = (float)exact[i];
    for (int64_t r = 0; r < row_count && p->op == OP_ATTENTION; ++r)
        for (int64_t c = 0; c < p->d_v; ++c)
            output[row_offset(p, r, p->d_v) + c] = (float)exact[r * p->d_v + c];
    const struct closeness close = test_case_compare(test_case, output, test_case->expect, count);
    struct err reason;
    if (!close.close)
        err_set(&reason,
                "%lld of %lld values are not close to expect.npy, worst at %lld: got %.9g, wanted "
                "%.9g; is the mask, scale or layout in case.json what you mean?",
                (long long)close.far, (long long)count, (long long)close.worst,
                (double)output[close.worst], test_case->expect[close.worst]);
    v->wrong += !close.close;
    add_line(v, "reference", close.close ? "ok" : "wrong", close.max_abs_err, "expect.npy", NULL,
             close.close ? NULL : reason.message);
    arena_free(&arena);
}

static int on_row(void *context, const struct cell *cell, const struct row *row, struct err *err)
{
    struct verification *v = context;
    (void)err;
    v->wrong += row->status == ROW_WRONG;
    v->failed += row->status != ROW_OK && row->status != ROW_WRONG &&
                 row->status != ROW_UNSUPPORTED && row->status != ROW_SKIPPED;
    const bool weights = v->returns == RETURNS_WEIGHTS;
    char name[64];
    snprintf(name, sizeof name, "%s%s", cell->variant->name, weights ? "+weights" : "");
    const bool judged = row->status == ROW_OK || row->status == ROW_WRONG;
    const bool expected = weights ? v->test_case->expect_weights || v->test_case->expect
                                  : v->test_case->expect != NULL;
    add_line(v, name, row_status_name(row->status), row->check.max_abs_err,
             !judged ? NULL
             : expected
                 ? weights && v->test_case->expect_weights ? "expect_weights.npy" : "expect.npy"
                 : "the reference",
             row, row->reason);
    return 0;
}

static int run_variants(struct setup *setup, const struct options *options,
                        const struct test_case *test_case, enum returns returns,
                        struct verification *v)
{
    v->test_case = test_case;
    const struct case_run run = {test_case, returns, options->weights, on_row, v};
    v->returns = returns;
    return setup_run_case(setup, options, &run);
}

static int run_case(struct setup *setup, const struct options *options, const char *folder,
                    struct verification *v)
{
    struct test_case test_case;
    struct err err;
    if (test_case_load(&test_case, folder, &err))
        return fail(EXIT_BAD_INPUT, &err);
    if (test_case.expect)
        add_reference(v, &test_case);
    int status = run_variants(setup, options, &test_case, RETURNS_NONE, v);
    if (status == EXIT_OK && (options->weights || test_case.expect_weights))
        status = run_variants(setup, options, &test_case, RETURNS_WEIGHTS, v);
    test_case_free(&test_case);
    return status;
}

static int check_weights(const struct options *options)
{
    struct place place;
    struct err err;
    if (!options->weights || place_find(&place, options->weights, PLACE_ANY, NULL) ||
        place.kind != PLACE_STDOUT)
        return check_output(options, options->weights, PLACE_ANY, "--weights");
    err_set(&err, "--weights: standard output is for the verdicts; name a file or a pipe");
    return fail(EXIT_USAGE, &err);
}

int command_verify(const struct options *options)
{
    struct setup setup = {0};
    struct verification v = {0};
    int status = check_weights(options);
    if (status == EXIT_OK)
        status = check_output(options, options->out, PLACE_ANY, "--out");
    if (status != EXIT_OK)
        return status;
    cJSON *root = options->json || options->out ? cJSON_CreateObject() : NULL;
    cJSON *cases = root ? cJSON_AddArrayToObject(root, "cases") : NULL;
    status = setup_kernels(&setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&setup, options);
    if (status == EXIT_OK)
        setup_show_quirks(&setup);
    for (int i = 0; i < options->arg_count && status == EXIT_OK; ++i) {
        v.folder = case_path(&setup.arena, options->args[i]);
        if (cases) {
            cJSON *item = cJSON_CreateObject();
            cJSON_AddItemToArray(cases, item);
            cJSON_AddStringToObject(item, "case", v.folder);
            v.list = cJSON_AddArrayToObject(item, "rows");
        }
        status = run_case(&setup, options, v.folder, &v);
    }
    if (root) {
        char *printed = json_print_pretty(root);
        struct text text = {0};
        text_print(&text, "%s\n", printed);
        free(printed);
        cJSON_Delete(root);
        const char *out = options->out && strcmp(options->out, "-") != 0 ? options->out : NULL;
        const int written = write_output(out, text_get(&text), text.length);
        status = status == EXIT_OK ? written : status;
        text_free(&text);
    }
    setup_free(&setup);
    if (status != EXIT_OK)
        return status;
    return v.wrong ? EXIT_WRONG : v.failed ? EXIT_INCOMPLETE : EXIT_OK;
}
