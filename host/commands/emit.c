#include "commands/emit.h"

#include "commands/shard.h"
#include "store/run_options.h"
#include "util/rank.h"
#include "worker/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The cost model is a guess before anything was measured, and a rank that starts measures peaks. */
static const double safety = 3, start_s = 600;

struct job {
    const struct setup *setup;
    const struct options *options;
    const char *name;  /* of the suite, safe in file names and labels */
    const char *shard; /* "auto/16" */
    long long ranks, minutes;
};

/* Letters, digits and dashes, as job names of Kubernetes must be. */
static const char *safe_name(const struct setup *setup, struct arena *arena)
{
    char *name = arena_print(arena, "attnbench-%.40s", setup->suites[0].name);
    for (char *c = name; *c; ++c) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9')))
            *c = '-';
    }
    for (size_t end = strlen(name); end && name[end - 1] == '-';)
        name[--end] = '\0';
    return name;
}

/* The words of `attnbench run` that make this plan. */
static struct text_list words(const struct job *job, const char *shard, struct arena *arena)
{
    const struct options *options = job->options;
    const char **list =
        arena_array(arena, (size_t)options->arg_count + OPTION_WORDS_MAX + 4, sizeof *list);
    struct options whole = *options;
    int n = 0;
    list[n++] = "run";
    for (int i = 0; i < options->arg_count; ++i)
        list[n++] = options->args[i];
    whole.shard = NULL;
    n += options_words(&whole, SCOPE_PLAN, list + n, arena);
    list[n++] = arena_print(arena, "--shard=%s", shard);
    list[n++] = "--out=parts/{shard}.json";
    list[n++] = "--continue";
    return (struct text_list){n, list};
}

static void add_words(const struct job *job, const char *shard, struct text *out)
{
    struct arena arena = {0};
    const struct text_list list = words(job, shard, &arena);
    text_add(out, "attnbench");
    for (int i = 0; i < list.count; ++i) {
        text_add(out, " ");
        add_shell_word(out, list.values[i]);
    }
    text_add(out, "\n");
    arena_free(&arena);
}

/* The same as strings of JSON, which are strings of YAML and Python too. */
static void add_strings(const struct job *job, const char *shard, int from, struct text *out)
{
    struct arena arena = {0};
    const struct text_list list = words(job, shard, &arena);
    text_add(out, "[");
    for (int i = from; i < list.count; ++i) {
        cJSON *word = cJSON_CreateString(list.values[i]);
        char *printed = json_print(word);
        text_print(out, "%s%s", i > from ? ", " : "", printed);
        free(printed);
        cJSON_Delete(word);
    }
    text_add(out, "]");
    arena_free(&arena);
}

static void add_merge_hint(const struct job *job, const char *comment, struct text *out)
{
    text_print(out,
               "%s Then: attnbench merge parts --out %s.json\n"
               "%s It names what is missing and the command that runs it.\n",
               comment, job->name, comment);
}

static void emit_slurm(const struct job *job, struct text *out)
{
    text_print(out,
               "#!/bin/bash\n"
               "# %lld shards of plan %.12s as a Slurm array. Submit: sbatch THIS_FILE\n",
               job->ranks, job->setup->plan.id);
    add_merge_hint(job, "#", out);
    text_print(out,
               "# To use GPUs add, for one in each task: #SBATCH --gpus-per-task=1\n"
               "#SBATCH --job-name=%s\n"
               "#SBATCH --array=1-%lld\n"
               "#SBATCH --ntasks=1\n"
               "#SBATCH --time=%lld\n"
               "#SBATCH --output=%s-%%a.log\n"
               "#SBATCH --open-mode=append\n"
               "#SBATCH --requeue\n"
               "#SBATCH --signal=TERM@120\n\n"
               "mkdir -p parts\n"
               "srun --ntasks=1 ",
               job->name, job->ranks, job->minutes, job->name);
    add_words(job, job->shard, out);
    text_add(out, "status=$?\n"
                  "# 130: told to end before the time limit; what is done is on disk.\n"
                  "if [ $status -eq 130 ]; then\n"
                  "    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n"
                  "fi\n"
                  "exit $status\n");
}

