#include "device/opencl.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_SHOWN = 1200, LOG_MAX = 16 << 20 };

/* The compiler's first words; the rest of a long log says the same again. */
static void add_log(struct session *session, cl_program program, struct failure *failure)
{
    size_t size = 0;
    char *raw = NULL;
    if (clGetProgramBuildInfo(program, session->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) ==
            CL_SUCCESS &&
        size > 1 && size < LOG_MAX)
        raw = calloc(1, size + 1);
    if (raw && clGetProgramBuildInfo(program, session->device, CL_PROGRAM_BUILD_LOG, size, raw,
                                     NULL) == CL_SUCCESS) {
        if (strlen(raw) > LOG_SHOWN)
            memcpy(raw + LOG_SHOWN, "...", 4);
        struct text log = {0};
        text_add_printable(&log, raw, true);
        struct err said = failure->err;
        err_set(&failure->err, "%.300s: %s", said.message, text_get(&log));
        text_free(&log);
    }
    free(raw);
}

static cl_program build(struct session *session, const char *source, const char *options,
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

cl_program opencl_program(struct session *session, const char *sha, const char *source,
                          const char *options, struct failure *failure)
{
    for (struct program *p = session->programs; p; p = p->next)
        if (strcmp(p->sha, sha) == 0 && strcmp(p->options, options) == 0)
            return p->handle;
    cl_program handle = build(session, source, options, failure);
    if (!handle)
        return NULL;
    struct program *program = calloc(1, sizeof *program);
    char *copy = strdup(options);
    if (!program || !copy) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        clReleaseProgram(handle);
        free(program);
        free(copy);
        return NULL;
    }
    memcpy(program->sha, sha, sizeof program->sha);
    program->options = copy;
    program->handle = handle;
    program->next = session->programs;
    session->programs = program;
    return handle;
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

cl_kernel opencl_kernel(struct session *session, cl_program program, const char *name,
                        size_t work_items, struct failure *failure)
{
    cl_int status = CL_SUCCESS;
    cl_kernel kernel = clCreateKernel(program, name, &status);
    if (status != CL_SUCCESS) {
        opencl_failed(failure, status, "clCreateKernel");
        err_prefix(&failure->err, "kernel %s", name);
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
        clReleaseProgram(program->handle);
        free(program->options);
        free(program);
    }
}
