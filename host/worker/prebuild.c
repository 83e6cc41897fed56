#include "worker/prebuild.h"

#include "util/cache.h"
#include "util/clock.h"
#include "util/file.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* As many numbers as a pipe holds for sure. */
enum { BUILDERS_MAX = 8, WORTH_IT = 8, PROGRAMS_MAX = 4096 / sizeof(uint32_t) };

/* Operations of the problem that a program is launched with. */
static const double small_flops = 1e6;

/* Those that wait for it: the first cells of their programs. */
struct builds {
    const struct cell **cells;
    int count;
    const char *marker; /* NULL: there is no cache folder */
};

static void find_builds(const struct run *run, struct builds *builds)
{
    const struct plan *plan = run->plan;
    size_t hash = 0;
    builds->cells = arena_array(run->arena, (size_t)plan->count + 1, sizeof *builds->cells);
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (!estimate_builds(run->estimate, plan, cell) || (run->done && run->done[c]))
            continue;
        builds->cells[builds->count++] = cell;
        const char *sha = cell->variant->program_sha ? cell->variant->program_sha : "";
        hash = 31 * hash +
               text_hash(arena_print(
                   run->arena, "%s %s %s", sha,
                   device_info_key(&plan->devices[cell->device], run->arena),
                   variant_cell_options(cell->variant, &cell->problem, &cell->tuning, run->arena)));
    }
    builds->marker = cache_path(run->arena, "built", arena_print(run->arena, "%016zx", hash));
}

/* A library compiles for longest: its programs come first. */
static int library_first(const void *a, const void *b)
{
    const struct cell *left = *(const struct cell *const *)a,
                      *right = *(const struct cell *const *)b;
    const int order = (right->variant->library != NULL) - (left->variant->library != NULL);
    return order ? order : (left > right) - (left < right);
}

static void build(struct run *run, const struct cell *cell)
{
    int64_t lengths[2];
    const struct problem small = estimate_pilot(&cell->problem, small_flops, lengths);
    struct trouble trouble;
    struct job job;
    cJSON *reply = NULL;
    job_start(&job, run->plan, cell, 0, run->arena);
    run->next = (int)(cell - run->plan->cells);
    if (!steps_open(run, cell, &trouble) || !steps_problem(run, cell, &small, false, &trouble) ||
        !steps_build(run, &job, "prepare", &reply))
        return;
    cJSON_Delete(reply);
    if (steps_ask_job(run, &job, steps_request("launch", 0), "check", &reply))
        cJSON_Delete(reply);
}

static volatile sig_atomic_t told_to_end;
static pid_t run_pid; /* of the run that a builder serves */

static void on_end(int signal_number)
{
    (void)signal_number;
    /* As Ctrl-C: the second one kills its worker. */
    told_to_end = told_to_end || getppid() != run_pid ? 2 : 1;
}

/* A builder holds the run's locks, so it must not outlive it. */
static void end_with_parent(void)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
}

/* A builder, in a process of its own: takes the number of the next program from one pipe that all
 * of them read, and says on another that it is built. Never returns. */
static void serve(const struct run *of, const struct builds *builds, pid_t parent, int numbers,
                  int done)
{
    struct supervisor with = *of->with;
    struct run run = *of;
    uint32_t number = 0;
    run_pid = parent;
    signal(SIGTERM, on_end);
    end_with_parent();
    signal(SIGINT, SIG_IGN);
    with.stop = &told_to_end;
    with.account = NULL;
    with.on_progress = NULL;
    with.on_device = NULL;
    run.with = &with;
    run.devices = arena_array(run.arena, (size_t)run.plan->device_count + 1, sizeof *run.devices);
    memcpy(run.devices, of->devices, (size_t)run.plan->device_count * sizeof *run.devices);
    while (!told_to_end && getppid() == parent &&
           read(numbers, &number, sizeof number) == sizeof number) {
        build(&run, builds->cells[number]);
        if (write(done, "", 1) != 1)
            break;
    }
    steps_stop_worker(&run, run.plan->cells[0].suite);
    _exit(0);
}

