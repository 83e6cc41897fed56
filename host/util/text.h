/* Text: growing buffers, suggestions for typos, human units, safe printing of foreign text. */
#ifndef ATTNBENCH_UTIL_TEXT_H
#define ATTNBENCH_UTIL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing, NUL-terminated buffer. Zero-initialised means empty; `data` may then be NULL. */
struct text {
    char *data;
    size_t length, capacity;
    void (*drain)(void *context, const char *bytes, size_t count); /* NULL: it only grows */
    void *context;
};

/* Hands on what there is of a text that has a drain, but for its last byte, when that is much: for
 * outputs that are too long to hold. Called where nobody looks back any more. */
void text_drain(struct text *text);

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const void *bytes, size_t count);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_print_list(struct text *text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void text_free(struct text *text);
/* The content, never NULL. */
const char *text_get(const struct text *text);

bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* `part` occurs in `text`, ignoring ASCII case. */
bool text_contains(const char *text, const char *part);

/* A C identifier: letters, digits and underscores, no digit first. */
bool text_is_identifier(const char *text);

/* The name nearest to `typo` (Damerau-Levenshtein, at most a third of its letters and one more
 * apart), or NULL.
 */
const char *text_nearest(const char *typo, const char *const *names, size_t count);

/* For tables in memory: FNV-1a (Fowler, Noll, Vo). */
size_t text_hash(const char *text);

/* Adds `foreign` (a device name, a build log, a file's content) with control characters, invalid
 * UTF-8, bidirectional overrides and other invisible characters replaced by '?'; newlines and tabs
 * too, unless `multiline`. */
void text_add_printable(struct text *text, const char *foreign, bool multiline);

/* "1.50 GiB", "512 B". */
void text_add_bytes_size(struct text *text, double bytes);
/* "12.3 us", "4.56 ms", "1.20 s": three digits. */
void text_add_seconds(struct text *text, double seconds);

/* "2026-01-31T12:34:56Z" for a time in seconds since 1970; `out` holds at least 21 bytes. */
void text_utc(int64_t unix_seconds, char out[32]);

/* Parses all of `text` as a number; false for anything else, for an overflow, NaN or infinity. */
bool text_to_double(const char *text, double *value);
bool text_to_int64(const char *text, int64_t *value);
/* "60", "60s", "500ms", "2m", "1h" to seconds; false if it is none of these or negative. */
bool text_to_seconds(const char *text, double *seconds);
/* "3%", "0.5%", "3" to a fraction; false if it is negative, no number, or below 1 without a sign:
 * 0.03 could be 3 %. */
bool text_to_percent(const char *text, double *fraction);

#endif
