#include "report/words.h"

#include "measure/compare.h"
#include "measure/roofline.h"
#include "report/report.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

void words_line(struct text *out, const char *foreign, size_t max_bytes)
{
    struct text clean = {0};
    text_add_printable(&clean, foreign, true);
    for (size_t i = 0; i < clean.length; ++i)
        if (clean.data[i] == '\n' || clean.data[i] == '\t')
            clean.data[i] = ' ';
    size_t length = clean.length;
    if (length > max_bytes)
        for (length = max_bytes; length && ((unsigned char)clean.data[length] & 0xc0) == 0x80;)
            --length; /* not in the middle of a character */
    text_add_bytes(out, text_get(&clean), length);
    if (length < clean.length)
        text_add(out, "...");
    text_free(&clean);
}

void words_name(struct text *out, const struct results *results, const struct row *row)
{
    enum { NAME_BYTES = 1000, HASH_BYTES = 24 };
    struct text whole = {0}, line = {0};
    text_print(&whole, "%s/%s", row->cell, row->variant);
    if (results->device_count > 1)
        text_print(&whole, "/%s", row->device);
    words_line(&line, text_get(&whole), SIZE_MAX);
    if (line.length <= NAME_BYTES) {
        text_add(out, text_get(&line));
    } else {
        words_line(out, text_get(&line), NAME_BYTES - HASH_BYTES);
        text_print(out, "#%016zx", text_hash(text_get(&line)));
    }
    text_free(&whole);
    text_free(&line);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool ends_with(const struct text *text, const char *end)
{
    const size_t length = strlen(end);
    if (text->length < length)
        return false;
    for (size_t i = 0; i < length; ++i)
        if (tolower((unsigned char)text->data[text->length - length + i]) != end[i])
            return false;
    return true;
}

/* Is the character at `at` the one that makes a link of what is around it? before: the text so far.
 * "://", "mailto:", "www.", a mail address, "@name", "#1", "GH-1". */
static bool makes_link(const struct text *before, const char *at)
{
    const bool in_word = before->length && is_word(before->data[before->length - 1]);
    const bool digit_next = isdigit((unsigned char)at[1]) != 0;
    const char *name = at + 1;
    switch (*at) {
    case ':':
        return (at[1] == '/' && at[2] == '/') || ends_with(before, "mailto") ||
               ends_with(before, "xmpp");
    case '.':
        return ends_with(before, "www");
    case '@': /* of a device on a node (gpu-0@node07) nothing is made */
        name += strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
        return is_word(at[1]) && (!in_word || (*name == '.' && is_word(name[1])) || *name == '/');
    case '#':
        return digit_next;
    case '-':
        return digit_next && ends_with(before, "gh");
    default:
        return false;
    }
}

void words_unlink(struct text *out, const char *foreign, size_t max_bytes)
{
    struct text line = {0}, whole = {0};
    words_line(&line, foreign, max_bytes);
    for (const char *c = text_get(&line); *c; ++c) {
        if (makes_link(&whole, c))
            text_print(&whole, "[%c]", *c);
        else
            text_add_bytes(&whole, c, 1);
    }
    text_add(out, text_get(&whole));
    text_free(&line);
    text_free(&whole);
}

void words_markdown(struct text *out, const char *foreign, size_t max_bytes)
{
    struct text line = {0};
    words_unlink(&line, foreign, max_bytes);
    for (const char *c = text_get(&line); *c; ++c) {
        if (*c == '&')
            text_add(out, "&amp;");
        else if (*c == '<')
            text_add(out, "&lt;");
        else if (*c == '>')
            text_add(out, "&gt;");
        else
            text_print(out, "%s%c", strchr("\\`*_{}[]|~$#!", *c) ? "\\" : "", *c);
    }
    text_free(&line);
}

void words_xml(struct text *out, const char *foreign, size_t max_bytes)
{
    struct text line = {0};
    words_line(&line, foreign, max_bytes);
    for (const char *c = text_get(&line); *c; ++c) {
        if (*c == '&')
            text_add(out, "&amp;");
        else if (*c == '<')
            text_add(out, "&lt;");
        else if (*c == '>')
            text_add(out, "&gt;");
        else if (*c == '"')
            text_add(out, "&quot;");
        else if (*c == '\'')
            text_add(out, "&#39;");
        else if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0) {
            text_add(out, "?"); /* U+FFFE and U+FFFF; controls are gone already */
            c += 2;
        } else
            text_add_bytes(out, c, 1);
    }
    text_free(&line);
}

