#include "commands/options.h"

#include "store/run_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* WORD: one of the words in the argument's brackets, or nothing, which is stored as "". Words
 * without brackets ("hot|cold") are only text here; the command checks them. What else an argument
 * may be called is in the table of docs.c, which completions are made from. */
enum value { FLAG, STRING, STRINGS, WORD, SECONDS, PERCENT, WHOLE };

#define AT(member) offsetof(struct options, member)
static const struct option {
    const char *name, *argument;
    enum value value;
    size_t offset;
    const char *used_by; /* commands, separated by spaces */
    const char *help;
} options_table[] = {
    {"device", "D", STRING, AT(device), "devices variants plan run tune verify ab",
     "an id (pocl-cpu-0), an index (0:0), part of a name, \"all\", or \"null\" for the scripted "
     "device; default: ATTNBENCH_DEVICE, then the best GPU, then CPU"},
    {"device", "D", STRING, AT(device), "inspect",
     "whose weights: an id, an index or part of a name; \"null\": those of the double-precision "
     "reference alone; default: ATTNBENCH_DEVICE, then the best GPU, then CPU, then \"null\""},
    {"variants", "A,B", STRING, AT(variants), "plan run tune verify inspect",
     "only these variants"},
    {"variants", "A,B", STRING, AT(variants), "compare",
     "of one file: how does B compare with A, which is BASE, problem by problem"},
    {"variants", "A,B", STRING, AT(variants), "ab",
     "which variants of two folders, devices or programs are compared, each with itself; default: "
     "those that differ between the folders, all that the suite names of devices and programs"},
    {"suite", "SUITE", STRING, AT(suite), "ab", "whose problems; default: quick"},
    {"with", "PROGRAM", STRING, AT(with), "ab",
     "B is A as this other attnbench computes it, in a process of its own"},
    {"time", "TIME", SECONDS, AT(time_s), "ab",
     "at most this long a problem; what is not known by then is unclear; default: 5s, and 30s "
     "between two processes"},
    {"filter", "REGEX", STRING, AT(filter), "ab",
     "only cells whose \"id variant\" matches, on both sides"},
    {"filter", "REGEX", STRING, AT(filter), "plan run tune",
     "run only cells whose \"id variant\" matches; the others become skipped rows"},
    {"filter", "REGEX", STRING, AT(filter), "lint",
     "only edge shapes whose \"id variant\" matches"},
    {"set", "KEY=VALUES", STRINGS, AT(sets), "plan run tune ab",
     "replace an axis in every sweep: n=128..4096*2, heads=1..8+1, dtype=f32,f16"},
    {"check", "full|sample|none", STRING, AT(check), "run",
     "compare with the reference: all rows, some, or not; default: the suite's"},
    {"budget", "TIME", SECONDS, AT(budget_s), "plan run",
     "skip cells that would end after this long: 60s, 5m"},
    {"budget", "TIME", SECONDS, AT(budget_s), "tune",
     "search for this long in all: 60s, 5m; default: until 64 candidates of each class were tried"},
    {"deadline", "TIME", SECONDS, AT(deadline_s), "run tune verify inspect ab",
     "how long one build, launch or read may take before its worker is killed"},
    {"inputs", "random|large|dominant|equal|tiny", STRING, AT(inputs), "run",
     "random (default), or adversarial ones"},
    {"deadline", "TIME", SECONDS, AT(deadline_s), "lint",
     "how long a kernel may take for one edge shape in Oclgrind; default: 5m"},
    {"quick", NULL, FLAG, AT(quick), "lint",
     "dtypes take turns over the edge shapes; default: each shape in each dtype"},
    {"cache", "hot|cold", STRING, AT(cache), "run",
     "before each timed launch caches are hot or cold (emptied); default: the suite's, hot"},
    {"no-program-cache", NULL, FLAG, AT(no_program_cache), "run tune verify inspect ab",
     "compile all programs: neither load nor keep what earlier runs compiled"},
    {"peaks", "[cached|fresh|none]", WORD, AT(peaks), "devices run",
     "what the device can do at most: measured once and kept in the cache folder (cached: run's "
     "default), measured again, or left out"},
    {"shard", "I/N", STRING, AT(shard), "plan run",
     "only the I-th of N balanced parts of the plan, I from 1; auto: what mpirun, srun or a Slurm "
     "array says; auto/N: the same with N known, for Kubernetes and for arrays run again in part"},
    {"ranks", "N", WHOLE, AT(ranks), "plan", "for how many ranks --emit makes a job; default 4"},
    {"emit", "slurm|mpi|k8s|reframe", STRING, AT(emit), "plan",
     "print a job that runs the plan on --ranks ranks, or a check of ReFrame that does"},
    {"simulate", "N,...", STRING, AT(simulate), "plan",
     "what N ranks would need by the cost model: makespan, balance, the longest shard"},
    {"continue", NULL, FLAG, AT(go_on), "run",
     "start, or go on with what --out holds, or do nothing when that is finished: for jobs that "
     "may be started again"},
    {"fom", NULL, FLAG, AT(fom), "run",
     "at the end a line \"FOM CELL@VARIANT SECONDS s\" for each row that is ok"},
    {"seed", "S", WHOLE, AT(seed), "run tune ab",
     "seed of the inputs (and of tune's search), 0 to 2^53; default 1"},
    {"out", "FILE", STRING, AT(out), "run tune report merge",
     "where to write, - is standard output for report and merge; run's default is "
     "DEVICE--SUITE--TIME.json, and in its FILE {shard} becomes 3-of-16; tune's default is a file "
     "that run reads"},
    {"out", "FILE", STRING, AT(out), "compare check ab",
     "where to write; default: standard output"},
    {"out", "FILE", STRING, AT(out), "verify",
     "write the JSON of --json to FILE; -: standard output"},
    {"threshold", "P%", PERCENT, AT(threshold), "compare",
     "the smallest change worth a verdict; default 3%"},
    {"threshold", "P%", PERCENT, AT(threshold), "ab", "what is smaller is the same; default 1%"},
    {"base", "FILE,...", STRING, AT(base), "compare",
     "several runs of what NEW is compared with: what they differ by is no change"},
    {"devices", "D,D", STRING, AT(devices), "compare",
     "of one file: how many times as fast is one device as the other, and by which kernels; the "
     "first is BASE"},
    {"require", "N", WHOLE, AT(require), "compare",
     "fail (exit status 3) when fewer cells are ok on both sides; default 1"},
    {"resume", "RESULT", STRING, AT(resume), "run",
     "continue an interrupted run from its results file or journal"},
    {"kernels", "DIR", STRING, AT(kernels), "variants plan run tune verify worker inspect lint ab",
     "a folder of variants (or one variant) to add to the built-in ones; default: "
     "ATTNBENCH_KERNELS"},
    {"kernels", "DIR", STRING, AT(kernels), "new",
     "the folder that it becomes a folder of; default: ATTNBENCH_KERNELS, then this one"},
    {"from", "naive|fused|vector", STRING, AT(from), "new",
     "naive (two passes over the keys, default), fused (one pass, online softmax) or vector (the "
     "same in vectors of eight)"},
    {"weights", "FILE", STRING, AT(weights), "verify",
     "write the softmax weights to FILE (.npy), from the first variant that returns them"},
    {"out", "FILE", STRING, AT(out), "inspect",
     "write a page, FILE.html, with maps, entropies and what each query attends to"},
    {"token", "T", STRING, AT(token), "inspect",
     "only what this query attends to: a word of the case, or an index from 0"},
    {"head", "H", WHOLE, AT(head), "inspect", "only this head, from 0; default: all"},
    {"batch", "B", WHOLE, AT(batch), "inspect", "this entry of the batch; default 0"},
    {"isolate", "cell|device|none", STRING, AT(isolate), "run",
     "a worker process per cell, device (default) or none (one for the whole run)"},
    {"quarantine", "N", WHOLE, AT(quarantine), "run",
     "after N failures in a row (crashes, hangs) skip a device's other cells; default 3, 0: never"},
    {"wait", "TIME", SECONDS, AT(wait_s), "run tune ab",
     "wait so long at most while another run uses the device, then end with exit status 4; "
     "default: until it ends"},
    {"no-lock", NULL, FLAG, AT(no_lock), "run tune ab",
     "measure even while another run uses the device; default: wait for it"},
    {"force", NULL, FLAG, AT(force), "run",
     "replace what --out names, though it is a finished run"},
    {"format", "md|csv|html|gbench|bmf|sqlite", STRING, AT(format), "report",
     "md is the default; html: one page that needs no network; gbench: Google Benchmark's JSON, "
     "bmf: Bencher's, sqlite: adds the runs to the database that --out names"},
    {"format", "text|md|json|html|junit", STRING, AT(format), "compare",
     "text, a table for the terminal, is the default"},
    {"format", "text|md|json|html", STRING, AT(format), "ab",
     "text, a table for the terminal, is the default"},
    {"format", "text|junit", STRING, AT(format), "check",
     "text (a line a file, default) or junit (a case for each row and each broken rule)"},
    {"tuning", "FILE", STRING, AT(tuning), "plan run ab",
     "use the tunings of this file instead of those found by attnbench tune and those shipped"},
    {"no-tuning", NULL, FLAG, AT(no_tuning), "plan run ab", "use the variants' defaults"},
    {"retune", NULL, FLAG, AT(retune), "tune", "search again where a tuning is known"},
    {"no-quirks", NULL, FLAG, AT(no_quirks), "devices variants plan run tune verify inspect ab",
     "run as if no driver's faults were known: see kernels/quirks.json"},
    {"json", NULL, FLAG, AT(json), "devices variants plan verify inspect doctor lint",
     "machine-readable output"},
    {"progress", "[auto|plain|json|none]", WORD, AT(progress), "run",
     "on stderr: a line that is rewritten on a terminal and a line a cell elsewhere (auto, the "
     "default), a line a cell, an object of JSON a line for programs, or nothing"},
    {"quiet", NULL, FLAG, AT(quiet), "run tune report check merge lint ab",
     "no progress, no table"},
    {"help", NULL, FLAG, AT(help), "*", "this text"},
};
enum { OPTION_COUNT = sizeof options_table / sizeof *options_table };

