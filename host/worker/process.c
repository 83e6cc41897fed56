#include "worker/process.h"

#include "util/clock.h"
#include "util/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 8 << 10, DRAIN_MAX = 1 << 20, REPLY_MAX = 256 << 20, FIRST_FREE_FD = 5 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A close-on-exec pipe whose descriptors lie above those that the child gets: dup2 onto itself
 * would keep the flag and close it again. */
static int make_pipe(int ends[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC))
        return -1;
    ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    const int why = errno == EINVAL ? EMFILE : errno; /* none is allowed beyond the first */
    close(low[0]);
    close(low[1]);
    errno = why;
    return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

static int spawn(pid_t *pid, const char *const *argv, int request, int reply, int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults, none;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    posix_spawn_file_actions_adddup2(&actions, request, PROCESS_REQUEST_FD);
    posix_spawn_file_actions_adddup2(&actions, reply, PROCESS_REPLY_FD);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    const int status =
        posix_spawn(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return status;
}

int process_start(struct process *process, const char *const *argv, struct err *err)
{
    int request[2] = {-1, -1}, reply[2] = {-1, -1}, output[2] = {-1, -1};
    *process = (struct process){.request_fd = -1, .reply_fd = -1, .output_fd = -1};
    int status = 0;
    signal(SIGCHLD, SIG_DFL); /* ignored, as it may be inherited, it would reap behind our back */
    if (make_pipe(request) || make_pipe(reply) || make_pipe(output))
        status = errno;
    else
        status = spawn(&process->pid, argv, request[0], reply[1], output[1]);
    close_fd(&request[0]);
    close_fd(&reply[1]);
    close_fd(&output[1]);
    if (status) {
        process->pid = 0;
        close_fd(&request[1]);
        close_fd(&reply[0]);
        close_fd(&output[0]);
        return err_set(err, "cannot start a worker process '%s': %s", argv[0], strerror(status));
    }
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    process->request_fd = request[1];
    process->reply_fd = reply[0];
    process->output_fd = output[0];
    return 0;
}

static void forget(struct process *process)
{
    close_fd(&process->request_fd);
    close_fd(&process->reply_fd);
    close_fd(&process->output_fd);
    text_free(&process->replies);
    process->pid = 0;
}

/* Takes what has been printed, but no more than DRAIN_MAX: a driver that prints without end must
 * not keep us from its deadline. */
static void drain_output(struct process *process)
{
    char chunk[4096];
    size_t taken = 0;
    while (process->output_fd >= 0 && taken < DRAIN_MAX) {
        const ssize_t got = read(process->output_fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        if (process->output.length < OUTPUT_MAX)
            text_add_bytes(&process->output, chunk, (size_t)got);
        taken += (size_t)got;
    }
}

static void kill_group(pid_t pid, int number)
{
    kill(-pid, number);
    kill(pid, number);
}

/* Has it ended? It is not reaped yet. */
static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Waits up to seconds; true when the process is gone. What it has left in its group (a driver's
 * compiler) goes before it is reaped: until then the group's number cannot be another's. */
static bool reap(pid_t pid, double seconds, int *status)
{
    const double until = clock_now_s() + seconds;
    while (true) {
        if (has_ended(pid)) {
            kill_group(pid, SIGKILL);
            waitpid(pid, status, 0);
            return true;
        }
        if (clock_now_s() >= until)
            return false;
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

void process_stop(struct process *process, double grace_s)
{
    int status = 0;
    if (!process->pid)
        return;
    close_fd(&process->request_fd);
    bool gone = reap(process->pid, grace_s, &status);
    if (!gone) {
        kill_group(process->pid, SIGTERM);
        gone = reap(process->pid, 0.3, &status);
    }
    if (!gone) {
        kill_group(process->pid, SIGKILL);
        reap(process->pid, 2, &status); /* a process stuck inside the kernel stays behind */
    }
    drain_output(process);
    forget(process);
}

static void describe_death(int status, struct err *why)
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        err_set(why, "the worker was killed by SIG%s (%s)", name ? name : "?",
                strsignal(WTERMSIG(status)));
    } else {
        err_set(why, "the worker exited with status %d", WEXITSTATUS(status));
    }
}

static enum outcome died(struct process *process, struct err *why)
{
    int status = 0;
    if (!reap(process->pid, 1, &status)) { /* it closed its pipe and lives on */
        kill_group(process->pid, SIGKILL);
        reap(process->pid, 2, &status);
        err_set(why, "the worker closed its pipe");
    } else {
        describe_death(status, why);
    }
    drain_output(process);
    forget(process);
    return OUTCOME_DIED;
}

/* Takes the next complete line from what was received; NULL when there is none. */
static cJSON *take_reply(struct process *process)
{
    struct text *text = &process->replies;
    char *newline = text->length ? memchr(text->data, '\n', text->length) : NULL;
    if (!newline)
        return NULL;
    const size_t line = (size_t)(newline - text->data) + 1;
    cJSON *reply = json_parse(text->data, line - 1);
    memmove(text->data, text->data + line, text->length - line);
    text->length -= line;
    return reply ? reply : cJSON_CreateObject();
}

static int send_line(struct process *process, const cJSON *request)
{
    char *line = cJSON_PrintUnformatted(request);
    if (!line)
        return -1;
    const size_t length = strlen(line);
    line[length] = '\n';
    size_t sent = 0;
    while (sent <= length) {
        const ssize_t n = write(process->request_fd, line + sent, length + 1 - sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    free(line);
    return sent == length + 1 ? 0 : -1;
}

enum outcome process_ask(struct process *process, const cJSON *request, double deadline_s,
                         const volatile sig_atomic_t *stop, cJSON **reply, struct err *why)
{
    const double until = clock_now_s() + deadline_s;
    *reply = NULL;
    if (send_line(process, request))
        return died(process, why);
    while (true) {
        *reply = take_reply(process);
        if (*reply)
            return OUTCOME_REPLY;
        const double left = until - clock_now_s();
        if (left <= 0 || (stop && *stop >= 2)) {
            if (left <= 0)
                err_set(why, "no answer within %g s", deadline_s);
            else
                err_set(why, "stopped by the user");
            process_stop(process, 0);
            return left <= 0 ? OUTCOME_TIMEOUT : OUTCOME_STOPPED;
        }
        struct pollfd fds[2] = {{process->reply_fd, POLLIN, 0}, {process->output_fd, POLLIN, 0}};
        const int wait_ms = left < 0.2 ? (int)(left * 1000) + 1 : 200;
        if (poll(fds, 2, wait_ms) < 0)
            continue;
        if (fds[1].revents & POLLIN)
            drain_output(process);
        else if (fds[1].revents)
            close_fd(&process->output_fd);
        if (!fds[0].revents) { /* a child of its own may hold its pipe open */
            if (has_ended(process->pid))
                return died(process, why);
            continue;
        }
        char chunk[8192];
        const ssize_t got = read(process->reply_fd, chunk, sizeof chunk);
        if (got > 0 && process->replies.length < REPLY_MAX)
            text_add_bytes(&process->replies, chunk, (size_t)got);
        else if (got >= 0 || errno != EINTR)
            return died(process, why);
    }
}

char *process_take_output(struct process *process)
{
    if (!process->output.length)
        return NULL;
    struct text clean = {0};
    text_add_printable(&clean, text_get(&process->output), true);
    text_free(&process->output);
    return clean.data;
}
