/* attnbench lint: variants in Oclgrind, on edge shapes, with the tunings of real devices.
 *
 * Oclgrind calls itself a device of no type in particular, so left to itself it would run the first
 * combination of tunables. What runs here is what each device of this machine would take, and a
 * GPU: the plan is made for those, and its cells run in Oclgrind, each distinct one once. */
#include "commands/common.h"
#include "commands/interrupt.h"
#include "commands/suite_path.h"
#include "problem/compose.h"
#include "problem/edges.h"
#include "report/findings.h"
#include "util/clock.h"
#include "util/json.h"
#include "worker/oclgrind.h"

#include <errno.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DTYPES = 3, SMALL = 3 };

/* A GPU as many are, for its defaults. */
static const struct device_info some_gpu = {.id = "a GPU",
                                            .index = "",
                                            .platform = "",
                                            .name = "",
                                            .vendor = "",
                                            .driver = "",
                                            .opencl_c = "",
                                            .type = "gpu",
                                            .extensions = "",
                                            .local_bytes = 64 << 10,
                                            .max_work_group = 1024};

/* Tiles for 64 KiB of local memory take a simulator minutes for a shape. All edges are therefore
 * run with the smallest of these that a variant supports, which has more edges of tiles, too; the
 * tunings of real devices get the few of little work. */
static const int64_t small_local_bytes[SMALL] = {4 << 10, 8 << 10, 16 << 10};

struct lint {
    struct setup setup;
    struct oclgrind oclgrind;
    struct device_info *devices; /* whose tunings are used: SMALL, then those here, then a GPU */
    int device_count;
    bool *chosen; /* of the tree's variants */
    struct plan *plans;
    int plan_count;
    const struct cell **cells; /* that run */
    int cell_count, done, unsupported;
    struct findings findings;
    bool quiet, interrupted;
};

/* ---- which variants -------------------------------------------------------------------------- */

static const struct plan_request *any_request(struct lint *lint, struct plan_request *request)
{
    static struct suite rules;
    rules = suite_default();
    *request = (struct plan_request){.suites = &rules,
                                     .suite_count = 1,
                                     .variants = lint->setup.kernels.variants,
                                     .variant_count = lint->setup.kernels.count,
                                     .devices = lint->devices,
                                     .device_count = lint->device_count,
                                     .tunings = &lint->setup.tunings};
    return request;
}

/* Those that are named; else those of the folder that was given; else all. */
static int choose_variants(struct lint *lint, const struct options *options)
{
    struct arena *arena = &lint->setup.arena;
    const struct kernel_tree *kernels = &lint->setup.kernels;
    struct plan_request request;
    struct err err;
    for (int i = 0; i < options->arg_count; ++i) {
        any_request(lint, &request);
        request.only_variants = options->args[i];
        if (plan_check_variants(&request, &err))
            return fail(EXIT_USAGE, &err);
    }
    lint->chosen = arena_array(arena, (size_t)kernels->count + 1, sizeof *lint->chosen);
    for (int v = 0; v < kernels->count; ++v) {
        const char *name = kernels->variants[v].name;
        const struct kernel_file *file =
            kernel_tree_file(kernels, arena_print(arena, "%s/variant.json", name));
        lint->chosen[v] = options->arg_count == 0 && (!options->kernels || (file && file->given));
        for (int i = 0; i < options->arg_count; ++i) {
            const char *listed = arena_print(arena, ",%s,", options->args[i]);
            lint->chosen[v] |= strstr(listed, arena_print(arena, ",%s,", name)) != NULL;
        }
    }
    return EXIT_OK;
}

/* What stands in a frame while its own kernels are looked at: the plainest. */
static const char *inner_variant(const struct kernel_tree *kernels)
{
    const struct variant *naive = kernel_tree_find(kernels, "naive");
    return naive ? naive->name : "";
}

/* The variants that compute the problem, as a plan's only_variants; "" for none. An attention
 * variant is looked at in a frame only where it does what it does not do alone. */