static bool is_used_by(const struct option *option, const char *command)
{
    const size_t length = strlen(command);
    for (const char *at = option->used_by; *at;) {
        const size_t word = strcspn(at, " ");
        if ((word == length && strncmp(at, command, length) == 0) || *at == '*')
            return true;
        at += word + strspn(at + word, " ");
    }
    return false;
}

bool option_describe(size_t index, const struct command *command, struct option_text *out)
{
    for (size_t i = 0; i < OPTION_COUNT; ++i) {
        const struct option *option = &options_table[i];
        if (!is_used_by(option, command->name))
            continue;
        if (index-- > 0)
            continue;
        *out = (struct option_text){.name = option->name,
                                    .argument = option->argument,
                                    .help = option->help,
                                    .optional = option->value == WORD,
                                    .repeats = option->value == STRINGS};
        return true;
    }
    return false;
}

static const struct option *find_option(const char *name, size_t length,
                                        const struct command *command, struct err *err)
{
    const char *names[OPTION_COUNT];
    size_t count = 0;
    const struct option *elsewhere = NULL;
    for (size_t i = 0; i < OPTION_COUNT; ++i) {
        const struct option *option = &options_table[i];
        const bool same =
            strlen(option->name) == length && strncmp(option->name, name, length) == 0;
        if (is_used_by(option, command->name)) {
            if (same)
                return option;
            names[count++] = option->name;
        } else if (same && !elsewhere) {
            elsewhere = option;
        }
    }
    char typo[64];
    snprintf(typo, sizeof typo, "%.*s", (int)(length < 60 ? length : 60), name);
    const char *nearest = text_nearest(typo, names, count);
    if (elsewhere)
        err_set(err, "--%s is no option of '%s'; it belongs to: %s", typo, command->name,
                elsewhere->used_by);
    else if (nearest)
        err_set(err, "unknown option --%s; did you mean --%s?", typo, nearest);
    else
        err_set(err, "unknown option --%s; see attnbench %s --help", typo, command->name);
    return NULL;
}

