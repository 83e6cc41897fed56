#include "problem/filter.h"

#include "util/checked.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- limits ---------------------------------------------------------------------------------- */

/* Past a bracket expression that begins at `at`; "]" first in it and classes ("[:digit:]") do not
 * end it. */
static const char *skip_set(const char *at)
{
    ++at;
    at += *at == '^';
    at += *at == ']';
    for (; *at && *at != ']'; ++at)
        if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')) {
            const char *end = strchr(at + 2, at[1]);
            at = end && end[1] == ']' ? end + 1 : at;
        }
    return *at ? at + 1 : at;
}

/* What the library makes of a part of the expression: it writes out what is repeated. */
struct weight {
    int64_t letters, operators;
    bool empty; /* it matches the empty string */
};

/* What is open: its branch so far, and whether one of those before it may be empty. */
struct group {
    struct weight branch;
    bool empty;
};

static struct weight sum(struct weight a, struct weight b)
{
    return (struct weight){size_plus(a.letters, b.letters), size_plus(a.operators, b.operators),
                           a.empty && b.empty};
}

static struct weight repeated(struct weight part, int64_t times, bool empty)
{
    return (struct weight){size_times(part.letters, times),
                           size_plus(size_times(part.operators, times), 1), empty};
}

/* How often "{m,n}" writes out what it stands behind, at least once. *none: m is 0. */
static int64_t count_of(const char *at, bool *none)
{
    const size_t length = strcspn(at, "},");
    int64_t times = strtol(at + 1, NULL, 10);
    *none = times <= 0;
    if (at[length] == ',') {
        const int64_t high = strtol(at + length + 1, NULL, 10);
        times = high > times ? high : size_plus(times, 1); /* "{m,}": m, and any number */
    }
    return times > 1 ? times : 1;
}

/* Applies the operators behind a part; "a+" is written "aa*", so that "a+++" doubles thrice. -1:
 * what is repeated may be empty. */
static int take_operators(const char **at, struct weight *part)
{
    for (; **at && strchr("*+?{", **at); ++*at) {
        bool none = **at != '+';
        const int64_t times = **at == '+' ? 2 : **at == '{' ? count_of(*at, &none) : 1;
        if (part->empty)
            return -1;
        *part = repeated(*part, times, none);
        if (**at == '{' && (*at)[1 + strspn(*at + 1, "0123456789,")] == '}')
            *at += 1 + strspn(*at + 1, "0123456789,");
    }
    return 0;
}

/* Past a letter, an escape, a bracket expression or an anchor. */
static const char *take_atom(const char *at, struct weight *atom)
{
    const bool anchor = *at == '^' || *at == '$';
    const bool edge = *at == '\\' && at[1] && strchr("bB<>`'", at[1]); /* of a word, of all */
    *atom = (struct weight){1, anchor, anchor || edge};
    if (*at == '[')
        return skip_set(at);
    return at + (*at == '\\' && at[1] ? 2 : 1);
}

static int refuse_empty(struct err *err)
{
    return err_set(err, "a repetition (* + ? {) of what may be empty, as in (a*)* or a*+: what it "
                        "would find, (a*) does");
}