static const char *computing(const struct lint *lint, const struct problem *problem,
                             struct arena *arena)
{
    const struct kernel_tree *kernels = &lint->setup.kernels;
    const enum op op = (enum op)problem->op;
    const bool of_attention = op == OP_ATTENTION || problem->position == POSITION_ROPE_IN_LOAD;
    const char *list = "";
    for (int v = 0; v < kernels->count; ++v) {
        const struct variant *variant = &kernels->variants[v];
        const char *name = NULL;
        if (!lint->chosen[v])
            continue;
        if (of_attention)
            name = variant_computes(variant, OP_ATTENTION) ? variant->name : NULL;
        else if (variant->is_frame && (variant->ops & 1U << op))
            name = inner_variant(kernels);
        else if (variant_computes(variant, op))
            name = variant->name;
        if (name && *name)
            list = arena_print(arena, "%s%s%s", list, *list ? "," : "", name);
    }
    return list;
}

/* ---- which devices ----------------------------------------------------------------------------
 */

/* All that are here; a machine without any is no failure: there is a GPU's defaults to look at. */
static void find_devices(struct lint *lint)
{
    struct setup *setup = &lint->setup;
    struct err err;
    setup->supervisor.program = program_path(&setup->arena);
    setup->supervisor.backend = "opencl";
    if (supervisor_enumerate(&setup->supervisor, 30, &setup->arena, &setup->found,
                             &setup->found_count, &err))
        setup->found_count = 0;
    lint->devices =
        arena_array(&setup->arena, (size_t)setup->found_count + SMALL + 1, sizeof *lint->devices);
    for (int d = 0; d < SMALL; ++d) {
        struct device_info *small = &lint->devices[lint->device_count++];
        *small = some_gpu;
        small->type = "other"; /* variants for any type of device run there */
        small->local_bytes = small_local_bytes[d];
        small->max_work_group = 16;
    }
    for (int d = 0; d < setup->found_count; ++d)
        lint->devices[lint->device_count++] = setup->found[d];
    lint->devices[lint->device_count++] = some_gpu;
    const struct tunings *shipped = &setup->kernels.tunings;
    const size_t count = (size_t)shipped->count;
    setup->tunings = (struct tunings){
        .items = arena_grow(&setup->arena, shipped->items, count, count, sizeof *shipped->items),
        .count = shipped->count,
        .capacity = shipped->count};
    for (int d = 0; d < setup->found_count; ++d)
        load_tunings(&setup->tunings, tuning_path(&setup->found[d], &setup->arena), &setup->kernels,
                     &setup->arena);
}

static int open_oclgrind(struct lint *lint, const struct options *options)
{
    struct oclgrind *oclgrind = &lint->oclgrind;
    struct arena *arena = &lint->setup.arena;
    struct err err;
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_print(arena, "%s/attnbench-lint-XXXXXX",
                               temporary && *temporary ? temporary : "/tmp");
    *oclgrind = (struct oclgrind){.path = oclgrind_find(arena),
                                  .program = lint->setup.supervisor.program,
                                  .kernels_dir = options->kernels,
                                  .folder = folder,
                                  .max_work_group = some_gpu.max_work_group,
                                  .deadline_s = options->deadline_s > 0 ? options->deadline_s : 300,
                                  .stop = interrupt_catch()};
    if (!oclgrind->path) {
        err_set(&err, "there is no 'oclgrind' on the PATH, in which lint runs the kernels; install "
                      "it (Debian, Ubuntu: oclgrind)");
        return fail(EXIT_NO_DEVICE, &err);
    }
    for (int d = 0; d < lint->device_count; ++d) {
        const struct device_info *device = &lint->devices[d];
        if (device->max_work_group > oclgrind->max_work_group)
            oclgrind->max_work_group = device->max_work_group;
    }
    setenv("ATTNBENCH_BARE_BUFFERS", "1", 1); /* the workers inherit both */
    setenv("ATTNBENCH_PROGRAM_CACHE", "off", 1);
    if (oclgrind_open(oclgrind, arena, &err))
        return fail(EXIT_NO_DEVICE, &err);
    if (!mkdtemp(folder)) {
        err_set(&err, "cannot make a folder '%s': %s; TMPDIR names another place", folder,
                strerror(errno));
        return fail(EXIT_IO, &err);
    }
    return EXIT_OK;
}

