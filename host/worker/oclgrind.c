#include "worker/oclgrind.h"

#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "worker/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LIBRARY_LOCAL_BYTES: what OpenCL promises, and a library may count on. */
enum { LOG_BYTES_MAX = 64 << 20, LIBRARY_LOCAL_BYTES = 32 << 10 };
static const double leave_s = 30; /* what a worker has for its end, which writes the log */

const char *oclgrind_find(struct arena *arena)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at;) {
        const size_t length = strcspn(at, ":");
        const char *file = arena_print(arena, "%.*s/oclgrind", (int)length, at);
        if (length && access(file, X_OK) == 0)
            return file;
        at += length + (at[length] == ':');
    }
    return NULL;
}

/* Starts a worker; log: where Oclgrind writes, or NULL. */
static int start(const struct oclgrind *with, struct process *process, int64_t local_bytes,
                 const char *log, struct arena *arena, struct err *err)
{
    const char *argv[] = {with->path, "--num-threads", "1", "--data-races", "--uninitialized",
                          "--check-api",
                          /* Oclgrind 21.10 does not know `freeze`, which optimised code has, and
                           * then finds undefined values. */
                          "--build-options", "-cl-opt-disable -DOCLGRIND", "--local-mem-size",
                          arena_print(arena, "%" PRId64, local_bytes), "--max-wgsize",
                          arena_print(arena, "%" PRId64, with->max_work_group),
                          log ? "--log" : "--num-threads", log ? log : "1", with->program, "worker",
                          with->kernels_dir ? "--kernels" : NULL, with->kernels_dir, NULL};
    int result;
    /* Between pipe() and FD_CLOEXEC another thread's child would inherit the descriptors. */
#pragma omp critical(oclgrind_start)
    result = process_start(process, argv, err);
    signal(SIGPIPE, SIG_IGN);
    return result;
}

static int64_t local_bytes_of_part(const struct variant *variant, const struct problem *problem,
                                   const struct tuning *tuning)
{
    int64_t bytes = 0;
    if (variant_size(variant->local_bytes, problem, tuning, &bytes, NULL) || bytes < 1)
        bytes = 1;
    return variant->library && bytes < LIBRARY_LOCAL_BYTES ? LIBRARY_LOCAL_BYTES : bytes;
}

/* Twice what the variant declares, since Oclgrind 21.10 counts the arrays of gemm_bias as gemm's,
 * too, and no more: its time for a barrier grows with the local memory that a device has. */
static int64_t local_bytes_of(const struct cell *cell)
{
    int64_t most = local_bytes_of_part(cell->variant, &cell->problem, &cell->tuning);
    for (int p = 0; p < cell->variant->part_count; ++p) {
        const struct part *part = &cell->variant->parts[p];
        const struct tuning own = variant_part_tuning(cell->variant, p, &cell->tuning);
        const int64_t bytes = local_bytes_of_part(part->variant, &part->problem, &own);
        most = bytes > most ? bytes : most;
    }
    return 2 * most;
}

static cJSON *request_of(const char *step)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", step);
    cJSON_AddNumberToObject(request, "slot", 0);
    return request;
}

/* A conversation, and how it ended before its time. */
struct talk {
    const struct oclgrind *with;
    struct process process;
    double until_s;
    enum outcome outcome;
    char step[16];
    cJSON *reply; /* to the last request */
    struct err why;
};

/* Takes ownership of the request. False: it failed, or the process is gone. */
static bool ask(struct talk *talk, cJSON *request)
{
    const double left_s = talk->until_s - clock_now_s();
    cJSON_Delete(talk->reply);
    snprintf(talk->step, sizeof talk->step, "%s", json_peek_string(request, "do"));
    talk->outcome = process_ask(&talk->process, request, left_s > 0 ? left_s : 0, talk->with->stop,
                                &talk->reply, &talk->why);
    const bool said = talk->outcome == OUTCOME_REPLY;
    if (said && *json_peek_string(talk->reply, "failure"))
        err_set(&talk->why, "%s", json_peek_string(talk->reply, "reason"));
    if (!said || *json_peek_string(talk->reply, "failure"))
        err_prefix(&talk->why, "step '%s'", talk->step);
    cJSON_Delete(request);
    return said && !*json_peek_string(talk->reply, "failure");
}

int oclgrind_open(struct oclgrind *with, struct arena *arena, struct err *err)
{
    struct talk talk = {.with = with, .until_s = clock_now_s() + 60};
    if (start(with, &talk.process, LIBRARY_LOCAL_BYTES, NULL, arena, err))
        return -1;
    cJSON *request = request_of("enumerate");
    cJSON_AddStringToObject(request, "backend", "opencl");
    int result = ask(&talk, request) ? 0 : err_set(err, "%s", talk.why.message);
    const cJSON *first =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(talk.reply, "devices"), 0);
    if (result == 0)
        result = device_info_from_json(&with->device, first, arena, err);
    if (result == 0 && !text_contains(with->device.platform, "oclgrind"))
        result = err_set(err, "the device there is %s", with->device.id);
    if (result)
        err_prefix(err, "'%s' does not run this program", with->path);
    process_stop(&talk.process, leave_s);
    free(process_take_output(&talk.process));
    cJSON_Delete(talk.reply);
    return result;
}

