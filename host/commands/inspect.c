/* attnbench inspect: what the queries of a case attend to, in a terminal, as JSON and as a page. */
#include "report/inspect/inspect.h"

#include "commands/common.h"
#include "commands/suite_path.h"
#include "store/npy.h"
#include "util/file.h"
#include "util/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of all weights, which are held as doubles, some twice. */
static const int64_t weights_max = INT64_C(1) << 27;
static const size_t npy_bytes_max = (size_t)1 << 30;

/* What the variants came to. */
struct checked {
    struct arena *arena;
    const char *variant, *device; /* of the first right one, whose weights were saved; or NULL */
    int wrong, failed;
};

static int on_row(void *context, const struct cell *cell, const struct row *row, struct err *err)
{
    struct checked *c = context;
    struct err why;
    (void)err;
    if (row->status == ROW_OK && !c->variant) {
        c->variant = cell->variant->name;
        c->device = arena_copy(c->arena, row->device);
    } else if (row->status != ROW_OK && row->status != ROW_UNSUPPORTED) {
        c->wrong += row->status == ROW_WRONG;
        c->failed += row->status != ROW_WRONG && row->status != ROW_SKIPPED;
        err_set(&why, "%s on %s: %s: %s", cell->variant->name, row->device,
                row_status_name(row->status), row->reason ? row->reason : "no reason given");
        (void)fail(EXIT_OK, &why);
    }
    return 0;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* What is inspected, with the memory behind it. */
struct work {
    struct arena arena;
    struct test_case test_case;
    struct inspection inspection;
    double *weights; /* those of the reference, then of a variant */
    struct checked checked;
};

static void make_reference(struct work *work)
{
    struct inspection *in = &work->inspection;
    struct problem problem = work->test_case.problem;
    const int64_t row_count = in->head_count * problem.n_q;
    const size_t count = (size_t)(row_count * problem.n_kv);
    row_index *rows = arena_array(&work->arena, (size_t)row_count, sizeof *rows);
    unsigned char *seen = arena_array(&work->arena, count, sizeof *seen);
    work->weights = arena_array(&work->arena, count, sizeof *work->weights);
    for (int64_t r = 0; r < row_count; ++r)
        rows[r] = (in->batch * problem.heads_q + in->first_head) * problem.n_q + r;
    problem.returns = RETURNS_SCORES;
    reference_scores(&problem, &work->test_case.inputs, rows, row_count, work->weights);
    for (size_t i = 0; i < count; ++i)
        seen[i] = work->weights[i] > -INFINITY;
    problem.returns = RETURNS_WEIGHTS;
    reference_scores(&problem, &work->test_case.inputs, rows, row_count, work->weights);
    in->weights = work->weights;
    in->seen = seen;
}

/* Puts the variant's weights into the place of the reference's; the largest difference. */
static int take_weights(struct work *work, const char *path, double *difference, struct err *err)
{
    const struct problem *p = &work->test_case.problem;
    const struct inspection *in = &work->inspection;
    const size_t of_head = (size_t)(p->n_q * p->n_kv);
    const size_t first = (size_t)(in->batch * p->heads_q + in->first_head) * of_head;
    const size_t count = (size_t)in->head_count * of_head;
    struct text bytes = {0};
    struct npy npy;
    struct arena arena = {0};
    int result = file_read(path, npy_bytes_max, &bytes, err);
    if (result == 0)
        result = npy_load(&npy, path, text_get(&bytes), bytes.length, &arena, err);
    text_free(&bytes);
    if (result == 0 && (size_t)npy.count != (size_t)(p->batch * p->heads_q) * of_head)
        result = err_set(err, "%s: not as many weights as the case has", path);
    *difference = 0;
    for (size_t i = 0; i < count && result == 0; ++i) {
        *difference = fmax(*difference, fabs(npy.values[first + i] - work->weights[i]));
        work->weights[i] = npy.values[first + i];
    }
    arena_free(&arena);
    return result;
}

/* Runs the variants; the first right one's weights are those that are shown. */
static int measure_weights(struct work *work, struct setup *setup, const struct options *options)
{
    struct err err;
    double difference = 0;
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_print(&work->arena, "%s/attnbench-XXXXXX",
                               temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        err_set(&err, "cannot make a folder '%s': %s; TMPDIR names another place", folder,
                strerror(errno));
        return fail(EXIT_IO, &err);
    }
    const char *path = arena_print(&work->arena, "%s/weights.npy", folder);
    work->checked.arena = &work->arena;
    const struct case_run run = {&work->test_case, RETURNS_WEIGHTS, path, on_row, &work->checked};
    int status = setup_run_case(setup, options, &run);
    if (status == EXIT_OK && work->checked.variant) {
        if (take_weights(work, path, &difference, &err))
            status = fail(EXIT_IO, &err);
        work->inspection.source =
            arena_print(&work->arena, "%s on %s, within %.1e of the double-precision reference",
                        work->checked.variant, work->checked.device, difference);
    }
    unlink(path);
    file_remove_temporaries(path);
    rmdir(folder);
    return status;
}

static int find_weights(struct work *work, const struct options *options)
{
    struct setup setup = {0};
    const char *wanted = options->device ? options->device : getenv("ATTNBENCH_DEVICE");
    const bool asked = wanted && *wanted;
    int status = EXIT_OK;
    make_reference(work);
    work->inspection.source = "the double-precision reference; no variant has returned them";
    if (asked && text_starts(wanted, "null")) {
        work->inspection.source = "the double-precision reference alone; no device was asked";
        return EXIT_OK;
    }
    status = setup_kernels(&setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&setup, options);
    if (status == EXIT_NO_DEVICE && !asked) {
        work->inspection.source = "the double-precision reference alone; there is no OpenCL device";
        status = EXIT_OK;
    } else if (status == EXIT_OK) {
        setup_show_quirks(&setup);
        status = measure_weights(work, &setup, options);
    }
    setup_free(&setup);
    return status;
}

/* ---- what was asked for ---------------------------------------------------------------------- */

/* --token: the queries of that name, or else the one of that index. */
static int choose_queries(struct work *work, const char *token)
{
    const struct tokens *queries = &work->inspection.queries;
    struct err err;
    bool *chosen = arena_array(&work->arena, (size_t)queries->count, sizeof *chosen);
    int64_t found = 0, index = 0;
    for (int64_t i = 0; i < queries->count; ++i) {
        chosen[i] = strcmp(queries->words[i], token) == 0 || strcmp(queries->labels[i], token) == 0;
        found += chosen[i];
    }
    work->inspection.chosen = chosen;
    if (found)
        return EXIT_OK;
    if (text_to_int64(token, &index) && index >= 0 && index < queries->count) {
        chosen[index] = true;
        return EXIT_OK;
    }
    const char *nearest = text_nearest(token, queries->words, (size_t)queries->count);
    if (nearest && queries->named)
        err_set(&err, "--token: no query is called '%.80s'; did you mean '%s'?", token, nearest);
    else
        err_set(&err,
                "--token: no query is called '%.80s'; expected one, or an index from 0 to "
                "%" PRId64,
                token, queries->count - 1);
    return fail(EXIT_USAGE, &err);
}

static int choose(struct work *work, const struct options *options)
{
    const struct problem *p = &work->test_case.problem;
    struct inspection *in = &work->inspection;
    struct err err;
    const double count = (double)(p->batch * p->heads_q) * (double)(p->n_q * p->n_kv);
    if (count > (double)weights_max) {
        err_set(&err,
                "%s: %.3g weights; at most %" PRId64 " can be inspected: save fewer heads or "
                "rows",
                work->test_case.folder, count, weights_max);
        return fail(EXIT_BAD_INPUT, &err);
    }
    if (options->head >= p->heads_q || options->batch >= p->batch) {
        const bool head = options->head >= p->heads_q;
        err_set(&err, "--%s: expected 0 to %" PRId64 ", found %" PRId64, head ? "head" : "batch",
                (head ? p->heads_q : p->batch) - 1, head ? options->head : options->batch);
        return fail(EXIT_USAGE, &err);
    }
    in->batch = options->batch;
    in->first_head = options->head < 0 ? 0 : options->head;
    in->head_count = options->head < 0 ? p->heads_q : 1;
    return options->token ? choose_queries(work, options->token) : EXIT_OK;
}

/* The last part of a path, printable. */
static const char *name_of(const char *folder, struct arena *arena)
{
    struct text printable = {0};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        --length;
    const char *trimmed = arena_copy_bytes(arena, folder, length);
    const char *slash = strrchr(trimmed, '/');
    text_add_printable(&printable, slash && slash[1] ? slash + 1 : trimmed, false);
    const char *name = arena_copy(arena, text_get(&printable));
    text_free(&printable);
    return name;
}

/* Then the page is all that is written. */
static bool page_is_output(const struct options *options)
{
    struct place place;
    return options->out && place_find(&place, options->out, PLACE_ANY, NULL) == 0 &&
           place.kind == PLACE_STDOUT;
}

static int show(const struct work *work, const struct options *options)
{
    struct text out = {0};
    int status = EXIT_OK;
    if (options->out) {
        report_inspect_page(&work->inspection, &out);
        status = write_output(options->out, text_get(&out), out.length);
        text_free(&out);
    }
    if (status == EXIT_OK && !page_is_output(options)) {
        if (options->json)
            report_inspect_json(&work->inspection, &out);
        else
            report_inspect_text(&work->inspection, terminal_width(STDOUT_FILENO),
                                terminal_utf8(STDOUT_FILENO), &out);
        status = write_output(NULL, text_get(&out), out.length);
    }
    text_free(&out);
    return status;
}

/* The weights of attention inside of another operation are not to be had. */
static int need_attention(const struct test_case *test_case, struct err *err)
{
    const enum op op = (enum op)test_case->problem.op;
    return op == OP_ATTENTION
               ? 0
               : err_set(err,
                         "%s: inspect shows the weights of a case of attention, this one is of %s; "
                         "make a case of its q, k and v",
                         test_case->folder, op_name(op));
}

int command_inspect(const struct options *options)
{
    struct work work = {0};
    struct err err;
    const char *folder = case_path(&work.arena, options->args[0]);
    int status = check_output(options, options->out, PLACE_ANY, "--out");
    if (status != EXIT_OK)
        return arena_free(&work.arena), status;
    if (test_case_load(&work.test_case, folder, &err) || need_attention(&work.test_case, &err) ||
        tokens_load(&work.inspection.queries, &work.inspection.keys, folder,
                    &work.test_case.problem, &work.arena, &err))
        status = fail(EXIT_BAD_INPUT, &err);
    if (status == EXIT_OK) {
        work.inspection.name = name_of(folder, &work.arena);
        work.inspection.problem = problem_id(&work.test_case.problem, &work.arena);
        status = choose(&work, options);
    }
    if (status == EXIT_OK)
        status = find_weights(&work, options);
    if (status == EXIT_OK)
        status = show(&work, options);
    test_case_free(&work.test_case);
    arena_free(&work.arena);
    if (status != EXIT_OK)
        return status;
    return work.checked.wrong ? EXIT_WRONG : work.checked.failed ? EXIT_INCOMPLETE : EXIT_OK;
}
