#include "device/opencl.h"

#include "util/sha256.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SHOWN = 600, NAMES_SHOWN = 1000, LOG_MAX = 16 << 20, BINARY_MAX = 64 << 20 };

/* The line that says what is wrong: the first with "error", which has file and line, else the first
 * that is not empty. */
static const char *telling_line(const char *log, size_t *length)
{
    const char *first = NULL;
    for (const char *line = log; *line;
         line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        const size_t bytes = strcspn(line, "\n");
        char copy[LINE_SHOWN + 1];
        snprintf(copy, sizeof copy, "%.*s", (int)(bytes < LINE_SHOWN ? bytes : LINE_SHOWN), line);
        if (!first && strspn(copy, " \t\r") < strlen(copy))
            first = line;
        if (text_contains(copy, "error")) {
            first = line;
            break;
        }
    }
    *length = first ? strcspn(first, "\r\n") : 0;
    return first;
}

/* What the compiler says first becomes the reason; all of it goes to the worker's output, which
 * rows keep. */
static void add_log(struct session *session, cl_program program, struct failure *failure)
{
    size_t size = 0, length = 0;
    char *raw = NULL;
    if (clGetProgramBuildInfo(program, session->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) ==
            CL_SUCCESS &&
        size > 1 && size < LOG_MAX)
        raw = calloc(1, size + 1);
    if (raw && clGetProgramBuildInfo(program, session->device, CL_PROGRAM_BUILD_LOG, size, raw,
                                     NULL) == CL_SUCCESS) {
        const char *line = telling_line(raw, &length);
        char copy[LINE_SHOWN + 1];
        snprintf(copy, sizeof copy, "%.*s", (int)(length < LINE_SHOWN ? length : LINE_SHOWN),
                 line ? line : "");
        struct text shown = {0};
        text_add_printable(&shown, copy, false);
        struct err said = failure->err;
        if (shown.length)
            err_set(&failure->err, "%s (%.300s; the row's worker_output has the log)",
                    text_get(&shown), said.message);
        text_free(&shown);
        fprintf(stderr, "%s\n", raw);
    }
    free(raw);
}

static cl_program build_source(struct session *session, const char *source, const char *options,
                               struct failure *failure)
{
    cl_int status = CL_SUCCESS;
    cl_program program = clCreateProgramWithSource(session->context, 1, &source, NULL, &status);
    if (status != CL_SUCCESS) {
        opencl_failed(failure, status, "clCreateProgramWithSource");
        return NULL;
    }
    status = clBuildProgram(program, 1, &session->device, options, NULL, NULL);
    if (status == CL_SUCCESS)
        return program;
    opencl_failed(failure, status, "clBuildProgram");
    if (failure->kind == FAILURE_ERROR)
        failure->kind = FAILURE_BUILD;
    add_log(session, program, failure);
    if (!failure->fatal)
        clReleaseProgram(program);
    return NULL;
}

/* ---- the program cache ----------------------------------------------------------------------- */

/* Variables that drivers' compilers listen to: a binary made under others is another binary. */
static void add_environment(struct text *identity)
{
    extern char **environ;
    static const char *const prefixes[] = {"POCL_", "CL_CONFIG_", "OCL_",  "IGC_",     "CUDA_",
                                           "AMD_",  "RUSTICL_",   "MESA_", "GALLIUM_", "LP_"};
    for (char **variable = environ; *variable; ++variable)
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; ++i)
            if (text_starts(*variable, prefixes[i]))
                text_print(identity, "%s\n", *variable);
}

static void make_key(struct session *session, struct program *program, const char *source)
{
    struct text identity = {0};
    cl_platform_id platform = NULL;
    char platform_version[512] = "", device_version[512] = "";
    clGetDeviceInfo(session->device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof platform_version - 1, platform_version,
                      NULL);
    clGetDeviceInfo(session->device, CL_DEVICE_VERSION, sizeof device_version - 1, device_version,
                    NULL);
    text_print(&identity, "%s\n%s\n%s\n", platform_version, device_version, program->options);
    text_add(&identity, source);
    add_environment(&identity);
    sha256_hex(text_get(&identity), identity.length, program->key);
    text_free(&identity);
}

/* NULL: none is kept, or the driver refuses it. */
static cl_program load(struct session *session, struct program *program)
{
    struct text binary = {0};
    cl_program handle = NULL;
    if (program_cache_load(&session->cache, program->key, &binary)) {
        const unsigned char *bytes = (const unsigned char *)binary.data;
        cl_int accepted = CL_SUCCESS, status = CL_SUCCESS;
        handle = clCreateProgramWithBinary(session->context, 1, &session->device, &binary.length,
                                           &bytes, &accepted, &status);
        if (status == CL_SUCCESS && accepted == CL_SUCCESS)
            status = clBuildProgram(handle, 1, &session->device, program->options, NULL, NULL);
        if (status != CL_SUCCESS || accepted != CL_SUCCESS) {
            if (handle)
                clReleaseProgram(handle);
            handle = NULL;
            program_cache_forget(&session->cache, program->key);
        }
    }
    text_free(&binary);
    return handle;
}

