/* attnbench docs WHAT: what the man page and the shells' completions are made from. Hidden.
 *
 *   man        the man page's section COMMANDS (mdoc)
 *   table      a line a command and option, five fields between tabs, none of them empty:
 *              COMMAND  --OPTION or - (the command's own arguments)  KIND  WORDS or -  help
 *   suites     the suites that may be named, a line each
 *   variants   the built-in variants
 *
 * The build puts the first two into the files of docs/ (cmake/docs.cmake); completions call the
 * last two, which therefore open no driver and end in milliseconds. */
#include "commands/common.h"
#include "commands/suite_path.h"

#include <string.h>

/* ---- kinds of arguments ---------------------------------------------------------------------- */

/* What the tables of options.c call an argument, and what a shell can offer for it. Words between
 * bars ("hot|cold") are of kind "word" and need no line here. */
static const struct {
    const char *argument, *kind;
} kinds[] = {{"", "none"},           {"D", "device"},        {"A,B", "variants"},
             {"SUITE...", "suite"},  {"RESULT", "result"},   {"RESULT...", "result"},
             {"FILE", "file"},       {"SUITE", "suite"},     {"PROGRAM", "file"},
             {"A [B]", "variants"},  {"DIR", "folder"},      {"CASE_DIR...", "folder"},
             {"CASE_DIR", "folder"}, {"BASE NEW", "result"}, {"PART...", "result"},
             {"P%", "text"},         {"T", "text"},          {"H", "text"},
             {"B", "text"},          {"KEY=VALUES", "keys"}, {"REGEX", "text"},
             {"TIME", "text"},       {"S", "text"},          {"N", "text"},
             {"I/N", "text"},        {"N,...", "text"},      {"FILE,...", "file"},
             {"D,D", "text"},        {"NAME", "text"},       {"[VARIANT...]", "variants"}};

static const char *find_kind(const char *argument)
{
    if (!argument)
        return "flag";
    if (strchr(argument, '|'))
        return "word";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
        if (strcmp(kinds[i].argument, argument) == 0)
            return kinds[i].kind;
    return "unknown"; /* completed as a file; a test asks for a line above */
}

/* "[a|b]" and "a|b" as "a b"; problem keys as "n= d_k="; "-" for other arguments. */
static const char *find_words(const char *argument, const char *kind, struct arena *arena)
{
    if (strcmp(kind, "keys") == 0) {
        const char *all = "";
        for (const char *const *key = problem_keys(); *key; ++key)
            all = arena_print(arena, "%s%s%s=", all, *all ? " " : "", *key);
        return all;
    }
    if (strcmp(kind, "word") != 0)
        return "-";
    char *words = arena_copy(arena, argument + (*argument == '['));
    words[strcspn(words, "]")] = '\0';
    for (char *at = words; *at; ++at)
        if (*at == '|')
            *at = ' ';
    return words;
}

static void add_table(struct text *out)
{
    struct arena arena = {0};
    for (const struct command *command = commands; command->name; ++command) {
        if (command->hidden)
            continue;
        text_print(out, "%s\t-\t%s\t-\t%s\n", command->name, find_kind(command->arguments),
                   command->summary);
        struct option_text option;
        for (size_t i = 0; option_describe(i, command, &option); ++i) {
            const char *kind = find_kind(option.argument);
            text_print(out, "%s\t--%s\t%s%s\t%s\t%s\n", command->name, option.name,
                       option.optional ? "optional-" : "", kind,
                       find_words(option.argument, kind, &arena), option.help);
        }
    }
    arena_free(&arena);
}

/* ---- the man page ---------------------------------------------------------------------------- */

/* Text for troff, in lines that break between words: no word is taken for a request, and a
 * hyphen stays the one that can be copied. */
static void add_troff(struct text *out, const char *words)
{
    size_t column = 0;
    for (const char *at = words; *at;) {
        const size_t length = strcspn(at, " ");
        if (column > 0 && column + length > 70) {
            text_add(out, "\n");
            column = 0;
        } else if (column > 0) {
            text_add(out, " ");
        }
        if (column == 0 && (*at == '.' || *at == '\''))
            text_add(out, "\\&");
        for (size_t i = 0; i < length; ++i)
            if (at[i] == '-')
                text_add(out, "\\-");
            else if (at[i] == '\\')
                text_add(out, "\\e");
            else
                text_add_bytes(out, &at[i], 1);
        column += length + 1;
        at += length + strspn(at + length, " ");
    }
    text_add(out, "\n");
}

/* "SUITE..." as "Ar SUITE ..."; nothing for no argument. */
static void add_argument(struct text *out, const char *argument)
{
    const size_t length = strlen(argument);
    const bool many = text_ends(argument, "...");
    if (length > 0)
        text_print(out, " Ar %.*s%s", (int)(length - (many ? 3 : 0)), argument, many ? " ..." : "");
}

/* An option's, without the brackets of one that may be left out. --help goes without saying. */
static bool add_man_option(struct text *out, const struct option_text *option, bool is_first)
{
    const char *argument = option->argument ? option->argument : "";
    if (strcmp(option->name, "help") == 0)
        return false;
    if (is_first)
        text_add(out, ".Bl -tag -width Ds\n");
    text_print(out, ".It Fl \\-%s", option->name);
    if (option->optional)
        text_print(out, " Op Ar %.*s", (int)strlen(argument) - 2, argument + 1);
    else
        add_argument(out, argument);
    text_add(out, "\n");
    add_troff(out, option->help);
    if (option->repeats)
        text_add(out, "(may be given several times)\n");
    return true;
}

static void add_man(struct text *out)
{
    for (const struct command *command = commands; command->name; ++command) {
        if (command->hidden)
            continue;
        text_print(out, ".Ss %s\n.Nm\n.Cm %s", command->name, command->name);
        add_argument(out, command->arguments);
        text_add(out, "\n.Pp\n");
        add_troff(out, command->summary);
        struct option_text option;
        bool any = false;
        for (size_t i = 0; option_describe(i, command, &option); ++i)
            any |= add_man_option(out, &option, !any);
        if (any)
            text_add(out, ".El\n");
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void add_suites(struct text *out)
{
    struct arena arena = {0};
    const struct text_list names = suite_names(&arena);
    for (int i = 0; i < names.count; ++i)
        text_print(out, "%s\n", names.values[i]);
    arena_free(&arena);
}

static int add_variants(struct text *out)
{
    struct kernel_tree tree;
    struct err err;
    if (kernel_tree_load(&tree, NULL, &err))
        return fail(EXIT_BAD_INPUT, &err);
    for (int i = 0; i < tree.count; ++i)
        text_print(out, "%s\n", tree.variants[i].name);
    kernel_tree_free(&tree);
    return EXIT_OK;
}

int command_docs(const struct options *options)
{
    const char *what = options->args[0];
    struct text out = {0};
    struct err err;
    int status = EXIT_OK;
    if (strcmp(what, "man") == 0)
        add_man(&out);
    else if (strcmp(what, "table") == 0)
        add_table(&out);
    else if (strcmp(what, "suites") == 0)
        add_suites(&out);
    else if (strcmp(what, "variants") == 0)
        status = add_variants(&out);
    else {
        err_set(&err, "docs: expected man, table, suites or variants, found '%.40s'", what);
        status = fail(EXIT_USAGE, &err);
    }
    if (status == EXIT_OK)
        status = write_output(NULL, text_get(&out), out.length);
    text_free(&out);
    return status;
}
