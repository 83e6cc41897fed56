/* The header of a run's files. */
#include "commands/run_state.h"
#include "commands/shard.h"
#include "store/run_options.h"
#include "util/file.h"
#include "version.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const char *random_id(struct arena *arena)
{
    unsigned char bytes[16] = {0};
    if (getentropy(bytes, sizeof bytes)) {
        const uint64_t fallback[2] = {(uint64_t)time(NULL), (uint64_t)getpid()};
        memcpy(bytes, fallback, sizeof bytes);
    }
    struct text hex = {0};
    for (size_t i = 0; i < sizeof bytes; ++i)
        text_print(&hex, "%02x", bytes[i]);
    const char *id = arena_copy(arena, text_get(&hex));
    text_free(&hex);
    return id;
}

static const char *cpu_name(struct arena *arena)
{
    struct text info = {0};
    const char *name = "";
    if (file_read("/proc/cpuinfo", 1 << 22, &info, NULL) == 0) {
        const char *line = strstr(text_get(&info), "model name");
        const char *colon = line ? strchr(line, ':') : NULL;
        if (colon)
            name = arena_copy_bytes(arena, colon + 2, strcspn(colon + 2, "\n"));
    }
    text_free(&info);
    return name;
}

const char *run_utc_now(struct arena *arena)
{
    char text[32];
    text_utc((int64_t)time(NULL), text);
    return arena_copy(arena, text);
}

static const char *join(struct arena *arena, const struct setup *setup, bool hashes)
{
    const char *all = "";
    for (int i = 0; i < setup->suite_count; ++i)
        all = arena_print(arena, "%s%s%s", all, i ? "+" : "",
                          hashes ? setup->suites[i].sha256 : setup->suites[i].name);
    return all;
}

/* The command line without what only says where to continue. */
static struct text_list recorded_argv(struct arena *arena, const struct setup *setup,
                                      const struct options *options)
{
    /* The device that was chosen, not how: ATTNBENCH_DEVICE may say something else next time. */
    const bool scripted = strcmp(setup->supervisor.backend, "null") == 0;
    const char *all = scripted ? "null-all" : "all";
    const char *device = setup->all_devices ? all : setup->devices[0].id;
    const char *shard = setup->shard.count
                            ? arena_print(arena, "%lld/%lld", (long long)setup->shard.index,
                                          (long long)setup->shard.count)
                            : NULL;
    const char **list =
        arena_array(arena, (size_t)options->arg_count + OPTION_WORDS_MAX + 1, sizeof *list);
    struct options recorded = *options;
    int n = 0;
    list[n++] = "run";
    for (int i = 0; i < options->arg_count; ++i)
        list[n++] = options->args[i];
    recorded.device = device;
    recorded.shard = shard;
    recorded.peaks = options->peaks && !*options->peaks ? "cached" : options->peaks;
    n += options_words(&recorded, SCOPE_PLAN | SCOPE_ROWS | SCOPE_MACHINE, list + n, arena);
    return (struct text_list){n, list};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct source_file *)a)->name, ((const struct source_file *)b)->name);
}

static int add_files(struct source_file *files, int count, const struct variant *variant)
{
    for (int i = 0; i < variant->file_count; ++i) {
        int known = 0;
        while (known < count && strcmp(files[known].name, variant->files[i].name) != 0)
            ++known;
        files[known] = variant->files[i];
        count += known == count;
    }
    return count;
}

/* The files of the variants that have a cell, also of those inside of composed ones. */
static void list_files(struct run_header *run, const struct setup *setup, struct arena *arena)
{
    const struct kernel_tree *tree = &setup->kernels;
    bool *used = arena_array(arena, (size_t)tree->count + 1, sizeof *used);
    size_t most = 1;
    for (int v = 0; v < tree->count; ++v)
        most += (size_t)tree->variants[v].file_count;
    for (int c = 0; c < setup->plan.count; ++c) {
        const struct variant *variant = setup->plan.cells[c].variant;
        for (int p = 0; p < (variant->part_count ? variant->part_count : 1); ++p) {
            const struct variant *part = variant->part_count ? variant->parts[p].variant : variant;
            if (part >= tree->variants && part < tree->variants + tree->count)
                used[part - tree->variants] = true;
        }
    }
    struct source_file *files = arena_array(arena, most, sizeof *files);
    int count = 0;
    for (int v = 0; v < tree->count; ++v)
        if (used[v])
            count = add_files(files, count, &tree->variants[v]);
    qsort(files, (size_t)count, sizeof *files, by_name);
    run->files = files;
    run->file_count = count;
}

void run_fill_header(struct run_state *state, const struct options *options)
{
    struct arena *arena = &state->setup.arena;
    struct run_header *run = &state->results.run;
    struct utsname os;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    *run =
        (struct run_header){.id = random_id(arena),
                            .started_utc = run_utc_now(arena),
                            .argv = recorded_argv(arena, &state->setup, options),
                            .tool_version = ATTNBENCH_VERSION,
                            .git_commit = ATTNBENCH_COMMIT,
                            .seed = (uint64_t)options->seed,
                            .plan_id = state->setup.plan.id,
                            .planned_cells = state->cells,
                            .suite_name = join(arena, &state->setup, false),
                            .suite_sha256 = join(arena, &state->setup, true),
                            .host_name = "",
                            .host_os = "",
                            .host_cpu = cpu_name(arena),
                            .host_cpus = sysconf(_SC_NPROCESSORS_ONLN),
                            .host_memory_bytes = pages > 0 && page > 0 ? (int64_t)pages * page : 0};
    list_files(run, &state->setup, arena);
    if (options->filter)
        run->selection = plan_selection(&state->setup.plan, arena);
    for (int i = 0; i < ACTIVITIES; ++i)
        run->time_s[i] = NAN;
    if (state->setup.shard.count) {
        run->shard.index = state->setup.shard.index;
        run->shard.count = state->setup.shard.count;
        run->shard.plan_cells = state->setup.plan.count;
        run->shard.source = state->setup.shard.source;
    }
    if (uname(&os) == 0) {
        run->host_name = host_name(arena);
        run->host_os = arena_print(arena, "%s %s %s", os.sysname, os.release, os.machine);
    }
}