/* Is it one of the words of "[a|b|c]"? */
static bool is_word(const char *argument, const char *value)
{
    const size_t wanted = strlen(value);
    for (const char *at = argument + 1; *at;) {
        const size_t length = strcspn(at, "|]");
        if (length == wanted && strncmp(at, value, length) == 0)
            return true;
        at += length + (at[length] != '\0');
    }
    return false;
}

static int store(struct options *options, const struct option *option, const char *value,
                 struct err *err)
{
    void *at = (char *)options + option->offset;
    switch (option->value) {
    case FLAG:
        *(bool *)at = true;
        return 0;
    case STRING:
        *(const char **)at = value;
        return 0;
    case WORD:
        if (value && !is_word(option->argument, value))
            return err_set(err, "--%s: expected one of %s, found '%.40s'", option->name,
                           option->argument, value);
        *(const char **)at = value ? value : "";
        return 0;
    case STRINGS:
        if (options->set_count == SETS_LIMIT)
            return err_set(err, "more than %d times --%s", SETS_LIMIT, option->name);
        options->sets[options->set_count++] = value;
        return 0;
    case SECONDS:
        /* Waiting alone may be for no time at all. */
        if (!text_to_seconds(value, at) || (*(double *)at <= 0 && at != &options->wait_s))
            return err_set(err, "--%s: expected a time such as 60s, 5m or 1h, found '%s'",
                           option->name, value);
        return 0;
    case PERCENT:
        options->bare_percent = !text_ends(value, "%");
        if (!text_to_percent(value, at) || *(double *)at > 10)
            return err_set(err, "--%s: expected a percentage from 0%% to 1000%%, found '%s'",
                           option->name, value);
        return 0;
    case WHOLE:
        if (!text_to_int64(value, at) || *(int64_t *)at < 0 || *(int64_t *)at >= INT64_C(1) << 53)
            return err_set(err, "--%s: expected a whole number from 0 to 2^53, found '%s'",
                           option->name, value);
        return 0;
    }
    return -1;
}

