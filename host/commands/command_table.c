/* The subcommands, and what the program says of itself. */
#include "commands/options.h"

#include <string.h>

const struct command commands[] = {
    {"devices", "", "list OpenCL devices and their ids", command_devices, 0, 0, false},
    {"variants", "", "list kernel variants and what runs on a device", command_variants, 0, 0,
     false},
    {"plan", "SUITE...", "show the cells of a suite, their operations and memory", command_plan, 1,
     ARGS_LIMIT, false},
    {"run", "SUITE...", "check and measure a suite, write a results file", command_run, 0,
     ARGS_LIMIT, false},
    {"new", "NAME", "write a short kernel that works, to begin from", command_new, 1, 1, false},
    {"tune", "SUITE...", "find and keep the best tunings for a suite's problems", command_tune, 1,
     ARGS_LIMIT, false},
    {"verify", "CASE_DIR...", "check the variants against tensors of yours (.npy)", command_verify,
     1, ARGS_LIMIT, false},
    {"lint", "[VARIANT...]", "find races and stray accesses, in Oclgrind", command_lint, 0,
     ARGS_LIMIT, false},
    {"inspect", "CASE_DIR", "show which keys the queries of a case attend to", command_inspect, 1,
     1, false},
    {"compare", "BASE NEW", "faster or slower? fails on a regression", command_compare, 1, 2,
     false},
    {"ab", "A [B]", "is B faster than A? measured by turns until it is known", command_ab, 1, 2,
     false},
    {"report", "RESULT...", "show results, or convert them for other tools", command_report, 1,
     ARGS_LIMIT, false},
    {"check", "RESULT...", "is a results file (or a journal) valid and believable", command_check,
     1, ARGS_LIMIT, false},
    {"merge", "PART...", "join results of shards (or a folder of them)", command_merge, 1,
     ARGS_LIMIT, false},
    {"doctor", "", "drivers, devices, caches, limits: what to do about each", command_doctor, 0, 0,
     false},
    {"version", "", "which version this is, and what it was built with", command_version, 0, 0,
     false},
    {"worker", "", "serve a supervisor (internal)", command_worker, 0, 0, true},
    {"docs", "man|table|suites|variants", "what the man page and completions are made from",
     command_docs, 1, 1, true},
    {NULL, NULL, NULL, NULL, 0, 0, false}};

const struct command *command_find(const char *name)
{
    for (const struct command *command = commands; command->name; ++command)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

void program_help(struct text *out)
{
    text_add(out, "attnbench: how fast, how right and how scalable is attention on an OpenCL\n"
                  "device?\n\nusage: attnbench COMMAND [options]\n\n");
    for (const struct command *command = commands; command->name; ++command)
        if (!command->hidden)
            text_print(out, "  %-9s %-12s %s\n", command->name, command->arguments,
                       command->summary);
    text_add(out, "\nattnbench COMMAND --help tells more. First: attnbench run quick\n"
                  "Exit status: 0 well, 1 a wrong result or a regression, 2 usage, 3 some cells\n"
                  "failed, 4 no device, 5 an invalid file, 6 I/O failed, 130 interrupted.\n");
}