/* Drivers that have no binaries say so with a size of 0. */
static void save(struct session *session, const struct program *program)
{
    size_t size = 0;
    if (!program_risk(&session->cache, program->key))
        return;
    if (clGetProgramInfo(program->handle, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) ==
            CL_SUCCESS &&
        size > 0 && size < BINARY_MAX) {
        unsigned char *binary = calloc(1, size);
        if (binary && clGetProgramInfo(program->handle, CL_PROGRAM_BINARIES, sizeof binary, &binary,
                                       NULL) == CL_SUCCESS)
            program_cache_store(&session->cache, program->key, binary, size);
        free(binary);
    }
    program_safe(&session->cache, program->key);
}

void opencl_program_risk(struct session *session, struct program *program)
{
    program->aside =
        program->cached && !program->aside && program_risk(&session->cache, program->key);
}

void opencl_program_safe(struct session *session, struct program *program)
{
    if (program->aside)
        program_safe(&session->cache, program->key);
    program->aside = false;
}

/* ---- programs -------------------------------------------------------------------------------- */

static void free_program(struct program *program)
{
    if (program->handle)
        clReleaseProgram(program->handle);
    free(program->options);
    free(program);
}

struct program *opencl_program(struct session *session, const char *sha, const char *source,
                               const char *options, enum build_origin *origin,
                               struct failure *failure)
{
    *origin = BUILD_SESSION;
    for (struct program *p = session->programs; p; p = p->next)
        if (strcmp(p->sha, sha) == 0 && strcmp(p->options, options) == 0)
            return p;
    struct program *program = calloc(1, sizeof *program);
    if (!program || !(program->options = strdup(options))) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        free(program);
        return NULL;
    }
    snprintf(program->sha, sizeof program->sha, "%s", sha);
    make_key(session, program, source);
    program->handle = load(session, program);
    program->cached = program->aside = program->handle != NULL;
    *origin = program->cached ? BUILD_CACHE : BUILD_SOURCE;
    if (!program->handle) {
        program->handle = build_source(session, source, options, failure);
        if (!program->handle) {
            free_program(program);
            return NULL;
        }
        save(session, program);
    }
    program->next = session->programs;
    session->programs = program;
    return program;
}

/* What only the compiled kernel tells: does this device run it in groups of this size? Its
 * CL_KERNEL_LOCAL_MEM_SIZE is not asked: rusticl 22.3 reports twice what the kernel declares.
 * Variant files state their local memory themselves. */
static int check_kernel(struct session *session, cl_kernel kernel, const char *name,
                        size_t work_items, struct failure *failure)
{
    size_t allowed = 0;
    if (clGetKernelWorkGroupInfo(kernel, session->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof allowed,
                                 &allowed, NULL) == CL_SUCCESS &&
        allowed && work_items > allowed) {
        failure_set(failure, FAILURE_UNSUPPORTED,
                    "kernel %s runs in work-groups of at most %zu here, the tuning asks for %zu",
                    name, allowed, work_items);
        failure->work_group_limit = (int64_t)allowed;
        return -1;
    }
    return 0;
}

/* A name that is not in the program: which are? */
static void list_kernels(cl_program program, const char *name, struct failure *failure)
{
    char names[NAMES_SHOWN] = "";
    if (clGetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, sizeof names - 1, names, NULL) !=
            CL_SUCCESS ||
        !*names)
        return;
    struct text shown = {0};
    text_add_printable(&shown, names, false);
    err_set(&failure->err, "the program has no kernel \"%.100s\"; it has: %s", name,
            text_get(&shown));
    text_free(&shown);
}

cl_kernel opencl_kernel(struct session *session, cl_program program, const char *name,
                        size_t work_items, struct failure *failure)
{
    cl_int status = CL_SUCCESS;
    cl_kernel kernel = clCreateKernel(program, name, &status);
    if (status != CL_SUCCESS) {
        opencl_failed(failure, status, "clCreateKernel");
        err_prefix(&failure->err, "kernel %s", name);
        if (status == CL_INVALID_KERNEL_NAME)
            list_kernels(program, name, failure);
        return NULL;
    }
    if (check_kernel(session, kernel, name, work_items, failure)) {
        clReleaseKernel(kernel);
        return NULL;
    }
    return kernel;
}

void opencl_programs_free(struct session *session)
{
    while (session->programs) {
        struct program *program = session->programs;
        session->programs = program->next;
        free_program(program);
    }
}
