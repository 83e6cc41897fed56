#include "report/report.h"
#include "report/words.h"
#include "util/fold.h"

#include <math.h>
#include <string.h>

/* What a spreadsheet holds in a cell, nearly; a row's samples are shorter. */
enum { VALUE_BYTES = 32000 };

/* A spreadsheet runs a text that begins like a formula, behind spaces of any kind and in full-width
 * signs, too; a number may keep its sign. */
static bool is_formula(const char *value)
{
    double number;
    const char *rest = value;
    const uint32_t first = fold_first(value, &rest);
    return first && first < 0x80 && strchr("=+-@", (int)first) && !text_to_double(rest, &number);
}

/* Most values are numbers and short names, which nothing has to be done about. */
static bool is_plain(const char *value)
{
    enum { SHORT = 64 };
    const char *c = value;
    if (*c == '-')
        return false;
    while ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || *c == '_' || *c == '.' ||
           *c == '-')
        ++c;
    return !*c && c - value < SHORT;
}

static void add_value(struct text *out, const char *value)
{
    struct text line = {0};
    if (is_plain(value)) {
        text_add(out, value);
        return;
    }
    if (is_formula(value))
        text_add(&line, "'");
    words_line(&line, value, VALUE_BYTES);
    const char *shown = text_get(&line);
    if (!strpbrk(shown, ",\"")) {
        text_add(out, shown);
    } else {
        text_add(out, "\"");
        for (const char *c = shown; *c; ++c)
            text_add_bytes(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
        text_add(out, "\"");
    }
    text_free(&line);
}

static void add_text(struct text *out, const char *value)
{
    text_add(out, ",");
    add_value(out, value ? value : "");
}

static void add_number(struct text *out, double value)
{
    text_add(out, ",");
    if (isfinite(value))
        text_print(out, "%.17g", value);
}

static void add_heading(struct text *out)
{
    for (int field = 0; field < row_field_count(); ++field)
        text_print(out, "%s%s", field ? "," : "", row_field_path(field));
    text_add(out, ",time.ci95_low_s,time.ci95_high_s,run.id,run.started_utc,run.suite,"
                  "run.tool_version,device.name,device.platform,device.driver,device.type,"
                  "device.launch_us");
    for (int i = 0; i < PEAKS; ++i)
        text_print(out, ",device.%s", peak_name((enum peak)i));
    text_add(out, "\r\n");
}

/* The same for each row of a run and device. */
static void add_origin(const struct results *results, const char *device_id, struct text *out)
{
    const struct run_header *run = &results->run;
    const struct device_info unknown = {.launch_us = 0}, *device = &unknown;
    for (int i = 0; i < results->device_count; ++i)
        if (strcmp(results->devices[i].id, device_id) == 0)
            device = results->devices + i;
    const char *const texts[] = {run->id,      run->started_utc, run->suite_name, run->tool_version,
                                 device->name, device->platform, device->driver,  device->type};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
        add_text(out, texts[i]);
    add_number(out, device->launch_us > 0 ? device->launch_us : NAN);
    for (int i = 0; i < PEAKS; ++i)
        add_number(out, peaks_get(&device->peaks, (enum peak)i));
}

/* What rows share; `value` is used again and again. */
struct writer {
    const struct results *results;
    const char *device; /* whose origin is known; NULL: none's */
    struct text origin, value;
};

static void add_row(struct writer *writer, const struct row *row, struct text *out)
{
    for (int field = 0; field < row_field_count(); ++field) {
        writer->value.length = 0;
        text_add(&writer->value, "");
        row_field_text(row, field, &writer->value);
        text_add(out, field ? "," : "");
        add_value(out, text_get(&writer->value));
    }
    add_number(out, row->time.ci95_s[0]);
    add_number(out, row->time.ci95_s[1]);
    if (!writer->device || strcmp(writer->device, row->device) != 0) {
        writer->device = row->device;
        writer->origin.length = 0;
        text_add(&writer->origin, "");
        add_origin(writer->results, row->device, &writer->origin);
    }
    text_add(out, text_get(&writer->origin));
    text_add(out, "\r\n");
    text_drain(out);
}

void report_csv(const struct results *results, int count, struct text *out)
{
    add_heading(out);
    for (int i = 0; i < count; ++i) {
        struct writer writer = {.results = results + i};
        for (int r = 0; r < results[i].row_count; ++r)
            add_row(&writer, results[i].rows + r, out);
        text_free(&writer.origin);
        text_free(&writer.value);
    }
}
