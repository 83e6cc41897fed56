#include "report/reproduce.h"

#include "report/words.h"

#include <stdint.h>
#include <string.h>

/* Options of `run` that are replaced, or that say nothing about a row. */
static const struct {
    const char *name;
    bool has_value;
} dropped[] = {{"--device", true},   {"--variants", true},   {"--filter", true}, {"--seed", true},
               {"--out", true},      {"--resume", true},     {"--budget", true}, {"--quiet", false},
               {"--no-lock", false}, {"--quarantine", true}, {"--shard", true}};

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
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; ++i) {
        const size_t length = strlen(dropped[i].name);
        if (!text_starts(argv[0], dropped[i].name))
            continue;
        if (argv[0][length] == '=')
            return 1;
        if (argv[0][length] == '\0')
            return dropped[i].has_value && left > 1 ? 2 : 1;
    }
    return 0;
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
