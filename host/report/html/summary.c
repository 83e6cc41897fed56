#include "report/grid.h"
#include "report/html/html.h"
#include "report/pairs.h"
#include "report/ranking.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { NAME_BYTES = 120 };

/* ---- verdict --------------------------------------------------------------------------------- */

/* The variant's ok row with the highest rate, or NULL. */
static const struct row *find_peak_row(const struct html_source *source, const char *variant)
{
    const struct row *best = NULL;
    for (int i = 0; i < source->results->row_count; ++i) {
        const struct row *row = source->results->rows + i;
        if (row->status == ROW_OK && isfinite(row->rates.gflop_s) &&
            strcmp(row->device, source->device->id) == 0 && strcmp(row->variant, variant) == 0 &&
            (!best || row->rates.gflop_s > best->rates.gflop_s))
            best = row;
    }
    return best;
}

static void add_rate(struct text *out, double gflop_s)
{
    words_rate(out, gflop_s >= 10000 ? gflop_s / 1000 : gflop_s);
    text_add(out, gflop_s >= 10000 ? " TFLOP/s" : " GFLOP/s");
}

/* "84 %"; nothing when unknown. */
static void add_percent(struct text *out, double fraction)
{
    if (isfinite(fraction))
        text_print(out, "%.*f %%", 100 * fraction < 9.95 ? 1 : 0, fmin(100 * fraction, 9999));
}

static void add_figure(struct text *out, const char *class, const char *value, const char *what)
{
    text_print(out, "<div%s><dd>%s</dd><dt>%s</dt></div>\n", class, value, what);
}

/* The numbers behind the sentence, large. */
static void add_figures(const struct html_source *source, const struct row *best, struct text *out)
{
    const struct checked checked = words_count_checked(source->results, source->device->id);
    struct text value = {0}, what = {0};
    text_add(out, "<dl class=\"figures\">\n");
    if (best) {
        add_rate(&value, best->rates.gflop_s);
        text_add(&what, "its highest rate, at ");
        html_problem(&what, &best->problem);
        add_figure(out, "", text_get(&value), text_get(&what));
        text_free(&value);
        text_free(&what);
    }
    if (best && isfinite(best->rates.frac_of_roofline)) {
        add_percent(&value, best->rates.frac_of_roofline);
        text_add(&what, "of the measured roofline there");
        if (best->rates.roof) {
            text_add(&what, "; what binds is ");
            words_xml(&what, best->rates.roof, NAME_BYTES);
        }
        add_figure(out, "", text_get(&value), text_get(&what));
        text_free(&value);
        text_free(&what);
    }
    text_print(&value, "%d of %d", checked.right, checked.right + checked.wrong);
    text_add(&what, "checked cells are right");
    if (checked.unchecked)
        text_print(&what, "; %d timed without a check", checked.unchecked);
    add_figure(out, checked.wrong ? " class=\"bad\"" : "", text_get(&value), text_get(&what));
    text_free(&value);
    text_free(&what);
    text_add(out, "</dl>\n");
}

static void add_correctness(const struct html_source *source, struct text *out)
{
    const struct results *results = source->results;
    const struct checked checked = words_count_checked(results, source->device->id);
    if (checked.wrong)
        text_print(out,
                   " <strong class=\"bad\">%d of %d checked cells %s wrong</strong> and not "
                   "ranked; <a href=\"#failures\">see which</a>.",
                   checked.wrong, checked.right + checked.wrong, checked.wrong == 1 ? "is" : "are");
    else if (checked.right)
        text_print(out, " All %d checked cells are right%s.", checked.right,
                   results->device_count > 1 ? " on it" : "");
    else
        text_add(out, " Nothing was checked.");
    if (!results->run.finished_utc || results->row_count < results->run.planned_cells)
        text_print(out, " <strong>Not finished: %d of %lld planned cells.</strong>",
                   results->row_count, (long long)results->run.planned_cells);
}

/* Where each variant wins, if it is not one everywhere. */
static void add_regions(const struct ranking *ranking, struct text *out)
{
    if (!ranking_has_regions(ranking))
        return;
    text_add(out,
             "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"where each variant "
             "is the fastest\"><table>\n<thead><tr>");
    static const char *const titles[] = {"fastest", "problems", "times the next", "phase", "n",
                                         "heads",   "d_k",      "dtype",          "mask"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; ++i)
        text_print(out, "<th scope=\"col\">%s</th>", titles[i]);
    text_add(out, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < ranking->region_count; ++i) {
        const struct region *region = ranking->regions + i;
        text_add(out, "<tr><th scope=\"row\">");
        words_xml(out, region->variant, NAME_BYTES);
        text_print(out, "</th><td>%d</td><td>", region->problems);
        if (isfinite(region->lead))
            text_print(out, "%.2f", region->lead);
        const char *const cells[] = {region->decode ? "decode" : "prefill",
                                     region->n,
                                     region->heads,
                                     region->d_k,
                                     region->dtype,
                                     region->mask};
        text_add(out, "</td>");
        for (size_t k = 0; k < sizeof cells / sizeof *cells; ++k) {
            text_add(out, "<td>");
            words_xml(out, cells[k], NAME_BYTES);
            text_add(out, "</td>");
        }
        text_add(out, "</tr>\n");
    }
    text_add(out, "</tbody></table></div>\n");
}

