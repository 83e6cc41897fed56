#include "worker/worker.h"

#include "util/file.h"
#include "worker/process.h"
#include "worker/worker_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* What a step needs before it may be asked for. */
enum need { NEED_NOTHING, NEED_DEVICE, NEED_PROBLEM };

static const struct {
    const char *name;
    worker_step *run;
    enum need need;
} steps[] = {{"enumerate", worker_enumerate, NEED_NOTHING},
             {"open", worker_open, NEED_NOTHING},
             {"peak", worker_peak, NEED_DEVICE},
             {"problem", worker_problem, NEED_DEVICE},
             {"case", worker_case, NEED_DEVICE},
             {"save", worker_save, NEED_PROBLEM},
             {"prepare", worker_prepare, NEED_PROBLEM},
             {"launch", worker_launch, NEED_PROBLEM},
             {"read", worker_read, NEED_PROBLEM},
             {"judge", worker_judge, NEED_PROBLEM},
             {"keep", worker_keep, NEED_PROBLEM},
             {"measure", worker_measure, NEED_PROBLEM},
             {"release", worker_release, NEED_DEVICE}};

static int run_step(struct served *s, const cJSON *request, cJSON *reply, struct failure *failure)
{
    const char *name = json_peek_string(request, "do");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
        if (strcmp(steps[i].name, name) == 0) {
            if ((steps[i].need >= NEED_DEVICE && !s->runner) ||
                (steps[i].need == NEED_PROBLEM && !s->have_problem))
                return failure_set(failure, FAILURE_ERROR, "\"%s\" came too early", name);
            return steps[i].run(s, request, reply, failure);
        }
    return failure_set(failure, FAILURE_ERROR, "unknown step \"%.40s\"", name);
}

/* ---- the conversation ------------------------------------------------------------------------ */

static int answer(const cJSON *reply)
{
    struct text line = {0};
    char *printed = json_print(reply);
    text_add(&line, printed);
    text_add(&line, "\n");
    free(printed);
    const int result = file_write_all(PROCESS_REPLY_FD, line.data, line.length, NULL);
    text_free(&line);
    return result;
}

/* Returns false when the process must end. */
static bool serve_line(struct served *s, const char *line, size_t length)
{
    static const char *const kinds[] = {"error", "build_failed", "oom", "unsupported"};
    struct failure failure = {0};
    cJSON *request = json_parse(line, length);
    cJSON *reply = cJSON_CreateObject();
    if (run_step(s, request, reply, &failure)) {
        struct text reason = {0};
        text_add_printable(&reason, failure.err.message, true);
        cJSON_Delete(reply);
        reply = cJSON_CreateObject();
        cJSON_AddStringToObject(reply, "failure", kinds[failure.kind]);
        cJSON_AddStringToObject(reply, "reason", text_get(&reason));
        cJSON_AddBoolToObject(reply, "fatal", failure.fatal);
        if (failure.work_group_limit)
            cJSON_AddNumberToObject(reply, "work_group_limit", (double)failure.work_group_limit);
        text_free(&reason);
    }
    const bool sent = answer(reply) == 0;
    cJSON_Delete(request);
    cJSON_Delete(reply);
    if (failure.fatal) /* any further call into the driver may hang: leave without releasing */
        _exit(0);
    return sent;
}

/* A compiler that a driver starts must not hold the pipes of a worker that has died. */
static void keep_pipes(void)
{
    fcntl(PROCESS_REQUEST_FD, F_SETFD, FD_CLOEXEC);
    fcntl(PROCESS_REPLY_FD, F_SETFD, FD_CLOEXEC);
}

static void die_with_parent(void)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1)
        _exit(1);
#endif
}

int worker_serve(const char *kernels_dir)
{
    static struct served served = {.read_slot = -1};
    struct err err;
    die_with_parent();
    keep_pipes();
    signal(SIGPIPE, SIG_IGN);
    if (kernel_tree_load(&served.kernels, kernels_dir, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 5;
    }
    struct text received = {0};
    bool more = true;
    while (more) {
        char *newline = received.length ? memchr(received.data, '\n', received.length) : NULL;
        if (newline) {
            const size_t line = (size_t)(newline - received.data) + 1;
            more = serve_line(&served, received.data, line - 1);
            memmove(received.data, received.data + line, received.length - line);
            received.length -= line;
            continue;
        }
        char chunk[8192];
        const ssize_t got = read(PROCESS_REQUEST_FD, chunk, sizeof chunk);
        if (got > 0)
            text_add_bytes(&received, chunk, (size_t)got);
        else if (got == 0 || errno != EINTR)
            more = false;
    }
    text_free(&received);
    worker_drop_problem(&served);
    runner_close(served.runner);
    arena_free(&served.device_memory);
    kernel_tree_free(&served.kernels);
    if (served.other_folder)
        kernel_tree_free(&served.other_kernels);
    return 0;
}