/* Past a number: digits with points, signs of an exponent, units that follow the size ("1.2 MiB"
 * and "12 KiB" are numbers of bytes) are left in: they say what kind of thing it is. */
static const char *skip_number(const char *at)
{
    while (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])) ||
           ((*at == 'e' || *at == 'E') &&
            (isdigit((unsigned char)at[1]) ||
             ((at[1] == '+' || at[1] == '-') && isdigit((unsigned char)at[2])))))
        at += *at == 'e' || *at == 'E' ? 2 : 1;
    return at;
}

int words_compare(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a = skip_number(a);
            b = skip_number(b);
        } else if (*a != *b) {
            break;
        } else {
            ++a;
            ++b;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

bool words_alike(const char *a, const char *b)
{
    return words_compare(a, b) == 0;
}

void words_summary(struct text *out, const struct results *results)
{
    long long cells = 0;
    for (int i = 0; i < ROW_STATUSES; ++i)
        cells += results->counts[i];
    text_print(out, "%lld cell%s", cells, cells == 1 ? "" : "s");
    const char *before = ": ";
    for (int i = 0; i < ROW_STATUSES; ++i)
        if (results->counts[i]) {
            text_print(out, "%s%lld %s", before, (long long)results->counts[i],
                       row_status_name((enum row_status)i));
            before = ", ";
        }
}

struct checked words_count_checked(const struct results *results, const char *device)
{
    struct checked checked = {0, 0, 0};
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        const bool compared = row->check.rows_checked > 0;
        if (device && strcmp(device, row->device) != 0)
            continue;
        checked.right += row->status == ROW_OK && compared;
        checked.unchecked += row->status == ROW_OK && !compared;
        checked.wrong += row->status == ROW_WRONG;
    }
    return checked;
}

void words_time(struct text *out, const struct results *results)
{
    const double *time_s = results->run.time_s;
    double total_s = 0;
    for (int i = 0; i < ACTIVITIES; ++i)
        total_s += time_s[i];
    if (!(total_s > 0)) /* NaN too */
        return;
    for (int i = 0; i < ACTIVITIES; ++i)
        text_print(out, "%s %s %.0f %%", i ? "," : "time:", activity_name((enum activity)i),
                   100 * time_s[i] / total_s);
    text_add(out, " of ");
    text_add_seconds(out, total_s);
}

static bool has_drifted(const struct row *row)
{
    const struct number_list *samples = &row->time.samples_s;
    const int third = samples->count / 3;
    struct comparison comparison;
    if (!(row->time.drift > 0) || third > SAMPLES_COMPARED_MAX)
        return false;
    for (int i = 0; i < samples->count; ++i)
        if (!(isfinite(samples->values[i]) && samples->values[i] > 0))
            return false;
    compare_samples(samples->values, third, samples->values + samples->count - third, third, 0.05,
                    &comparison);
    return comparison.verdict == COMPARISON_FASTER || comparison.verdict == COMPARISON_SLOWER;
}

void words_rounding(struct text *out, const struct results *results)
{
    const struct row *first = NULL;
    int count = 0;
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        if (row->status != ROW_OK || !row->check.rounding ||
            strcmp(row->check.rounding, "nearest") == 0)
            continue;
        ++count;
        first = first ? first : row;
    }
    if (!first)
        return;
    text_print(out, "%d cell%s not round outputs to nearest, first: ", count,
               count == 1 ? " does" : "s do");
    words_line(out, first->variant, 100);
    text_add(out, " ");
    words_line(out, first->cell, 200);
    text_add(out, ", which rounds ");
    for (const char *c = first->check.rounding; *c; ++c)
        text_add_bytes(out, *c == '_' ? " " : c, 1);
}

void words_drift(struct text *out, const struct results *results)
{
    const struct row *worst = NULL;
    int count = 0;
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        if (!has_drifted(row))
            continue;
        ++count;
        if (!worst || fabs(log(row->time.drift)) > fabs(log(worst->time.drift)))
            worst = row;
    }
    if (!worst)
        return;
    text_print(out, "%d cell%s drifted while measured, most: ", count, count == 1 ? "" : "s");
    words_line(out, worst->variant, 100);
    text_add(out, " ");
    words_line(out, worst->cell, 200);
    text_print(out, ", whose last samples took %.2f times as long as its first", worst->time.drift);
}

