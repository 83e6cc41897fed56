#include "report/html/json.h"

#include "report/words.h"
#include "util/json.h"

#include <math.h>
#include <string.h>

enum { NAME_BYTES = 400 };

void html_json_next(struct text *out)
{
    if (out->length && !strchr("{[:", out->data[out->length - 1]))
        text_add(out, ",");
}

void html_json_key(struct text *out, const char *key)
{
    html_json_next(out);
    text_add(out, "\"");
    text_add(out, key);
    text_add(out, "\":");
}

void html_json_string(struct text *out, const char *foreign)
{
    struct text line = {0}, quoted = {0};
    words_line(&line, foreign, NAME_BYTES);
    json_add_string_text(&quoted, text_get(&line));
    for (const char *c = text_get(&quoted); *c;) {
        const size_t plain = strcspn(c, "<>&'");
        text_add_bytes(out, c, plain);
        c += plain;
        if (*c)
            text_print(out, "\\u%04x", (unsigned)*c++);
    }
    text_free(&line);
    text_free(&quoted);
}

void html_json_text(struct text *out, const char *key, const char *foreign)
{
    if (!foreign)
        return;
    html_json_key(out, key);
    html_json_string(out, foreign);
}

void html_json_number(struct text *out, const char *key, double value, int digits)
{
    if (!isfinite(value))
        return;
    html_json_key(out, key);
    text_print(out, "%.*g", digits, value);
}

void html_json_numbers(struct text *out, const char *key, const double *values, int count,
                       int digits)
{
    html_json_key(out, key);
    text_add(out, "[");
    for (int i = 0; i < count; ++i) {
        html_json_next(out);
        if (isfinite(values[i]))
            text_print(out, "%.*g", digits, values[i]);
        else
            text_add(out, "null");
    }
    text_add(out, "]");
}