static void emit_mpi(const struct job *job, struct text *out)
{
    text_print(out,
               "#!/bin/sh\n"
               "# %lld shards of plan %.12s, started by MPI; start it again to go on with it.\n",
               job->ranks, job->setup->plan.id);
    add_merge_hint(job, "#", out);
    text_print(out,
               "mkdir -p parts\n"
               "timeout --signal=TERM --kill-after=120 %lldm mpirun -n %lld ",
               job->minutes, job->ranks);
    add_words(job, "auto", out);
    struct text log = {0};
    out->length -= 1;
    text_print(&log, " >> %s.log 2>&1\n", job->name);
    text_add(out, text_get(&log));
    text_free(&log);
}

static void emit_k8s(const struct job *job, struct text *out)
{
    text_print(out,
               "# %lld shards of plan %.12s as an indexed job. Submit: kubectl apply -f THIS_FILE\n"
               "# Put your image and a volume that all pods can write in the two places marked.\n",
               job->ranks, job->setup->plan.id);
    add_merge_hint(job, "#", out);
    text_print(out,
               "apiVersion: batch/v1\n"
               "kind: Job\n"
               "metadata:\n"
               "  name: %s\n"
               "spec:\n"
               "  completionMode: Indexed\n"
               "  completions: %lld\n"
               "  parallelism: %lld\n"
               "  backoffLimit: %lld\n"
               "  activeDeadlineSeconds: %lld\n"
               "  template:\n"
               "    spec:\n"
               "      restartPolicy: Never\n"
               "      containers:\n"
               "        - name: attnbench\n"
               "          image: attnbench # your image\n"
               "          workingDir: /data\n"
               "          command: [\"attnbench\"]\n"
               "          args: ",
               job->name, job->ranks, job->ranks, 3 * job->ranks, 60 * job->minutes);
    add_strings(job, job->shard, 0, out);
    text_print(out,
               "\n"
               "          env:\n"
               "            - name: ATTNBENCH_HOST\n"
               "              valueFrom: { fieldRef: { fieldPath: spec.nodeName } }\n"
               "          volumeMounts:\n"
               "            - { name: data, mountPath: /data }\n"
               "      volumes:\n"
               "        - name: data\n"
               "          persistentVolumeClaim: { claimName: attnbench } # your volume, with a "
               "folder parts\n");
}

static void emit_reframe(const struct job *job, struct text *out)
{
    text_print(out,
               "# %lld shards of plan %.12s as a check of ReFrame. Run: reframe -c THIS_FILE -r\n"
               "# Each FOM line of the output becomes a performance variable; seconds.\n",
               job->ranks, job->setup->plan.id);
    add_merge_hint(job, "#", out);
    text_print(
        out,
        "import os\n"
        "import re\n\n"
        "import reframe as rfm\n"
        "import reframe.utility.sanity as sn\n\n"
        "FOM = re.compile(r'^FOM (?P<cell>\\S+) (?P<value>\\S+) (?P<unit>\\S+)$', re.M)\n\n\n"
        "@rfm.simple_test\n"
        "class Attnbench(rfm.RunOnlyRegressionTest):\n"
        "    shard = parameter(range(1, %lld + 1))\n"
        "    valid_systems = ['*']\n"
        "    valid_prog_environs = ['*']\n"
        "    executable = 'attnbench'\n"
        "    time_limit = '%lldm'\n"
        "    prerun_cmds = ['mkdir -p parts']\n"
        "    keep_files = ['parts']\n\n"
        "    @run_after('init')\n"
        "    def set_options(self):\n"
        "        self.executable_opts = [o.replace('SHARD', f'{self.shard}/%lld') for o in ",
        job->ranks, job->minutes, job->ranks);
    struct text list = {0};
    add_strings(job, "SHARD", 0, &list);
    text_add(out, text_get(&list));
    text_free(&list);
    text_add(out,
             "] + ['--fom']\n\n"
             "    @sanity_function\n"
             "    def every_cell_ended(self):\n"
             "        return sn.assert_found(r'^results: ', self.stdout)\n\n"
             "    @run_before('performance')\n"
             "    def read_figures(self):\n"
             "        with open(os.path.join(self.stagedir, str(self.stdout))) as log:\n"
             "            text = log.read()\n"
             "        self.perf_variables = {\n"
             "            re.sub(r'\\W', '_', match['cell']): sn.make_performance_function(\n"
             "                sn.extractsingle('^FOM ' + re.escape(match['cell']) + r' (\\S+)',\n"
             "                                 self.stdout, 1, float), match['unit'])\n"
             "            for match in FOM.finditer(text)}\n");
}