static int check_limits(const char *text, struct err *err)
{
    static const struct group opened = {{1, 1, true}, false};
    struct group groups[FILTER_DEPTH_MAX + 1] = {{{0, 0, true}, false}};
    int depth = 0;
    if (strlen(text) > FILTER_LENGTH_MAX)
        return err_set(err, "longer than %d letters", FILTER_LENGTH_MAX);
    for (const char *at = text; *at;) {
        struct weight part = {1, 1, false};
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9')
            return err_set(err, "\\%c: back references are not supported", at[1]);
        if (*at == '(') {
            if (++depth > FILTER_DEPTH_MAX)
                return err_set(err, "nested more than %d deep", FILTER_DEPTH_MAX);
            groups[depth] = opened;
            ++at;
            continue;
        }
        struct group *group = &groups[depth];
        if (*at == '|') { /* an operator, and the next branch begins */
            group->empty = group->empty || group->branch.empty;
            group->branch = sum(group->branch, part);
            group->branch.empty = true;
            ++at;
            continue;
        }
        if (*at == ')' && depth > 0) {
            part = group->branch;
            part.empty = part.empty || group->empty;
            --depth;
            ++at;
        } else {
            at = take_atom(at, &part);
        }
        if (take_operators(&at, &part))
            return refuse_empty(err);
        groups[depth].branch = sum(groups[depth].branch, part);
    }
    while (depth > 0) { /* what was not closed, and will be refused for it */
        groups[depth - 1].branch = sum(groups[depth - 1].branch, groups[depth].branch);
        --depth;
    }
    return groups[0].branch.operators > FILTER_OPERATORS_MAX ||
                   groups[0].branch.letters > FILTER_EXPANDED_MAX
               ? err_set(err, "too many of * + ? | ^ $ ( ), or counts ({m,n}) that are too large")
               : 0;
}

/* ---- matching -------------------------------------------------------------------------------- */

int filter_compile(struct filter *filter, const char *text, struct err *err)
{
    char why[128];
    *filter = (struct filter){.text = NULL};
    if (!text)
        return 0;
    if (check_limits(text, err))
        return err_prefix(err, "--filter '%.100s'", text);
    const int status = regcomp(&filter->regex, text, REG_EXTENDED | REG_NOSUB);
    if (status) {
        regerror(status, &filter->regex, why, sizeof why);
        return err_set(err, "--filter '%.100s': %s", text, why);
    }
    filter->text = text;
    return 0;
}

bool filter_matches(const struct filter *filter, const char *id, const char *variant)
{
    if (!filter->text)
        return true;
    struct text subject = {0};
    text_print(&subject, "%s %s", id, variant);
    const bool matches = regexec(&filter->regex, text_get(&subject), 0, NULL, 0) == 0;
    text_free(&subject);
    return matches;
}

void filter_take(struct filter *filter, const char *selection)
{
    *filter = (struct filter){.selection = selection, .low = 0, .high = -1};
}

/* "0-3,8": the next range; one that is no range is never reached. */
static void take_range(struct filter *filter)
{
    char *end = NULL;
    filter->low = filter->high = strtoll(filter->selection, &end, 10);
    if (end == filter->selection)
        filter->high = -1;
    else if (*end == '-')
        filter->high = strtoll(end + 1, &end, 10);
    filter->selection = end + strcspn(end, ",");
    filter->selection += *filter->selection == ',';
}

bool filter_passes(struct filter *filter, int64_t number, const char *id, const char *variant)
{
    if (!filter->selection)
        return filter_matches(filter, id, variant);
    while (filter->high < number && *filter->selection)
        take_range(filter);
    return number >= filter->low && number <= filter->high;
}

void filter_free(struct filter *filter)
{
    if (filter->text)
        regfree(&filter->regex);
    filter->text = NULL;
}

/* ---- what was meant -------------------------------------------------------------------------- */

enum { LETTERS_MAX = 256 };

/* The letters that the expression asks for as they are. */
static size_t plain_letters(const char *filter, char letters[LETTERS_MAX])
{
    size_t count = 0;
    for (const char *at = filter; *at && count < LETTERS_MAX - 1; ++at) {
        if (*at == '\\' && at[1])
            letters[count++] = *++at;
        else if (!strchr("^$.[]()*+?{}|\\", *at))
            letters[count++] = *at;
    }
    letters[count] = '\0';
    return count;
}

int filter_likeness(const char *filter, const char *subject)
{
    char letters[LETTERS_MAX];
    int run[LETTERS_MAX + 1] = {0}, best = 0; /* run[i]: common letters that end at i, here */
    const size_t count = plain_letters(filter, letters);
    for (size_t s = 0; subject[s] && s < LETTERS_MAX; ++s)
        for (size_t i = count; i-- > 0;) {
            run[i + 1] = letters[i] == subject[s] ? run[i] + 1 : 0;
            best = run[i + 1] > best ? run[i + 1] : best;
        }
    return best;
}
