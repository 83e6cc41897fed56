#include "report/findings.h"

#include "util/json.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_own_kernel(const struct variant *variant, const char *kernel)
{
    for (int p = 0; p < variant->pass_count; ++p)
        if (variant->passes[p].kernel && strcmp(variant->passes[p].kernel, kernel) == 0)
            return true;
    return false;
}

void findings_add(struct findings *findings, const struct cell *cell, const struct finding *finding,
                  struct arena *arena)
{
    const struct kernel_file *file = kernel_tree_file(findings->kernels, finding->file);
    if (!file && *finding->kernel && !is_own_kernel(cell->variant, finding->kernel)) {
        ++findings->foreign;
        return;
    }
    for (int i = 0; i < findings->count; ++i) {
        struct reported *known = &findings->items[i];
        if (finding_equal(&known->finding, finding) &&
            (file || strcmp(known->cell->variant->name, cell->variant->name) == 0)) {
            known->cells += known->cell != cell;
            return;
        }
    }
    const size_t n = (size_t)findings->count;
    findings->items = arena_grow(arena, findings->items, n, n + 1, sizeof *findings->items);
    findings->items[findings->count++] =
        (struct reported){.finding = {.kind = finding->kind,
                                      .kernel = arena_copy(arena, finding->kernel),
                                      .file = arena_copy(arena, finding->file),
                                      .line = finding->line,
                                      .other_file = arena_copy(arena, finding->other_file),
                                      .other_line = finding->other_line,
                                      .message = arena_copy(arena, finding->message)},
                          .file = file ? file->shown : cell->variant->json.name,
                          .cell = cell,
                          .cells = 1};
}

static int compare(const void *a, const void *b)
{
    const struct reported *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    order = order ? order : x->finding.line - y->finding.line;
    order = order ? order : (int)x->finding.kind - (int)y->finding.kind;
    order = order ? order : strcmp(x->finding.kernel, y->finding.kernel);
    return order ? order : strcmp(x->cell->id, y->cell->id);
}

void findings_sort(struct findings *findings)
{
    if (findings->count)
        qsort(findings->items, (size_t)findings->count, sizeof *findings->items, compare);
}

static const char *shown_file(const struct findings *findings, const char *path)
{
    const struct kernel_file *file = kernel_tree_file(findings->kernels, path);
    return file ? file->shown : path;
}

static void add_text(const struct findings *findings, const struct reported *reported,
                     struct text *out)
{
    const struct finding *f = &reported->finding;
    struct arena arena = {0};
    const char *tuning = tuning_text(&reported->cell->tuning, &arena);
    text_print(out, "%s:", reported->file);
    if (f->line)
        text_print(out, "%d:", f->line);
    text_print(out, " %s: ", finding_kind_name(f->kind));
    if (*f->kernel)
        text_print(out, "%s: ", f->kernel);
    text_add(out, f->message);
    if (*f->other_file)
        text_print(out, ", with %s:%d", shown_file(findings, f->other_file), f->other_line);
    text_print(out, "\n    %s %s%s%s", reported->cell->variant->name, reported->cell->id,
               *tuning ? " " : "", tuning);
    if (reported->cells > 1)
        text_print(out, ", and in %d other runs", reported->cells - 1);
    text_add(out, "\n");
    arena_free(&arena);
}

void findings_write_text(const struct findings *findings, struct text *out)
{
    for (int i = 0; i < findings->count; ++i)
        add_text(findings, &findings->items[i], out);
}

cJSON *findings_to_json(const struct findings *findings)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < findings->count; ++i) {
        const struct reported *reported = &findings->items[i];
        const struct finding *f = &reported->finding;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddStringToObject(item, "kind", finding_kind_name(f->kind));
        cJSON_AddStringToObject(item, "file", reported->file);
        json_add_number(item, "line", f->line ? (double)f->line : (double)NAN);
        cJSON_AddStringToObject(item, "kernel", f->kernel);
        cJSON_AddStringToObject(item, "message", f->message);
        if (*f->other_file) {
            cJSON_AddStringToObject(item, "other_file", shown_file(findings, f->other_file));
            cJSON_AddNumberToObject(item, "other_line", f->other_line);
        }
        cJSON_AddStringToObject(item, "variant", reported->cell->variant->name);
        cJSON_AddStringToObject(item, "cell", reported->cell->id);
        cJSON_AddItemToObject(item, "tuning", tuning_to_json(&reported->cell->tuning));
        cJSON_AddNumberToObject(item, "runs", reported->cells);
    }
    return list;
}
