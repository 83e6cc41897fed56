#include "commands/progress.h"

#include "util/clock.h"
#include "util/terminal.h"
#include "util/text.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

void progress_start(struct progress *progress, int total, bool quiet)
{
    *progress = (struct progress){
        .total = total, .quiet = quiet, .rewrites = terminal_rewrites(STDERR_FILENO)};
}

static void clear_line(struct progress *progress)
{
    if (progress->open_line)
        fputs("\r\033[K", stderr);
    progress->open_line = false;
}

static void add_eta(struct text *line, double eta_s)
{
    if (eta_s >= 90)
        text_print(line, "about %.0f min left", eta_s / 60);
    else
        text_print(line, "about %.0f s left", eta_s);
}

void progress_step(struct progress *progress, const struct cell *cell, const char *phase,
                   double eta_s, int rows_done)
{
    progress->eta_s = eta_s;
    if (progress->quiet || !progress->rewrites || clock_now_s() - progress->shown_s < 0.1)
        return;
    progress->shown_s = clock_now_s();
    struct text line = {0};
    text_print(&line, "[%d/%d] ", rows_done, progress->total);
    add_eta(&line, eta_s);
    text_print(&line, "  %s %s %s", cell->variant->name, phase, cell->id);
    const int width = terminal_width(STDERR_FILENO) - 1;
    clear_line(progress);
    fprintf(stderr, "%.*s", width, text_get(&line));
    fflush(stderr);
    progress->open_line = true;
    text_free(&line);
}

void progress_row(struct progress *progress, const struct cell *cell, const struct row *row,
                  int rows_done)
{
    if (progress->quiet)
        return;
    const bool quiet_row = row->status == ROW_UNSUPPORTED || row->status == ROW_SKIPPED;
    if (progress->rewrites && (quiet_row || row->status == ROW_OK))
        return; /* the table at the end has it; what went wrong stays visible */
    struct text line = {0};
    text_print(&line, "[%d/%d] %s %s %s", rows_done, progress->total, row_status_name(row->status),
               cell->variant->name, cell->id);
    if (row->status == ROW_OK) {
        text_add(&line, " ");
        text_add_seconds(&line, row->time.median_s);
        text_add(&line, ", ");
        add_eta(&line, progress->eta_s);
    } else if (row->reason) {
        text_add(&line, ": ");
        text_add_printable(&line, row->reason, false);
    }
    clear_line(progress);
    fprintf(stderr, "%s\n", text_get(&line));
    text_free(&line);
}

void progress_end(struct progress *progress)
{
    clear_line(progress);
}
