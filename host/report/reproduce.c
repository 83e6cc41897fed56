#include "report/reproduce.h"

#include "report/words.h"
#include "store/run_options.h"

#include <stdint.h>
#include <string.h>

/* Options of `run` that are replaced by others here, or that say nothing about a row. */
static bool is_dropped(const struct run_option *option)
{
    static const char *const replaced[] = {"device", "variants", "filter", "seed", "shard"};
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; ++i)
        if (strcmp(option->name, replaced[i]) == 0)
            return true;
    return option->scope == SCOPE_SESSION;
}

static void add_quoted(struct text *out, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-+=:,./@%";
    struct text line = {0};
    words_line(&line, word, SIZE_MAX);
    const char *shown = text_get(&line);
    text_add(out, " ");
    if (*shown && shown[strspn(shown, safe)] == '\0') {
        text_add(out, shown);
    } else {
        text_add(out, "'");
        for (const char *c = shown; *c; ++c)
            text_add_bytes(out, *c == '\'' ? "'\\''" : c, *c == '\'' ? 4 : 1);
        text_add(out, "'");
    }
    text_free(&line);
}

/* How many of the words at `argv` are one dropped option: 0, 1, or 2 with its value. */
static int count_dropped(const char *const *argv, int left)
{
    const struct run_option *option = text_starts(argv[0], "--") ? run_option_find(argv[0]) : NULL;
    if (!option || !is_dropped(option))
        return 0;
    return option->has_value && !strchr(argv[0], '=') && left > 1 ? 2 : 1;
}

/* "^cell variant$" as a POSIX extended regular expression. */
static void add_filter(struct text *out, const struct row *row)
{
    struct text subject = {0};
    text_print(&subject, "%s %s", row->cell, row->variant);
    text_add(out, "^");
    for (const char *c = text_get(&subject); *c; ++c)
        text_print(out, "%s%c", strchr("\\^$.[|()*+?{", *c) ? "\\" : "", *c);
    text_add(out, "$");
    text_free(&subject);
}

static void add_option(struct text *out, const char *name, const char *value)
{
    struct text option = {0};
    text_print(&option, "%s=%s", name, value);
    add_quoted(out, text_get(&option));
    text_free(&option);
}

/* variant NULL: all of them. */
static void add_command(const struct results *results, const char *device, const char *variant,
                        const char *filter, struct text *out)
{
    const struct text_list *argv = &results->run.argv;
    int i = 0;
    while (i < argv->count && strcmp(argv->values[i], "run") != 0)
        ++i;
    text_add(out, "attnbench run");
    struct text rest = {0};
    for (i = i < argv->count ? i + 1 : 0; i < argv->count;) {
        const int words = count_dropped(argv->values + i, argv->count - i);
        if (text_starts(argv->values[i], "--device=null"))
            device = argv->values[i] + strlen("--device="); /* scripted devices have no id there */
        if (!words)
            add_quoted(&rest, argv->values[i]);
        i += words ? words : 1;
    }
    add_option(out, "--device", device);
    if (variant)
        add_option(out, "--variants", variant);
    add_option(out, "--filter", filter);
    text_print(out, " --seed=%llu", (unsigned long long)results->run.seed);
    text_add(out, text_get(&rest)); /* last: a "--" in it ends the options */
    text_free(&rest);
}

void reproduce_command(const struct results *results, const struct row *row, struct text *out)
{
    struct text filter = {0};
    add_filter(&filter, row);
    add_command(results, row->device, row->variant, text_get(&filter), out);
    text_free(&filter);
}

void reproduce_filter(const struct results *results, const char *device, const char *filter,
                      struct text *out)
{
    add_command(results, device, NULL, filter, out);
}