static void add_modes(struct text *out, const struct row *row)
{
    words_line(out, row->variant, 100);
    text_add(out, " ");
    words_line(out, row->cell, 200);
    text_add(out, ", ");
    words_fraction(out, row->time.mode_share);
    text_add(out, " of its samples near ");
    text_add_seconds(out, row->time.mode_slow_s);
    text_add(out, " and the others near ");
    text_add_seconds(out, row->time.mode_fast_s);
}

void words_modes(struct text *out, const struct results *results)
{
    enum { SHOWN = 4 };
    struct text cells = {0};
    int count = 0;
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        if (row->status != ROW_OK || !isfinite(row->time.mode_share) || ++count > SHOWN)
            continue;
        text_add(&cells, count > 1 ? "; " : "");
        add_modes(&cells, row);
    }
    if (count)
        text_print(out, "%d cell%s two groups of times: %s", count,
                   count == 1 ? " falls into" : "s fall into", text_get(&cells));
    if (count > SHOWN)
        text_print(out, "; and %d more", count - SHOWN);
    text_free(&cells);
}

void words_rate(struct text *out, double gflop_s)
{
    if (isfinite(gflop_s) && (gflop_s < 0.01 || gflop_s >= 1e6))
        text_print(out, "%.1e", gflop_s);
    else if (isfinite(gflop_s))
        text_print(out, "%.*f", gflop_s < 10 ? 2 : gflop_s < 100 ? 1 : 0, gflop_s);
}

void words_fraction(struct text *out, double fraction)
{
    if (isfinite(fraction))
        text_print(out, "%.*f%%", 100 * fraction < 9.95 ? 1 : 0, fmin(100 * fraction, 9999));
}

void words_exceeded(struct text *out, const struct results *results)
{
    int rows = 0;
    for (int i = 0; i < results->row_count; ++i)
        rows += results->rows[i].status == ROW_OK &&
                results->rows[i].rates.frac_of_roofline > ROOFLINE_EXCEEDED;
    if (rows)
        text_print(
            out,
            "%d row%s faster than the measured roofs allow: a peak is stale (--peaks fresh), "
            "or caches were hot, or matrix units did the work",
            rows, rows == 1 ? " is" : "s are");
}

/* An exponent whose interval is wider tells linear from quadratic no more. */
static const double wide_exponent = 0.5;

void report_fit_words(const struct scaling_fit *fit, struct text *out)
{
    words_line(out, fit->variant, 100);
    const int points = fit->n.count - fit->fitted_from;
    if (fit->exponent_ci95 > wide_exponent) {
        text_print(out, ": exponent undetermined, n^%.2f +- %.2f (r2 %.4f)", fit->exponent,
                   fit->exponent_ci95, fit->r2);
    } else if (isfinite(fit->exponent)) {
        text_print(out, ": time grows as n^%.2f", fit->exponent);
        if (isfinite(fit->exponent_ci95))
            text_print(out, " +- %.2f", fit->exponent_ci95);
        text_print(out, " (r2 %.4f)", fit->r2);
    } else {
        text_print(out, ": no exponent, a fit needs 3 points and there %s %d",
                   points == 1 ? "is" : "are", points);
        if (fit->fitted_from)
            text_add(out, " beyond the cost of launching");
    }
    if (isfinite(fit->ps_per_pair))
        text_print(out, ", %.3g ps per query-key pair", fit->ps_per_pair);
    if (isfinite(fit->memory_exponent))
        text_print(out, "; memory n^%.2f", fit->memory_exponent);
}

void words_fit(struct text *out, const struct results *results, const struct scaling_fit *fit)
{
    report_fit_words(fit, out);
    for (int i = 0; i < results->scaling_count; ++i) {
        const struct scaling_fit *other = results->scaling + i;
        if (other == fit || strcmp(other->device, fit->device) != 0 ||
            strcmp(other->variant, fit->variant) != 0 || strcmp(other->sweep, fit->sweep) != 0)
            continue;
        text_add(out, " [");
        words_line(out, fit->fixed, 200);
        text_add(out, "]");
        return;
    }
}