static int parse_option(struct options *options, const struct command *command, const char *arg,
                        const char *next, bool *used_next, struct err *err)
{
    const size_t length = strcspn(arg, "=");
    const struct option *option = find_option(arg, length, command, err);
    const char *value = arg[length] ? arg + length + 1 : NULL;
    *used_next = false;
    if (!option)
        return -1;
    if (!option->argument && value)
        return err_set(err, "--%s takes no value", option->name);
    const bool optional = option->value == WORD;
    if (option->argument && !value && (!optional || (next && is_word(option->argument, next)))) {
        if (!next)
            return err_set(err, "--%s needs a value: --%s %s", option->name, option->name,
                           option->argument);
        value = next;
        *used_next = true;
    }
    return store(options, option, value, err);
}

static bool is_about(const struct option *option, int scopes)
{
    const struct run_option *known = run_option_find(option->name);
    return is_used_by(option, "run") && known && ((int)known->scope & scopes);
}

int options_words(const struct options *options, int scopes, const char **list, struct arena *arena)
{
    int n = 0;
    for (size_t i = 0; i < OPTION_COUNT; ++i) {
        const struct option *option = &options_table[i];
        const void *at = (const char *)options + option->offset;
        if (!is_about(option, scopes))
            continue;
        switch (option->value) {
        case FLAG:
            if (*(const bool *)at)
                list[n++] = arena_print(arena, "--%s", option->name);
            break;
        case STRING:
        case WORD:
            if (*(const char *const *)at)
                list[n++] = arena_print(arena, **(const char *const *)at ? "--%s=%s" : "--%s",
                                        option->name, *(const char *const *)at);
            break;
        case STRINGS:
            for (int s = 0; s < options->set_count; ++s)
                list[n++] = arena_print(arena, "--%s=%s", option->name, options->sets[s]);
            break;
        case SECONDS:
            if (*(const double *)at > 0 && isfinite(*(const double *)at))
                list[n++] = arena_print(arena, "--%s=%.9gs", option->name, *(const double *)at);
            break;
        case PERCENT:
            list[n++] = arena_print(arena, "--%s=%.9g%%", option->name, 100 * *(const double *)at);
            break;
        case WHOLE:
            list[n++] =
                arena_print(arena, "--%s=%lld", option->name, (long long)*(const int64_t *)at);
            break;
        }
    }
    return n;
}