/* ---- which cells ------------------------------------------------------------------------------
 */

static bool same_run(const struct cell *a, const struct cell *b, struct arena *arena)
{
    return strcmp(a->variant->name, b->variant->name) == 0 && strcmp(a->id, b->id) == 0 &&
           strcmp(tuning_text(&a->tuning, arena), tuning_text(&b->tuning, arena)) == 0;
}

/* Adds the plan's cells, those that differ in what runs. */
static void add_cells(struct lint *lint, const struct plan *plan, bool few, struct arena *arena)
{
    const int before = lint->cell_count;
    lint->cells =
        arena_grow(&lint->setup.arena, lint->cells, (size_t)lint->cell_count,
                   (size_t)lint->cell_count + (size_t)plan->count + 1, sizeof *lint->cells);
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        bool is_new = cell->fate == CELL_RUN && (cell->device < SMALL || few);
        for (int i = 0; i < c && is_new; ++i) /* a smaller one will do */
            is_new = cell->device >= SMALL || plan->cells[i].fate != CELL_RUN ||
                     strcmp(plan->cells[i].variant->name, cell->variant->name) != 0;
        for (int i = before; i < lint->cell_count && is_new; ++i)
            is_new = !same_run(lint->cells[i], cell, arena);
        if (is_new)
            lint->cells[lint->cell_count++] = cell;
    }
}

/* --quick: of the dtypes in which a variant computes this edge, the one whose turn it is. */
static void keep_turn(struct plan *plans, int edge)
{
    for (int c = 0; c < plans[0].count; ++c) {
        int can = 0;
        for (int d = 0; d < DTYPES; ++d)
            can += plans[d].cells[c].fate == CELL_RUN;
        int turn = can ? edge % can : -1;
        for (int d = 0; d < DTYPES; ++d)
            if (plans[d].cells[c].fate == CELL_RUN && turn-- != 0)
                plans[d].cells[c].fate = CELL_SKIPPED;
    }
}

static int plan_edge(struct lint *lint, const struct options *options, int edge,
                     struct arena *arena)
{
    struct plan_request request;
    struct err err;
    struct problem problem = edge_problem(edge, &lint->setup.arena);
    any_request(lint, &request);
    request.only_variants = computing(lint, &problem, arena);
    request.problem = &problem;
    request.filter = options->filter;
    request.may_be_empty = true; /* it is one of several plans */
    if (!*request.only_variants)
        return EXIT_OK;
    struct plan *plans = &lint->plans[lint->plan_count];
    for (int d = 0; d < DTYPES; ++d) {
        problem.dtype = d;
        if (plan_build(&plans[d], &request, &err))
            return fail(EXIT_USAGE, &err);
        ++lint->plan_count;
    }
    if (options->quick)
        keep_turn(plans, edge);
    for (int d = 0; d < DTYPES; ++d)
        add_cells(lint, &plans[d], edge < EDGES_FEW, arena);
    return EXIT_OK;
}

