#include "commands/progress.h"

#include "report/words.h"
#include "store/fields.h"
#include "util/clock.h"
#include "util/terminal.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double step_every_s = 0.1;

enum progress_mode progress_choose(const char *wanted, bool quiet)
{
    if (wanted && strcmp(wanted, "plain") == 0)
        return PROGRESS_PLAIN;
    if (wanted && strcmp(wanted, "json") == 0)
        return PROGRESS_JSON;
    if (quiet || (wanted && strcmp(wanted, "none") == 0))
        return PROGRESS_NONE;
    return terminal_rewrites(STDERR_FILENO) ? PROGRESS_REWRITE : PROGRESS_PLAIN;
}

/* One write a line, whole even when others write there too. */
static void show_line(const char *line)
{
    fputs(line, stderr);
    fflush(stderr);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static cJSON *make_event(const struct progress *progress, const char *name)
{
    cJSON *event = cJSON_CreateObject();
    fields_add(event, "event", cJSON_CreateString(name));
    fields_add(event, "done", cJSON_CreateNumber(progress->done));
    fields_add(event, "cells", cJSON_CreateNumber(progress->total));
    json_add_number(event, "elapsed_s", clock_now_s() - progress->begun_s);
    json_add_number(event, "eta_s", progress->eta_s);
    return event;
}

static cJSON *make_cell_event(const struct progress *progress, const char *name,
                              const struct cell *cell)
{
    cJSON *event = make_event(progress, name);
    fields_add(event, "cell", cJSON_CreateString(cell->id));
    fields_add(event, "variant", cJSON_CreateString(cell->variant->name));
    return event;
}

/* Consumes the event. */
static void show_event(cJSON *event)
{
    struct text line = {0};
    char *object = fields_print(event);
    text_print(&line, "%s\n", object);
    show_line(text_get(&line));
    text_free(&line);
    free(object);
    cJSON_Delete(event);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void add_count(struct text *line, const struct progress *progress)
{
    text_print(line, "[%d/%d] ", progress->done, progress->total);
}

static void add_eta(struct text *line, double eta_s)
{
    if (!isfinite(eta_s))
        return;
    if (eta_s >= 5400)
        text_print(line, "about %.1f h left", eta_s / 3600);
    else if (eta_s >= 90)
        text_print(line, "about %.0f min left", eta_s / 60);
    else
        text_print(line, "about %.0f s left", eta_s);
}

/* ---- events ---------------------------------------------------------------------------------- */

void progress_start(struct progress *progress, enum progress_mode mode, int total, int done)
{
    *progress = (struct progress){
        .mode = mode, .total = total, .done = done, .begun_s = clock_now_s(), .eta_s = NAN};
    if (mode == PROGRESS_JSON)
        show_event(make_event(progress, "start"));
}

void progress_clear(struct progress *progress)
{
    if (progress->open_line)
        show_line("\r\033[K");
    progress->open_line = false;
}

/* What matters most stands first: the line is cut at the terminal's width of this moment. */
static void rewrite(struct progress *progress, const struct cell *cell, const char *phase,
                    double median_s)
{
    struct text line = {0};
    const int width = terminal_width(STDERR_FILENO) - 1;
    text_add(&line, progress->open_line ? "\r\033[K" : "");
    const size_t begin = line.length;
    add_count(&line, progress);
    add_eta(&line, progress->eta_s);
    text_print(&line, "%s%s %s", isfinite(progress->eta_s) ? "  " : "", cell->variant->name, phase);
    if (isfinite(median_s)) {
        text_add(&line, " ");
        text_add_seconds(&line, median_s);
    }
    text_print(&line, "  %s", cell->id);
    if (line.length - begin > (size_t)width)
        line.data[begin + (size_t)width] = '\0';
    show_line(text_get(&line));
    progress->open_line = true;
    text_free(&line);
}

void progress_step(struct progress *progress, const struct cell *cell, const char *phase,
                   double median_s, double eta_s)
{
    progress->eta_s = eta_s;
    if ((progress->mode != PROGRESS_REWRITE && progress->mode != PROGRESS_JSON) ||
        clock_now_s() - progress->shown_s < step_every_s)
        return;
    progress->shown_s = clock_now_s();
    if (progress->mode == PROGRESS_REWRITE) {
        rewrite(progress, cell, phase, median_s);
        return;
    }
    cJSON *event = make_cell_event(progress, "step", cell);
    fields_add(event, "phase", cJSON_CreateString(phase));
    json_add_number(event, "median_s", median_s);
    show_event(event);
}

static void show_row_event(const struct progress *progress, const struct cell *cell,
                           const struct row *row)
{
    cJSON *event = make_cell_event(progress, "row", cell);
    fields_add(event, "device", cJSON_CreateString(row->device));
    fields_add(event, "status", cJSON_CreateString(row_status_name(row->status)));
    fields_add(event, "reason", row->reason ? cJSON_CreateString(row->reason) : cJSON_CreateNull());
    json_add_number(event, "median_s", row->time.median_s);
    show_event(event);
}

/* Further lines of a reason are indented: one that begins at the margin is another cell's. */
static void add_reason(struct text *line, const char *reason)
{
    struct text printable = {0};
    text_add_printable(&printable, reason, true);
    while (printable.length && printable.data[printable.length - 1] == '\n')
        printable.data[--printable.length] = '\0';
    for (const char *c = text_get(&printable); *c; ++c)
        if (*c == '\n')
            text_add(line, "\n    ");
        else
            text_add_bytes(line, c, 1);
    text_free(&printable);
}

/* Did an earlier cell of this variant and device fail for the same reason, numbers aside? What rows
 * point to stays valid for the run. */
static bool is_told(struct progress *progress, const struct row *row)
{
    for (int i = 0; i < progress->shown_count; ++i) {
        const struct row *other = progress->shown[i];
        if (other->status == row->status && strcmp(other->variant, row->variant) == 0 &&
            strcmp(other->device, row->device) == 0 && words_alike(other->reason, row->reason))
            return true;
    }
    if (progress->shown_count < REASONS_SHOWN) {
        struct row *kept = arena_alloc(&progress->arena, sizeof *kept);
        *kept = *row;
        progress->shown[progress->shown_count++] = kept;
    }
    return false;
}

void progress_row(struct progress *progress, const struct cell *cell, const struct row *row)
{
    ++progress->done;
    const bool quiet_row = row->status == ROW_UNSUPPORTED || row->status == ROW_SKIPPED;
    if (progress->mode == PROGRESS_JSON)
        show_row_event(progress, cell, row);
    if (progress->mode != PROGRESS_PLAIN && progress->mode != PROGRESS_REWRITE)
        return;
    if (progress->mode == PROGRESS_REWRITE && (quiet_row || row->status == ROW_OK))
        return; /* the table at the end has it; what went wrong stays visible */
    const bool told = row->status != ROW_OK && row->reason && is_told(progress, row);
    if (told && progress->mode == PROGRESS_REWRITE)
        return; /* one cause, one message */
    struct text line = {0};
    add_count(&line, progress);
    text_print(&line, "%s %s %s", row_status_name(row->status), cell->variant->name, cell->id);
    if (row->status == ROW_OK) {
        text_add(&line, " ");
        text_add_seconds(&line, row->time.median_s);
        text_add(&line, isfinite(progress->eta_s) ? ", " : "");
        add_eta(&line, progress->eta_s);
    } else if (row->reason) {
        text_add(&line, ": ");
        if (told)
            text_add(&line, "for the same reason");
        else
            add_reason(&line, row->reason);
    }
    text_add(&line, "\n");
    progress_clear(progress);
    show_line(text_get(&line));
    text_free(&line);
}

void progress_end(struct progress *progress)
{
    progress_clear(progress);
    progress->eta_s = 0;
    if (progress->mode == PROGRESS_JSON)
        show_event(make_event(progress, "end"));
    progress->mode = PROGRESS_NONE;
    arena_free(&progress->arena);
    progress->shown_count = 0;
}
