#include "report/html/html.h"

#include "report/page/page.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LABEL_BYTES = 80, DATE = 10, MINUTE = 16 }; /* of "2026-01-31T12:00:00Z" */

/* ---- sources --------------------------------------------------------------------------------- */

static bool suites_differ(const struct html_page *page)
{
    for (int i = 1; i < page->count; ++i)
        if (strcmp(page->results[i].run.suite_name, page->results[0].run.suite_name) != 0)
            return true;
    return false;
}

/* Two runs of one device (and suite) on one day are told apart by the time of the day. */
static bool needs_time(const struct html_page *page, const struct html_source *source, bool suites)
{
    const struct run_header *run = &source->results->run;
    for (int i = 0; i < page->source_count; ++i) {
        const struct html_source *other = page->sources + i;
        if (other->results != source->results &&
            strcmp(other->device->id, source->device->id) == 0 &&
            (!suites || strcmp(other->results->run.suite_name, run->suite_name) == 0) &&
            strncmp(other->results->run.started_utc, run->started_utc, DATE) == 0)
            return true;
    }
    return false;
}

static void add_labels(struct html_page *page)
{
    const bool suites = suites_differ(page);
    for (int i = 0; i < page->source_count; ++i) {
        struct html_source *source = page->sources + i;
        const struct run_header *run = &source->results->run;
        struct text label = {0}, date = {0};
        words_line(&label, source->device->id, LABEL_BYTES);
        if (suites) {
            text_add(&label, " ");
            words_line(&label, run->suite_name, LABEL_BYTES);
        }
        words_line(&date, run->started_utc, needs_time(page, source, suites) ? MINUTE : DATE);
        date.length -= text_ends(text_get(&date), "...") ? 3 : 0;
        text_print(&label, " %.*s", (int)date.length, text_get(&date));
        int same = 1; /* two of one minute */
        for (int k = 0; k < i; ++k)
            same += text_starts(page->sources[k].label, text_get(&label));
        if (same > 1)
            text_print(&label, " #%d", same);
        source->label = arena_copy(page->arena, text_get(&label));
        text_free(&label);
        text_free(&date);
    }
}

static void add_sources(struct html_page *page)
{
    int count = 0;
    for (int i = 0; i < page->count; ++i)
        count += page->results[i].device_count;
    page->sources = arena_array(page->arena, (size_t)count + 1, sizeof *page->sources);
    for (int i = 0; i < page->count; ++i)
        for (int d = 0; d < page->results[i].device_count; ++d)
            page->sources[page->source_count++] =
                (struct html_source){page->results + i, page->results[i].devices + d, ""};
    add_labels(page);
}

/* ---- the page -------------------------------------------------------------------------------- */

/* Our script is one element, in files by topic. */
static void add_script(const struct html_page *page, struct text *out)
{
    static const char *const files[] = {"words.js", "series.js", "draw.js",   "lengths.js",
                                        "cells.js", "strips.js", "claims.js", "report.js"};
    (void)page;
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i)
        text_add(out, page_file(files[i]));
}

static void add_policy(const struct html_page *page, struct text *out)
{
    struct text script = {0};
    add_script(page, &script);
    text_add(out, "default-src 'none'; style-src");
    text_add(out, " ");
    page_add_hash(out, page_file("report.css"));
    text_add(out, "; script-src");
    text_add(out, " ");
    page_add_hash(out, page_file("chart.js"));
    text_add(out, " ");
    page_add_hash(out, text_get(&script));
    text_add(out, "; base-uri 'none'; form-action 'none'");
    text_free(&script);
}

static void add_style(const struct html_page *page, struct text *out)
{
    (void)page;
    text_add(out, page_file("report.css"));
}

static void add_chart(const struct html_page *page, struct text *out)
{
    (void)page;
    text_add(out, page_file("chart.js"));
}

static void add_title(const struct html_page *page, struct text *out)
{
    const char **names = arena_array(page->arena, (size_t)page->count + 1, sizeof *names);
    int count = 0; /* each suite once, however many runs of it there are */
    for (int i = 0; i < page->count; ++i) {
        int known = 0;
        while (known < count && strcmp(names[known], page->results[i].run.suite_name) != 0)
            ++known;
        names[known] = page->results[i].run.suite_name;
        count += known == count;
    }
    for (int i = 0; i < count; ++i) {
        text_add(out, !i ? "" : i + 1 < count ? ", " : " and ");
        words_xml(out, names[i], LABEL_BYTES);
        if (i == 3 && count > 5) {
            text_print(out, " and %d others", count - 4);
            return;
        }
    }
}

/* What stands in place of the charts until the script has drawn them. */
static void add_no_charts(const struct html_page *page, struct text *out)
{
    (void)page;
    text_add(out, *page_file("chart.js")
                      ? "Charts are drawn where scripts run; all numbers are in the tables below."
                      : "No charts: this attnbench was built without Chart.js (Debian: "
                        "libjs-chart.js, npm: chart.js). All numbers are in the tables below.");
}

static void add_footer(const struct html_page *page, struct text *out)
{
    for (int i = 0; i < page->count; ++i) {
        struct text words = {0};
        text_add(out, "<p>");
        words_summary(&words, page->results + i);
        text_add(&words, ". ");
        words_time(&words, page->results + i);
        words_xml(out, text_get(&words), SIZE_MAX);
        text_add(out, "</p>\n");
        text_free(&words);
    }
}

/* What the template's {{name}} stand for. */
static const struct {
    const char *name;
    void (*add)(const struct html_page *page, struct text *out);
} slots[] = {
    {"policy", add_policy},        {"title", add_title},          {"style", add_style},
    {"verdict", html_add_verdict}, {"devices", html_add_devices}, {"claims", html_add_claims},
    {"no_charts", add_no_charts},  {"sweeps", html_add_sweeps},   {"failures", html_add_failures},
    {"rows", html_add_rows},       {"footer", add_footer},        {"data", html_add_data},
    {"chart", add_chart},          {"script", add_script}};

void report_html(const struct results *results, int count, struct text *out)
{
    struct arena arena = {0};
    struct html_page page = {.results = results, .count = count, .arena = &arena};
    add_sources(&page);
    const char *at = page_file("template.html");
    for (const char *slot = strstr(at, "{{"); slot; slot = strstr(at, "{{")) {
        const size_t length = strcspn(slot + 2, "}");
        text_add_bytes(out, at, (size_t)(slot - at));
        for (size_t i = 0; i < sizeof slots / sizeof *slots; ++i)
            if (strlen(slots[i].name) == length && strncmp(slots[i].name, slot + 2, length) == 0)
                slots[i].add(&page, out);
        at = slot + 2 + length + 2;
    }
    text_add(out, at);
    arena_free(&arena);
}