int emit_job(const struct setup *setup, const struct options *options, struct text *out,
             struct err *err)
{
    static const struct {
        const char *name;
        void (*emit)(const struct job *job, struct text *out);
    } kinds[] = {
        {"slurm", emit_slurm}, {"mpi", emit_mpi}, {"k8s", emit_k8s}, {"reframe", emit_reframe}};
    struct arena arena = {0};
    const double longest_s = 1e-3 * (double)setup->shards.cost_ms[setup->shards.longest];
    const struct job job = {.setup = setup,
                            .options = options,
                            .name = safe_name(setup, &arena),
                            .shard = arena_print(&arena, "auto/%d", setup->shards.count),
                            .ranks = setup->shards.count,
                            .minutes = (long long)ceil((safety * longest_s + start_s) / 60)};
    int result = -1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
        if (strcmp(kinds[i].name, options->emit) == 0) {
            kinds[i].emit(&job, out);
            result = 0;
        }
    arena_free(&arena);
    return result ? err_set(err, "--emit: expected slurm, mpi, k8s or reframe, found '%.40s'",
                            options->emit)
                  : 0;
}

/* ---- simulation ------------------------------------------------------------------------------ */

static void simulate_one(struct setup *setup, int64_t ranks, struct text *out)
{
    setup_shares(setup, ranks);
    const struct shards *shards = &setup->shards;
    const double longest_s = 1e-3 * (double)shards->cost_ms[shards->longest];
    const double even_s = 1e-3 * (double)shards->total_ms / (double)ranks;
    struct text span = {0}, even = {0};
    text_add_seconds(&span, longest_s);
    text_add_seconds(&even, even_s);
    text_print(out, "%8lld  %9s  %9s  %6.1f %%  %10.1f  %8d  %9d\n", (long long)ranks,
               text_get(&span), text_get(&even), 100 * even_s / longest_s,
               1e-3 * (double)shards->total_ms / longest_s, shards->longest + 1,
               shards->cells[shards->longest]);
    text_free(&span);
    text_free(&even);
}

int simulate(struct setup *setup, const char *counts, struct text *out, struct err *err)
{
    struct arena arena = {0};
    const int64_t *costs_ms = estimate_costs_ms(&setup->plan, &arena);
    int64_t most_ms = 0;
    int result = 0;
    for (int c = 0; c < setup->plan.count; ++c)
        most_ms = costs_ms[c] > most_ms ? costs_ms[c] : most_ms;
    text_print(out, "   ranks   makespan       even  balance     speedup   longest  its cells\n");
    for (const char *at = counts; result == 0 && *at;) {
        const size_t length = strcspn(at, ",");
        int64_t ranks = 0;
        if (!text_to_int64(arena_copy_bytes(&arena, at, length), &ranks) || ranks < 1 ||
            ranks > RANKS_MAX)
            result = err_set(err,
                             "--simulate: expected numbers of ranks such as 1,16,1000, found "
                             "'%.40s'",
                             counts);
        else
            simulate_one(setup, ranks, out);
        at += length + (at[length] == ',');
    }
    struct text most = {0};
    text_add_seconds(&most, 1e-3 * (double)most_ms);
    text_print(out,
               "%d cells; the longest alone takes %s: no number of ranks goes below that\n"
               "(a guess before anything is measured; starting a rank and its peaks: some 10 s "
               "more)\n",
               setup->plan.count, text_get(&most));
    text_free(&most);
    arena_free(&arena);
    return result;
}
