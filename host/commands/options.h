/* The command line: one table of options feeds parsing and --help of every command. */
#ifndef ATTNBENCH_COMMANDS_OPTIONS_H
#define ATTNBENCH_COMMANDS_OPTIONS_H

#include "util/arena.h"
#include "util/err.h"
#include "util/text.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses of the program. */
enum {
    EXIT_OK = 0,
    EXIT_WRONG = 1, /* a wrong result, or a regression */
    EXIT_USAGE = 2,
    EXIT_INCOMPLETE = 3, /* finished, but some cells crashed, timed out or failed */
    EXIT_NO_DEVICE = 4,
    EXIT_BAD_INPUT = 5, /* an input file is invalid */
    EXIT_IO = 6,
    EXIT_INTERRUPTED = 130
};

enum { ARGS_LIMIT = 4096, SETS_LIMIT = 32 };

struct options {
    const char *device, *variants, *filter, *check, *out, *resume, *kernels, *isolate, *format,
        *weights, *inputs, *cache, *peaks, *tuning, *progress, *token, *shard, *emit, *simulate,
        *base, *devices, *from, *suite, /* of ab; NULL elsewhere */
        *with;
    const char *sets[SETS_LIMIT];
    int set_count;
    double budget_s, deadline_s, time_s; /* 0: not given */
    double threshold;                    /* 0.03: 3 %, the default of compare; of ab 0.01 */
    bool bare_percent;                   /* it was given without a sign: "3" */
    double wait_s;                       /* for a device in use; infinity: not given */
    int64_t seed, quarantine, head, batch, ranks; /* head -1: all */
    int64_t require;                              /* cells */
    bool json, quiet, help, no_lock, no_program_cache, no_tuning, retune, no_quirks, go_on, fom,
        force, quick;
    const char **args; /* the command's own arguments: suites or files */
    int arg_count;
};

struct command {
    const char *name, *arguments, *summary;
    int (*run)(const struct options *options);
    int min_args, max_args;
    bool hidden;
};

extern const struct command commands[]; /* ends with a NULL name */
const struct command *command_find(const char *name);

/* argv[0] is the command's name; what it points to must outlive the options, and so must the arena.
 * -1 with a message and a suggestion. */
int options_parse(struct options *options, const struct command *command, int argc,
                  const char *const *argv, struct arena *arena, struct err *err);

/* What the environment says where the command line does not: ATTNBENCH_KERNELS. A recorded command
 * line that is read again has said all that it had to. */
void options_default(struct options *options, const struct command *command);

/* An option as its documentation needs it. */
struct option_text {
    const char *name, *argument, *help; /* argument NULL: a flag */
    bool optional, repeats;             /* may its argument be left out; may it be given twice */
};

/* The options of a command, by index from 0; false: there are no more. */
bool option_describe(size_t index, const struct command *command, struct option_text *out);

/* Those of `run` that were given and are about one of these things (enum option_scope, or-ed), as
 * words of a command line: "--set=n=8". Returns how many; `list` has room for all that there can
 * be, OPTION_WORDS_MAX. */
enum { OPTION_WORDS_MAX = SETS_LIMIT + 64 };
int options_words(const struct options *options, int scopes, const char **list,
                  struct arena *arena);
/* Takes those of `run` that are about one of these things from another set. */
void options_take(struct options *options, const struct options *from, int scopes);

void options_help(const struct command *command, struct text *out);
void program_help(struct text *out);

int command_ab(const struct options *options);
int command_check(const struct options *options);
int command_compare(const struct options *options);
int command_devices(const struct options *options);
int command_doctor(const struct options *options);
int command_docs(const struct options *options);
int command_inspect(const struct options *options);
int command_lint(const struct options *options);
int command_merge(const struct options *options);
int command_new(const struct options *options);
int command_plan(const struct options *options);
int command_report(const struct options *options);
int command_run(const struct options *given);
int command_tune(const struct options *options);
int command_variants(const struct options *options);
int command_verify(const struct options *options);
int command_version(const struct options *options);
int command_worker(const struct options *options);

#endif
