#include "report/report.h"
#include "report/words.h"

#include <stdint.h>
#include <string.h>

/* A spreadsheet runs a text that begins like a formula; a number may keep its sign. */
static bool is_formula(const char *value)
{
    double number;
    value += strspn(value, " \t\r\n");
    return *value && strchr("=+-@", *value) && !text_to_double(value, &number);
}

static void add_value(struct text *out, const char *value)
{
    struct text line = {0};
    if (is_formula(value))
        text_add(&line, "'");
    words_line(&line, value, SIZE_MAX);
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

void report_csv(const struct results *results, struct text *out)
{
    const int fields = row_field_count();
    for (int field = 0; field < fields; ++field)
        text_print(out, "%s%s", field ? "," : "", row_field_path(field));
    text_add(out, "\r\n");
    for (int i = 0; i < results->row_count; ++i) {
        for (int field = 0; field < fields; ++field) {
            struct text value = {0};
            row_field_text(results->rows + i, field, &value);
            text_add(out, field ? "," : "");
            add_value(out, text_get(&value));
            text_free(&value);
        }
        text_add(out, "\r\n");
    }
}