static void add_ranking_remarks(const struct ranking *ranking, const struct grid *grid,
                                struct arena *arena, struct text *out)
{
    const struct text_list remarks = ranking_remarks(ranking, grid, arena);
    text_add(out, remarks.count ? "<ul>\n" : "");
    for (int i = 0; i < remarks.count; ++i) {
        text_add(out, "<li>");
        words_xml(out, remarks.values[i], SIZE_MAX);
        text_add(out, ".</li>\n");
    }
    text_add(out, remarks.count ? "</ul>\n" : "");
}

static void add_source_verdict(const struct html_page *page, const struct html_source *source,
                               struct text *out)
{
    struct arena arena = {0};
    struct ranking ranking;
    struct text line = {0};
    const struct grid grid = grid_build(source->results, source->device->id, NULL, &arena);
    ranking_build(&ranking, &grid, &arena);
    ranking_headline(&ranking, source->device->name, &line);
    const char *headline = text_get(&line);
    if (page->source_count > 1) {
        text_add(out, "<h2>");
        words_xml(out, source->label, SIZE_MAX);
        text_add(out, "</h2>\n");
    }
    text_add(out, "<p class=\"verdict\">");
    if (ranking.winner) { /* it begins with the name */
        text_add(out, "<strong>");
        words_xml(out, ranking.winner, NAME_BYTES);
        text_add(out, "</strong>");
        headline += strlen(ranking.winner);
    }
    words_xml(out, headline, SIZE_MAX);
    text_add(out, ".");
    add_correctness(source, out);
    text_add(out, "</p>\n");
    add_figures(source, ranking.winner ? find_peak_row(source, ranking.winner) : NULL, out);
    add_ranking_remarks(&ranking, &grid, &arena, out);
    add_regions(&ranking, out);
    text_free(&line);
    arena_free(&arena);
}

static void add_remarks(const struct results *results, struct text *out)
{
    void (*const words[])(struct text *, const struct results *) = {words_rounding, words_drift,
                                                                    words_modes, words_exceeded};
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i) {
        struct text remark = {0};
        words[i](&remark, results);
        if (remark.length) {
            text_add(out, "<p class=\"remark\">");
            words_xml(out, text_get(&remark), SIZE_MAX);
            text_add(out, ".</p>\n");
        }
        text_free(&remark);
    }
}

/* How much one device is of the other, which kernel is for which, and what is missing. */
static void add_pairs(const struct html_page *page, struct text *out)
{
    struct pair_side *sides = arena_array(page->arena, (size_t)page->source_count, sizeof *sides);
    for (int i = 0; i < page->source_count; ++i)
        sides[i] = (struct pair_side){page->sources[i].label, page->sources[i].results,
                                      page->sources[i].device->id};
    const struct text_list sentences = pairs_sentences(sides, page->source_count, page->arena);
    text_add(out, "<ul class=\"pairs\">\n");
    for (int i = 0; i < sentences.count; ++i) {
        text_add(out, "<li>");
        words_xml(out, sentences.values[i], SIZE_MAX);
        text_add(out, ".</li>\n");
    }
    text_add(out, "</ul>\n");
}

void html_add_verdict(const struct html_page *page, struct text *out)
{
    if (page->source_count > 1)
        add_pairs(page, out);
    for (int i = 0; i < page->source_count; ++i) {
        add_source_verdict(page, page->sources + i, out);
        if (i + 1 == page->source_count || page->sources[i + 1].results != page->sources[i].results)
            add_remarks(page->sources[i].results, out);
    }
    if (!page->source_count)
        text_add(out, "<p class=\"verdict\">No device, no rows: there is nothing to show.</p>\n");
}

/* ---- devices --------------------------------------------------------------------------------- */

static void add_name(const struct html_source *source, struct text *out)
{
    words_xml(out, source->device->name, NAME_BYTES);
}

static void add_identity(const struct html_source *source, struct text *out)
{
    words_xml(out, source->device->id, NAME_BYTES);
    text_add(out, ", ");
    words_xml(out, source->device->type ? source->device->type : "", NAME_BYTES);
    text_add(out, ", ");
    words_xml(out, source->device->vendor ? source->device->vendor : "", NAME_BYTES);
}

static void add_driver(const struct html_source *source, struct text *out)
{
    const struct device_info *device = source->device;
    const char *const texts[] = {device->platform, device->driver, device->opencl_c};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
        text_add(out, i ? ", " : "");
        words_xml(out, texts[i] ? texts[i] : "", NAME_BYTES);
    }
}

