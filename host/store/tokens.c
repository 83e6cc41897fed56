#include "store/tokens.h"

#include "util/file.h"
#include "util/fold.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 64 << 20 };

struct occurrence {
    const char *word;
    int64_t index;
};

static int by_word(const void *a, const void *b)
{
    const struct occurrence *x = a, *y = b;
    const int order = strcmp(x->word, y->word);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Sorted, so that long cases are no matter. */
static void make_labels(struct tokens *tokens, struct arena *arena)
{
    const size_t count = (size_t)tokens->count;
    struct occurrence *sorted = arena_array(arena, count, sizeof *sorted);
    const char **labels = arena_array(arena, count, sizeof *labels);
    for (size_t i = 0; i < count; ++i)
        sorted[i] = (struct occurrence){tokens->words[i], (int64_t)i};
    qsort(sorted, count, sizeof *sorted, by_word);
    for (size_t i = 0; i < count; ++i) {
        const bool twice = (i > 0 && strcmp(sorted[i].word, sorted[i - 1].word) == 0) ||
                           (i + 1 < count && strcmp(sorted[i].word, sorted[i + 1].word) == 0);
        labels[sorted[i].index] =
            twice ? arena_print(arena, "%s[%" PRId64 "]", sorted[i].word, sorted[i].index)
                  : sorted[i].word;
    }
    tokens->labels = labels;
}

/* One line without its end to a printable word. */
static int read_word(const char *name, int64_t line, const char *bytes, size_t length,
                     struct arena *arena, const char **word, struct err *err)
{
    if (length > TOKEN_BYTES_MAX)
        return err_set(err,
                       "%s:%" PRId64 ": a token of %zu bytes; expected at most %d, one token "
                       "a line",
                       name, line, length, TOKEN_BYTES_MAX);
    if (length == 0)
        return err_set(err, "%s:%" PRId64 ": an empty line; expected a token", name, line);
    const char *raw = arena_copy_bytes(arena, bytes, length);
    uint32_t code;
    for (size_t at = 0; at < length;) {
        const int step = fold_decode(raw + at, &code);
        if (step == 0 || code == 0)
            return err_set(err, "%s:%" PRId64 ": byte %zu is %s; expected UTF-8", name, line,
                           at + 1, step ? "NUL" : "not UTF-8");
        at += (size_t)step;
    }
    struct text printable = {0};
    if (strspn(raw, " ") == length) /* nothing to be seen */
        for (size_t i = 0; i < length; ++i)
            text_add(&printable, "\u2423");
    else
        text_add_printable(&printable, raw, false);
    *word = arena_copy(arena, text_get(&printable));
    text_free(&printable);
    return 0;
}

int tokens_parse(struct tokens *tokens, const char *name, const char *bytes, size_t length,
                 int64_t count, const char *sides, struct arena *arena, struct err *err)
{
    const char **words = arena_array(arena, (size_t)count, sizeof *words);
    const char *at = bytes, *end = bytes + length;
    int64_t line = 0;
    if (length >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3; /* a byte order mark of some editors */
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        const size_t bytes_of_line = (size_t)(stop - at) - (stop > at && stop[-1] == '\r');
        if (line == count)
            return err_set(err, "%s:%" PRId64 ": more lines than the %" PRId64 " %s", name,
                           line + 1, count, sides);
        if (read_word(name, line + 1, at, bytes_of_line, arena, &words[line], err))
            return -1;
        ++line;
        at = newline ? newline + 1 : end;
    }
    if (line < count)
        return err_set(err,
                       "%s:%" PRId64 ": ends after %" PRId64 " tokens; there are %" PRId64 " %s",
                       name, line + 1, line, count, sides);
    *tokens = (struct tokens){.count = count, .words = words, .named = true};
    make_labels(tokens, arena);
    return 0;
}

static void name_by_index(struct tokens *tokens, int64_t count, struct arena *arena)
{
    const char **words = arena_array(arena, (size_t)count, sizeof *words);
    for (int64_t i = 0; i < count; ++i)
        words[i] = arena_print(arena, "%" PRId64, i);
    *tokens = (struct tokens){.count = count, .words = words, .labels = words};
}

/* From the first of two files that is there. */
static int load_side(struct tokens *tokens, const char *folder, const char *own, int64_t count,
                     const char *sides, struct arena *arena, struct err *err)
{
    const char *const files[] = {own, "tokens.txt"};
    for (int i = 0; i < 2; ++i) {
        const char *path = arena_print(arena, "%s/%s", folder, files[i]);
        struct text text = {0};
        struct stat status;
        if (lstat(path, &status) != 0) /* a link to nowhere is there, and cannot be read */
            continue;
        int result = file_read(path, FILE_BYTES_MAX, &text, err);
        if (result == 0)
            result =
                tokens_parse(tokens, path, text_get(&text), text.length, count, sides, arena, err);
        text_free(&text);
        return result;
    }
    name_by_index(tokens, count, arena);
    return 0;
}

int tokens_load(struct tokens *queries, struct tokens *keys, const char *folder,
                const struct problem *problem, struct arena *arena, struct err *err)
{
    return load_side(queries, folder, "tokens_q.txt", problem->n_q, "queries", arena, err) ||
                   load_side(keys, folder, "tokens_kv.txt", problem->n_kv, "keys", arena, err)
               ? -1
               : 0;
}