void options_take(struct options *options, const struct options *from, int scopes)
{
    for (size_t i = 0; i < OPTION_COUNT; ++i) {
        const struct option *option = &options_table[i];
        const size_t size = option->value == FLAG                                  ? sizeof(bool)
                            : option->value == SECONDS || option->value == PERCENT ? sizeof(double)
                            : option->value == WHOLE                               ? sizeof(int64_t)
                                                                                   : sizeof(char *);
        if (!is_about(option, scopes))
            continue;
        if (option->value == STRINGS) {
            memcpy(options->sets, from->sets, sizeof options->sets);
            options->set_count = from->set_count;
        } else {
            memcpy((char *)options + option->offset, (const char *)from + option->offset, size);
        }
    }
}

int options_parse(struct options *options, const struct command *command, int argc,
                  const char *const *argv, struct arena *arena, struct err *err)
{
    bool only_args = false;
    const bool is_ab = strcmp(command->name, "ab") == 0;
    *options = (struct options){.seed = 1,
                                .quarantine = 3,
                                .head = -1,
                                .suite = is_ab ? "quick" : NULL,
                                .threshold = is_ab ? 0.01 : 0.03,
                                .wait_s = INFINITY,
                                .require = 1};
    options->args = arena_array(arena, (size_t)argc + 1, sizeof *options->args);
    for (int i = 1; i < argc; ++i) {
        const char *arg = argv[i];
        bool used_next = false;
        if (!only_args && strcmp(arg, "--") == 0) {
            only_args = true;
        } else if (!only_args && strcmp(arg, "-h") == 0) {
            options->help = true;
        } else if (!only_args && text_starts(arg, "--")) {
            if (parse_option(options, command, arg + 2, i + 1 < argc ? argv[i + 1] : NULL,
                             &used_next, err))
                return -1;
            i += used_next;
        } else if (!only_args && arg[0] == '-' && arg[1]) {
            return err_set(err, "unknown option %s; options are long here, see attnbench %s --help",
                           arg, command->name);
        } else if (options->arg_count == ARGS_LIMIT || options->arg_count == command->max_args) {
            return err_set(err, "'%s' is one argument too many for '%s'", arg, command->name);
        } else {
            options->args[options->arg_count++] = arg;
        }
    }
    if (!options->help && options->arg_count < command->min_args)
        return err_set(err, "'%s' needs %s; see attnbench %s --help", command->name,
                       command->arguments, command->name);
    return 0;
}

void options_default(struct options *options, const struct command *command)
{
    const char *kernels = getenv("ATTNBENCH_KERNELS");
    const bool takes_kernels = find_option("kernels", strlen("kernels"), command, NULL) != NULL;
    if (!options->kernels && takes_kernels && kernels && *kernels && !command->hidden)
        options->kernels = kernels;
}

/* Words of `help` in lines of at most 78 columns, indented. */
static void wrap(struct text *out, const char *help, size_t indent)
{
    size_t column = indent;
    for (const char *at = help; *at;) {
        const size_t word = strcspn(at, " ");
        if (column + word > 78) {
            text_print(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        text_print(out, "%.*s ", (int)word, at);
        column += word + 1;
        at += word + strspn(at + word, " ");
    }
    text_add(out, "\n");
}

void options_help(const struct command *command, struct text *out)
{
    text_print(out, "usage: attnbench %s %s%s[options]\n\n  %s\n\n", command->name,
               command->arguments, *command->arguments ? " " : "", command->summary);
    for (size_t i = 0; i < OPTION_COUNT; ++i) {
        const struct option *option = &options_table[i];
        char name[72];
        if (!is_used_by(option, command->name))
            continue;
        snprintf(name, sizeof name, "--%s %s", option->name,
                 option->argument ? option->argument : "");
        text_print(out, "  %-20s ", name);
        if (strlen(name) > 20)
            text_print(out, "\n%23s", "");
        wrap(out, option->help, 23);
    }
}
