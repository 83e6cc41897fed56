#include "util/text.h"

#include "util/fold.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void reserve(struct text *text, size_t more)
{
    if (text->capacity - text->length > more)
        return;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity - text->length <= more)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        fprintf(stderr, "attnbench: out of memory: %zu bytes of text\n", capacity);
        exit(6);
    }
    text->data = data;
    text->capacity = capacity;
}

void text_add_bytes(struct text *text, const void *bytes, size_t count)
{
    reserve(text, count + 1);
    if (count)
        memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *more)
{
    text_add_bytes(text, more, strlen(more));
}

/* Into what room there is at first: measuring before would format everything twice. */
void text_print_list(struct text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    reserve(text, 64);
    const size_t room = text->capacity - text->length;
    const int length = vsnprintf(text->data + text->length, room, format, args);
    if (length < 0) {
        text->data[text->length] = '\0';
    } else if ((size_t)length >= room) {
        reserve(text, (size_t)length + 1);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    }
    text->length += length > 0 ? (size_t)length : 0;
    va_end(again);
}

void text_print(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_print_list(text, format, args);
    va_end(args);
}

void text_drain(struct text *text)
{
    enum { MUCH = 256 << 10 };
    if (!text->drain || text->length < MUCH)
        return;
    text->drain(text->context, text->data, text->length - 1);
    text->data[0] = text->data[text->length - 1];
    text->data[1] = '\0';
    text->length = 1;
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

const char *text_get(const struct text *text)
{
    return text->data ? text->data : "";
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool text_contains(const char *text, const char *part)
{
    for (; *text; ++text) {
        size_t i = 0;
        while (part[i] && lower(text[i]) == lower(part[i]))
            ++i;
        if (!part[i])
            return true;
    }
    return !*part;
}

bool text_is_identifier(const char *text)
{
    if (!*text || (*text >= '0' && *text <= '9'))
        return false;
    for (; *text; ++text)
        if (!((*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z') ||
              (*text >= '0' && *text <= '9') || *text == '_'))
            return false;
    return true;
}

enum { NAME_MAX_LETTERS = 48 };

/* Edits, with a swap of neighbours as one: "optimal string alignment". Three rows of its table are
 * kept, row i in d[i % 3]. */
static size_t distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    size_t d[3][NAME_MAX_LETTERS + 1];
    for (size_t j = 0; j <= m; ++j)
        d[0][j] = j;
    for (size_t i = 1; i <= n; ++i) {
        size_t *row = d[i % 3];
        const size_t *above = d[(i + 2) % 3], *two_above = d[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; ++j) {
            size_t best = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[n % 3][m];
}

const char *text_nearest(const char *typo, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    const size_t letters = strlen(typo);
    if (letters == 0 || letters > NAME_MAX_LETTERS)
        return NULL;
    size_t best = letters / 3 + 1;
    for (size_t i = 0; i < count; ++i) {
        if (strlen(names[i]) > NAME_MAX_LETTERS)
            continue;
        const size_t d = distance(typo, names[i]);
        if (d <= best && (!nearest || d < best)) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}

size_t text_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; ++text)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (size_t)hash;
}

void text_add_printable(struct text *text, const char *foreign, bool multiline)
{
    for (const char *s = foreign; *s;) {
        size_t plain = 0; /* ASCII, nearly always all there is */
        while (s[plain] >= 0x20 && s[plain] < 0x7f)
            ++plain;
        text_add_bytes(text, s, plain);
        s += plain;
        if (!*s)
            break;
        uint32_t code = 0;
        const int length = fold_decode(s, &code);
        const bool layout = multiline && (code == '\n' || code == '\t');
        const bool control =
            code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
        if (length && (layout || (!control && !fold_is_deceptive(code))))
            text_add_bytes(text, s, (size_t)length);
        else
            text_add(text, "?");
        s += length ? length : 1;
    }
}

void text_add_bytes_size(struct text *text, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        ++unit;
    }
    if (unit == 0)
        text_print(text, "%.0f %s", bytes, units[unit]);
    else
        text_print(text, "%.*f %s", bytes < 10 ? 2 : bytes < 100 ? 1 : 0, bytes, units[unit]);
}

void text_add_seconds(struct text *text, double seconds)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    int unit = 0;
    while (seconds < 1 && unit < 3) {
        seconds *= 1000;
        ++unit;
    }
    text_print(text, "%.*f %s", seconds < 10 ? 2 : seconds < 100 ? 1 : 0, seconds, units[unit]);
}

void text_utc(int64_t unix_seconds, char out[32])
{
    const time_t t = (time_t)unix_seconds;
    struct tm utc;
    if (!gmtime_r(&t, &utc))
        utc = (struct tm){.tm_year = 70, .tm_mday = 1};
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

bool text_to_double(const char *text, double *value)
{
    char *end = NULL;
    if (!*text || isspace((unsigned char)*text))
        return false;
    const double x = strtod(text, &end);
    if (*end || !isfinite(x))
        return false;
    *value = x;
    return true;
}

bool text_to_int64(const char *text, int64_t *value)
{
    char *end = NULL;
    if (!*text || isspace((unsigned char)*text))
        return false;
    errno = 0;
    const intmax_t x = strtoimax(text, &end, 10);
    if (*end || errno || x < INT64_MIN || x > INT64_MAX)
        return false;
    *value = (int64_t)x;
    return true;
}

bool text_to_seconds(const char *text, double *seconds)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"ms", 1e-3}, {"min", 60}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char number[64];
    double factor = 1;
    size_t length = strlen(text);
    if (length >= sizeof number)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; ++i)
        if (text_ends(text, units[i].suffix)) {
            factor = units[i].factor;
            length -= strlen(units[i].suffix);
            break;
        }
    memcpy(number, text, length);
    number[length] = '\0';
    double value = 0;
    if (!text_to_double(number, &value) || value < 0)
        return false;
    *seconds = value * factor;
    return true;
}

bool text_to_percent(const char *text, double *fraction)
{
    char number[64];
    double value = 0;
    const bool bare = !text_ends(text, "%");
    const size_t length = strlen(text) - !bare;
    if (length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!text_to_double(number, &value) || value < 0 || (bare && value > 0 && value < 1))
        return false;
    *fraction = value / 100;
    return true;
}
