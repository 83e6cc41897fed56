/* attnbench: dispatches to the commands in host/commands/. */
#include "commands/options.h"
#include "util/json.h"
#include "util/limits.h"
#include "util/standard.h"

#include <stdio.h>
#include <string.h>

static int usage_error(const char *message)
{
    fprintf(stderr, "attnbench: %s\n", message);
    return EXIT_USAGE;
}

static int unknown_command(const char *name)
{
    const char *names[32];
    size_t count = 0;
    for (const struct command *command = commands; command->name; ++command)
        if (!command->hidden)
            names[count++] = command->name;
    const char *nearest = text_nearest(name, names, count);
    struct err err;
    if (nearest)
        err_set(&err, "unknown command '%.60s'; did you mean '%s'?", name, nearest);
    else
        err_set(&err, "unknown command '%.60s'; see attnbench --help", name);
    return usage_error(err.message);
}

static int show(void (*help)(const struct command *, struct text *), const struct command *command)
{
    struct text text = {0};
    if (help)
        help(command, &text);
    else
        program_help(&text);
    standard_write(text_get(&text), text.length);
    text_free(&text);
    return EXIT_OK;
}

static int run(int argc, char **argv, struct arena *arena)
{
    struct options options;
    struct err err;
    if (argc < 2) {
        show(NULL, NULL);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return show(NULL, NULL);
    const bool asks_version = strcmp(argv[1], "--version") == 0;
    const struct command *command = command_find(asks_version ? "version" : argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    if (options_parse(&options, command, argc - 1, (const char *const *)argv + 1, arena, &err))
        return usage_error(err.message);
    if (options.help)
        return show(options_help, command);
    options_default(&options, command);
    return command->run(&options);
}

/* Output that was lost is a failure of its own, unless the command has failed before it had any. */
static int end(int status)
{
    struct err err;
    const bool told =
        status != EXIT_OK && status != EXIT_WRONG && status != EXIT_INCOMPLETE && status != EXIT_IO;
    if (!standard_lost(&err) || told)
        return status;
    return usage_error(err.message), EXIT_IO;
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    standard_open();
    json_begin();
    limits_threads();
    const int status = end(run(argc, argv, &arena));
    arena_free(&arena);
    return status;
}