static int plan_cells(struct lint *lint, const struct options *options)
{
    struct arena arena = {0};
    int status = EXIT_OK;
    lint->plans =
        arena_array(&lint->setup.arena, (size_t)edge_count() * DTYPES, sizeof *lint->plans);
    for (int e = 0; e < edge_count() && status == EXIT_OK; ++e)
        status = plan_edge(lint, options, e, &arena);
    arena_free(&arena);
    if (status == EXIT_OK && !lint->cell_count) {
        struct err err;
        err_set(&err, "none of these variants computes an edge shape on a device of this machine "
                      "or on a GPU; attnbench variants says why");
        status = fail(EXIT_USAGE, &err);
    }
    return status;
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void take(struct lint *lint, const struct cell *cell, const struct oclgrind_result *result,
                 double seconds)
{
    ++lint->done;
    lint->interrupted |= result->interrupted;
    lint->unsupported += result->unsupported;
    for (int i = 0; i < result->count; ++i)
        findings_add(&lint->findings, cell, &result->findings[i], &lint->setup.arena);
    if (lint->quiet)
        return;
    struct arena arena = {0};
    const char *what = result->unsupported ? "not possible in Oclgrind: "
                       : result->count     ? finding_kind_name(result->findings[0].kind)
                                           : "clean";
    fprintf(stderr, "[%d/%d] %s %s %s: %s%s (%.1f s)\n", lint->done, lint->cell_count,
            cell->variant->name, cell->id, tuning_text(&cell->tuning, &arena), what,
            result->unsupported ? result->reason : "", seconds);
    arena_free(&arena);
}

static void run_cells(struct lint *lint)
{
#pragma omp parallel for schedule(dynamic)
    for (int c = 0; c < lint->cell_count; ++c) {
        struct arena arena = {0};
        struct oclgrind_result result;
        if (*lint->oclgrind.stop) {
            lint->interrupted = true;
            continue;
        }
        const double start_s = clock_now_s();
        oclgrind_run(&lint->oclgrind, lint->cells[c], c, &result, &arena);
#pragma omp critical(lint_take)
        take(lint, lint->cells[c], &result, clock_now_s() - start_s);
        arena_free(&arena);
    }
    rmdir(lint->oclgrind.folder);
}

/* ---- what came out ----------------------------------------------------------------------------
 */

static void add_json(const struct lint *lint, struct text *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "simulator", lint->oclgrind.device.driver);
    cJSON_AddNumberToObject(root, "runs", lint->done);
    cJSON_AddNumberToObject(root, "planned", lint->cell_count);
    cJSON_AddNumberToObject(root, "not_possible", lint->unsupported);
    cJSON_AddNumberToObject(root, "in_libraries", lint->findings.foreign);
    cJSON_AddItemToObject(root, "findings", findings_to_json(&lint->findings));
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
}

static int show(struct lint *lint, const struct options *options)
{
    struct text out = {0}, safe = {0};
    findings_sort(&lint->findings);
    if (options->json)
        add_json(lint, &out);
    else
        findings_write_text(&lint->findings, &out);
    text_add_printable(&safe, text_get(&out), true);
    const int status = write_output(NULL, text_get(&safe), safe.length);
    fprintf(stderr, "%d findings in %d of %d runs in %s", lint->findings.count, lint->done,
            lint->cell_count, lint->oclgrind.device.driver);
    if (lint->unsupported)
        fprintf(stderr, "; %d were not possible there", lint->unsupported);
    if (lint->findings.foreign)
        fprintf(stderr, "; %d reports on a library's kernels are left out", lint->findings.foreign);
    fprintf(stderr, "\n");
    text_free(&out);
    text_free(&safe);
    return status != EXIT_OK      ? status
           : lint->interrupted    ? EXIT_INTERRUPTED
           : lint->findings.count ? EXIT_WRONG
                                  : EXIT_OK;
}

int command_lint(const struct options *options)
{
    struct lint lint = {.quiet = options->quiet};
    lint.findings.kernels = &lint.setup.kernels;
    int status = setup_kernels(&lint.setup, options);
    if (status == EXIT_OK)
        status = choose_variants(&lint, options);
    if (status == EXIT_OK) {
        find_devices(&lint);
        status = open_oclgrind(&lint, options);
    }
    if (status == EXIT_OK)
        status = plan_cells(&lint, options);
    if (status == EXIT_OK) {
        run_cells(&lint);
        status = show(&lint, options);
    }
    for (int p = 0; p < lint.plan_count; ++p)
        plan_free(&lint.plans[p]);
    setup_free(&lint.setup);
    return status;
}