static void add_units(const struct html_source *source, struct text *out)
{
    text_print(out, "%lld compute units at %lld MHz", (long long)source->device->compute_units,
               (long long)source->device->clock_mhz);
}

static void add_memory(const struct html_source *source, struct text *out)
{
    text_add_bytes_size(out, (double)source->device->global_bytes);
    text_add(out, ", ");
    text_add_bytes_size(out, (double)source->device->local_bytes);
    text_add(out, " local");
}

static void add_host(const struct html_source *source, struct text *out)
{
    const struct run_header *run = &source->results->run;
    words_xml(out, run->host_cpu ? run->host_cpu : "", NAME_BYTES);
    text_print(out, ", %lld threads, ", (long long)run->host_cpus);
    words_xml(out, run->host_os ? run->host_os : "", NAME_BYTES);
}

static void add_run(const struct html_source *source, struct text *out)
{
    const struct run_header *run = &source->results->run;
    words_xml(out, run->suite_name, NAME_BYTES);
    text_add(out, ", ");
    words_xml(out, run->started_utc, NAME_BYTES);
    text_add(out, ", attnbench ");
    words_xml(out, run->tool_version, NAME_BYTES);
    if (run->git_commit) {
        text_add(out, " (");
        words_xml(out, run->git_commit, NAME_BYTES);
        text_add(out, ")");
    }
}

static const struct {
    const char *title;
    void (*add)(const struct html_source *source, struct text *out);
} properties[] = {{"Device", add_name}, {"Identity", add_identity}, {"Driver", add_driver},
                  {"Units", add_units}, {"Memory", add_memory},     {"Host", add_host},
                  {"Run", add_run}};

static void add_peak(const struct html_source *source, enum peak peak, struct text *out)
{
    const struct peak_rate *rate = source->device->peaks.rates + peak;
    const double value = peaks_get(&source->device->peaks, peak);
    if (isfinite(value))
        text_print(out, "<b>%.*f %s</b> ", value < 100 ? 1 : 0, value, peak_unit(peak));
    else
        text_add(out, "not measured ");
    text_add(out, "<small>");
    words_xml(out, rate->how ? rate->how : "", NAME_BYTES);
    text_add(out, "</small>");
}

/* Property `p`, with the peaks and the launch latency behind the others; its title too. */
static void add_property(const struct html_source *source, int p, struct text *title,
                         struct text *value)
{
    enum { PROPERTIES = sizeof properties / sizeof *properties };
    if (p < PROPERTIES) {
        text_add(title, properties[p].title);
        properties[p].add(source, value);
    } else if (p < PROPERTIES + PEAKS) {
        text_print(title, "Peak, %s", peak_title((enum peak)(p - PROPERTIES)));
        add_peak(source, (enum peak)(p - PROPERTIES), value);
    } else {
        text_add(title, "Empty launch");
        if (source->device->launch_us > 0)
            html_seconds(value, source->device->launch_us * 1e-6);
        else
            text_add(value, "not measured");
    }
}
enum { CARD_LINES = sizeof properties / sizeof *properties + PEAKS + 1 };

static void add_card(const struct html_source *source, struct text *out)
{
    text_add(out, "<dl class=\"card\">\n");
    for (int p = 0; p < CARD_LINES; ++p) {
        struct text title = {0}, value = {0};
        add_property(source, p, &title, &value);
        text_print(out, "<div><dt>%s</dt><dd>%s</dd></div>\n", text_get(&title), text_get(&value));
        text_free(&title);
        text_free(&value);
    }
    text_add(out, "</dl>\n");
}

/* Several devices stand side by side. */
static void add_cards(const struct html_page *page, struct text *out)
{
    text_add(out, "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"devices and "
                  "measured peaks\"><table class=\"card\">\n<thead><tr><td></td>");
    for (int i = 0; i < page->source_count; ++i) {
        text_add(out, "<th scope=\"col\">");
        words_xml(out, page->sources[i].label, SIZE_MAX);
        text_add(out, "</th>");
    }
    text_add(out, "</tr></thead>\n<tbody>\n");
    for (int p = 0; p < CARD_LINES; ++p) {
        for (int i = 0; i < page->source_count; ++i) {
            struct text title = {0}, value = {0};
            add_property(page->sources + i, p, &title, &value);
            if (!i)
                text_print(out, "<tr><th scope=\"row\">%s</th>", text_get(&title));
            text_print(out, "<td>%s</td>", text_get(&value));
            text_free(&title);
            text_free(&value);
        }
        text_add(out, "</tr>\n");
    }
    text_add(out, "</tbody></table></div>\n");
}

void html_add_devices(const struct html_page *page, struct text *out)
{
    if (page->source_count == 1)
        add_card(page->sources, out);
    else if (page->source_count)
        add_cards(page, out);
    else
        text_add(out, "<p>No device.</p>\n");
    text_add(out,
             "<p>One is missing, slow or wrong? <code>attnbench doctor</code> says why.</p>\n");
}