static bool is_over(const struct run *run, double deadline_s)
{
    return (run->with->stop && *run->with->stop) || clock_now_s() > deadline_s;
}

/* Waits for the builders' words; false: time was over, or they were all gone, before all had come.
 */
static bool wait_for(struct run *run, const struct builds *builds, int done, double deadline_s)
{
    char word = 0;
    for (int b = 0; b < builds->count;) {
        struct pollfd ready = {.fd = done, .events = POLLIN};
        struct job job = {.cell = builds->cells[b]};
        const int some = poll(&ready, 1, 200);
        if (is_over(run, deadline_s) || (some < 0 && errno != EINTR))
            return false;
        steps_progress(run, &job, "build ahead");
        if (some > 0 && read(done, &word, 1) != 1)
            return false;
        b += some > 0;
    }
    return true;
}

static bool is_gone(pid_t builder)
{
    const double until_s = clock_now_s() + 2;
    while (clock_now_s() < until_s) {
        const pid_t gone = waitpid(builder, NULL, WNOHANG);
        if (gone == builder || (gone < 0 && errno != EINTR))
            return true;
        (void)poll(NULL, 0, 10);
    }
    return false;
}

/* Told once they end after the present program, told twice they kill their workers. */
static void end_builders(const pid_t *builders, int count)
{
    for (int i = 0; i < count; ++i)
        (void)kill(builders[i], SIGTERM);
    for (int i = 0; i < count; ++i) {
        if (is_gone(builders[i]) || (kill(builders[i], SIGTERM) == 0 && is_gone(builders[i])))
            continue;
        (void)kill(builders[i], SIGKILL);
        (void)waitpid(builders[i], NULL, 0);
    }
}

static void remember(const char *marker)
{
    if (marker && cache_make_folders(marker))
        (void)file_replace_quickly(marker, "", 0, NULL); /* at worst they are built again */
}

/* Not for the workers that builders start. */
static int open_pipe(int ends[2])
{
    if (pipe(ends))
        return -1;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
}

void prebuild_run(struct run *run)
{
    const pid_t parent = getpid();
    struct builds builds = {0};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int most = cores < BUILDERS_MAX ? (int)cores : BUILDERS_MAX;
    pid_t builders[BUILDERS_MAX];
    int numbers[2], done[2], count = 0;
    const char *wish = getenv("ATTNBENCH_PROGRAM_CACHE");
    if ((wish && strcmp(wish, "off") == 0) || run->with->case_folder ||
        strcmp(run->with->backend, "opencl") != 0 || most < 2)
        return;
    find_builds(run, &builds);
    if (builds.count < WORTH_IT || builds.count > PROGRAMS_MAX || !builds.marker)
        return;
    if (access(builds.marker, F_OK) == 0) {
        estimate_are_built(run->estimate);
        return;
    }
    if (open_pipe(numbers))
        return;
    if (open_pipe(done)) {
        close(numbers[0]);
        close(numbers[1]);
        return;
    }
    const double start_s = clock_now_s();
    const double deadline_s =
        start_s + (run->budget_s > 0 ? run->budget_s / 4 : 2.0 * builds.count);
    qsort(builds.cells, (size_t)builds.count, sizeof(struct cell *), library_first);
    for (int b = 0; b < builds.count; ++b) {
        const uint32_t number = (uint32_t)b;
        (void)!write(numbers[1], &number, sizeof number);
    }
    close(numbers[1]);
    for (; count < most && (builders[count] = fork()) >= 0; ++count)
        if (builders[count] == 0) {
            close(done[0]);
            serve(run, &builds, parent, numbers[0], done[1]);
        }
    close(numbers[0]);
    close(done[1]);
    if (wait_for(run, &builds, done[0], deadline_s)) {
        remember(builds.marker);
        estimate_are_built(run->estimate);
    }
    close(done[0]);
    end_builders(builders, count);
    account_add(run->with->account, ACTIVITY_BUILD, clock_now_s() - start_s);
}