/* ---- a case ---------------------------------------------------------------------------------- */

static bool ask_all(struct talk *talk, const struct cell *cell)
{
    cJSON *request = request_of("open");
    cJSON_AddStringToObject(request, "backend", "opencl");
    cJSON_AddItemToObject(request, "device", device_info_to_json(&talk->with->device));
    if (!ask(talk, request))
        return false;
    request = request_of("problem");
    cJSON_AddItemToObject(request, "problem", problem_to_json(&cell->problem));
    cJSON_AddNumberToObject(request, "seed", 1);
    cJSON_AddNumberToObject(request, "inputs", 0);
    if (!ask(talk, request))
        return false;
    request = request_of("prepare");
    cJSON_AddStringToObject(request, "variant", cell->variant->name);
    cJSON_AddItemToObject(request, "tuning", tuning_to_json(&cell->tuning));
    if (!ask(talk, request) || !ask(talk, request_of("launch")) || !ask(talk, request_of("read")))
        return false;
    request = request_of("judge");
    cJSON_AddStringToObject(request, "mode", check_mode_name(CHECK_FULL));
    return ask(talk, request);
}

static void add(struct oclgrind_result *result, enum finding_kind kind, const char *message,
                struct arena *arena)
{
    const size_t n = (size_t)result->count;
    result->findings = arena_grow(arena, result->findings, n, n + 1, sizeof *result->findings);
    result->findings[n] = (struct finding){.kind = kind,
                                           .kernel = "",
                                           .file = "",
                                           .other_file = "",
                                           .message = arena_copy(arena, message)};
    ++result->count;
}

/* The line that says why Oclgrind gave up, if there is one; else the last. */
static const char *last_words(const char *output, struct arena *arena)
{
    const char *fatal = strstr(output, "OCLGRIND FATAL ERROR");
    const char *from = fatal ? strchr(fatal, '\n') : NULL;
    size_t end = strlen(output);
    while (!from && end > 0 && output[end - 1] == '\n')
        --end;
    size_t begin = end;
    while (!from && begin > 0 && output[begin - 1] != '\n')
        --begin;
    return from ? arena_copy_bytes(arena, from + 1, strcspn(from + 1, "\n"))
                : arena_copy_bytes(arena, output + begin, end - begin);
}

static void add_end(const struct talk *talk, const char *output, struct oclgrind_result *result,
                    struct arena *arena)
{
    const char *failure = json_peek_string(talk->reply, "failure");
    const char *words = talk->outcome == OUTCOME_DIED ? last_words(output, arena) : "";
    const char *message =
        arena_print(arena, "%s%s%s", talk->why.message, *words ? ": " : "", words);
    if (talk->outcome == OUTCOME_STOPPED) {
        result->interrupted = true;
    } else if (talk->outcome == OUTCOME_TIMEOUT) {
        add(result, FINDING_TIMEOUT,
            arena_print(arena, "step '%s' had not ended after %g s", talk->step,
                        talk->with->deadline_s),
            arena);
    } else if (talk->outcome == OUTCOME_DIED) {
        add(result, FINDING_CRASH, message, arena);
    } else if (strcmp(failure, "unsupported") == 0) {
        result->unsupported = true;
        result->reason = message;
    } else {
        add(result,
            strcmp(failure, "build_failed") == 0 ? FINDING_BUILD
            : strcmp(talk->step, "prepare") == 0 || strcmp(talk->step, "launch") == 0
                ? FINDING_API
                : FINDING_CRASH,
            message, arena);
    }
}

/* What Oclgrind wrote, and removes it. */
static void read_log(const char *path, struct text *log)
{
    struct err ignored;
    if (file_read(path, LOG_BYTES_MAX, log, &ignored))
        log->length = 0;
    unlink(path);
}

void oclgrind_run(const struct oclgrind *with, const struct cell *cell, int number,
                  struct oclgrind_result *result, struct arena *arena)
{
    struct talk talk = {.with = with, .until_s = clock_now_s() + with->deadline_s, .step = "start"};
    struct text log = {0};
    const char *path = arena_print(arena, "%s/%d.log", with->folder, number);
    *result = (struct oclgrind_result){.reason = ""};
    if (start(with, &talk.process, local_bytes_of(cell), path, arena, &talk.why)) {
        add(result, FINDING_CRASH, talk.why.message, arena);
        return;
    }
    const bool done = ask_all(&talk, cell);
    process_stop(&talk.process, leave_s);
    char *output = process_take_output(&talk.process);
    read_log(path, &log);
    result->count = oclgrind_log_parse(text_get(&log), &result->findings, arena);
    /* The driver's warnings stand there, too. */
    struct finding *said = NULL;
    const int said_count = oclgrind_log_parse(output ? output : "", &said, arena);
    if (!done)
        add_end(&talk, output ? output : "", result, arena);
    for (int i = 0; i < said_count && done; ++i)
        if (said[i].kind == FINDING_API)
            add(result, FINDING_API, said[i].message, arena);
    if (done && !result->count && !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(talk.reply, "ok")))
        add(result, FINDING_WRONG, json_peek_string(talk.reply, "reason"), arena);
    free(output);
    text_free(&log);
    cJSON_Delete(talk.reply);
}
