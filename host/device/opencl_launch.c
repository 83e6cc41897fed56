/* Variants on an OpenCL device: kernels and library products from building to launching. */
#include "device/opencl.h"

#include "util/clock.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- kernels --------------------------------------------------------------------------------- */

struct launch_pass {
    cl_kernel kernel; /* NULL: a gemm */
    size_t global[3], local[3];
    struct gemm_sizes gemm;
    cl_mem a, b, c;
    int repeat;
    struct stage stage; /* of a kernel of another operation than attention */
};

struct kernels {
    const struct variant *variant;
    struct program *programs[PARTS_MAX];
    struct problem problem;
    struct tuning tuning;
    struct launch_pass passes[PASSES_MAX];
    int launches; /* of all passes, repeated ones counted */
};

/* Attention's kernels get the shape, those of other operations the stage. */
static bool takes_stage(const struct kernels *kernels, const struct pass *pass)
{
    return variant_part_problem(kernels->variant, pass->part, &kernels->problem)->op !=
           OP_ATTENTION;
}

void opencl_kernels_free(struct session *session, struct kernels *kernels)
{
    (void)session;
    for (int i = 0; i < kernels->variant->pass_count; ++i)
        if (kernels->passes[i].kernel)
            clReleaseKernel(kernels->passes[i].kernel);
    free(kernels);
}

static int size_of(const struct kernels *kernels, const struct pass *pass, const char *expression,
                   size_t *size, struct failure *failure)
{
    int64_t value = 0;
    if (variant_pass_size(kernels->variant, pass, expression, &kernels->problem, &kernels->tuning,
                          &value, &failure->err)) {
        failure->kind = FAILURE_ERROR;
        return -1;
    }
    *size = (size_t)value;
    return 0;
}

static int size_gemm(const struct kernels *kernels, const struct pass *pass,
                     struct gemm_sizes *sizes, struct failure *failure)
{
    const struct gemm *gemm = &pass->gemm;
    const struct {
        const char *expression;
        size_t *size;
    } all[] = {{gemm->m, &sizes->m},
               {gemm->n, &sizes->n},
               {gemm->k, &sizes->k},
               {gemm->count, &sizes->count},
               {gemm->lda, &sizes->lda},
               {gemm->ldb, &sizes->ldb},
               {gemm->ldc, &sizes->ldc},
               {gemm->stride_a, &sizes->stride_a},
               {gemm->stride_b, &sizes->stride_b},
               {gemm->stride_c, &sizes->stride_c}};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        if (size_of(kernels, pass, all[i].expression, all[i].size, failure))
            return -1;
    sizes->step_b = gemm->stepped ? sizes->k * sizes->n : 0;
    double alpha = 0;
    if (strcmp(gemm->alpha, "scale") == 0)
        alpha =
            problem_scale(variant_part_problem(kernels->variant, pass->part, &kernels->problem));
    else if (!text_to_double(gemm->alpha, &alpha))
        return failure_set(failure, FAILURE_ERROR, "gemm alpha is neither \"scale\" nor a number");
    sizes->alpha = (float)alpha;
    return 0;
}

static int prepare_stage(const struct kernels *kernels, const struct pass *pass,
                         struct launch_pass *launch, struct failure *failure)
{
    const struct problem *problem = &kernels->problem;
    double rope_base = 0, rope_pairs = 0;
    size_t m = 1, n = 1, k = 1, repeat = 1;
    if (size_of(kernels, pass, pass->m, &m, failure) ||
        size_of(kernels, pass, pass->n, &n, failure) ||
        size_of(kernels, pass, pass->k, &k, failure) ||
        size_of(kernels, pass, pass->repeat, &repeat, failure))
        return -1;
    if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX || repeat > 1 << 24)
        return failure_set(failure, FAILURE_UNSUPPORTED, "pass %s is too large", pass_name(pass));
    problem_value(problem, "rope_base", &rope_base);
    problem_value(problem, "rope_pairs", &rope_pairs);
    launch->repeat = (int)repeat;
    launch->stage = (struct stage){.m = (shape_int)m,
                                   .n = (shape_int)n,
                                   .k = (shape_int)k,
                                   .rope_base = (float)rope_base,
                                   .rope_pairs = (shape_int)rope_pairs,
                                   .relative_clip = (shape_int)problem->relative_clip};
    return 0;
}

static int prepare_pass(struct session *session, struct kernels *kernels, int index,
                        struct failure *failure)
{
    const struct pass *pass = &kernels->variant->passes[index];
    struct launch_pass *launch = &kernels->passes[index];
    if (prepare_stage(kernels, pass, launch, failure))
        return -1;
    kernels->launches += launch->repeat;
    if (!pass->kernel)
        return size_gemm(kernels, pass, &launch->gemm, failure);
    size_t items = 1;
    for (int d = 0; d < 3; ++d) {
        size_t groups = 0;
        if (size_of(kernels, pass, pass->local[d], &launch->local[d], failure) ||
            size_of(kernels, pass, pass->groups[d], &groups, failure))
            return -1;
        launch->global[d] = groups * launch->local[d];
        items *= launch->local[d];
    }
    launch->kernel =
        opencl_kernel(session, kernels->programs[pass->part]->handle, pass->kernel, items, failure);
    return launch->kernel ? 0 : -1;
}

static int prepare_passes(struct session *session, struct kernels *kernels, struct failure *failure)
{
    for (int i = 0; i < kernels->variant->pass_count; ++i) {
        const struct pass *pass = &kernels->variant->passes[i];
        if (prepare_pass(session, kernels, i, failure) ||
            (!pass->kernel && clblast_warm_up(session, &pass->gemm, failure)))
            return -1;
    }
    return 0;
}

/* A program for each part: what the attention variant's own cells use serves inside of a frame. */
static int build_parts(struct session *session, struct kernels *kernels, enum build_origin *origin,
                       struct failure *failure)
{
    const struct variant *whole = kernels->variant;
    enum build_origin newest = BUILD_SESSION;
    for (int p = 0; p == 0 || p < whole->part_count; ++p) {
        const struct variant *variant = whole->part_count ? whole->parts[p].variant : whole;
        const struct tuning tuning = variant_part_tuning(whole, p, &kernels->tuning);
        struct arena arena = {0};
        const char *options = variant_build_options(
            variant_part_problem(whole, p, &kernels->problem), &tuning, &arena);
        kernels->programs[p] = opencl_program(session, variant->program_sha, variant->program,
                                              options, origin, failure);
        arena_free(&arena);
        if (!kernels->programs[p])
            return -1;
        if (*origin < newest)
            newest = *origin;
    }
    *origin = newest;
    return 0;
}

struct kernels *opencl_build(struct session *session, const struct variant *variant,
                             const struct problem *problem, const struct tuning *tuning,
                             enum build_origin *origin, struct failure *failure)
{
    if (variant->library && clblast_use(session, tuning, failure))
        return NULL;
    struct kernels *kernels = calloc(1, sizeof *kernels);
    if (!kernels) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    *kernels = (struct kernels){.variant = variant, .problem = *problem, .tuning = *tuning};
    const int result =
        build_parts(session, kernels, origin, failure) || prepare_passes(session, kernels, failure);
    for (int p = 0; p < PARTS_MAX; ++p)
        if (kernels->programs[p])
            opencl_program_safe(session, kernels->programs[p]);
    if (result == 0)
        return kernels;
    if (failure->fatal)
        free(kernels); /* and nothing that the driver has */
    else
        opencl_kernels_free(session, kernels);
    return NULL;
}

void opencl_distrust(struct session *session, struct kernels *kernels)
{
    for (int p = 0; p < PARTS_MAX; ++p)
        if (kernels->programs[p])
            program_cache_forget(&session->cache, kernels->programs[p]->key);
}

static cl_mem find_binding(const struct binding *bindings, int count, const char *name)
{
    for (int i = 0; i < count; ++i)
        if (strcmp(bindings[i].name, name) == 0)
            return opencl_payload(bindings[i].buffer);
    return NULL; /* variant_load has checked the names */
}

/* The kernel's last parameter. */
static cl_int set_shape(const struct kernels *kernels, int index, cl_uint arg)
{
    const struct pass *pass = &kernels->variant->passes[index];
    const struct launch_pass *launch = &kernels->passes[index];
    const struct stage *stage = &launch->stage;
    return takes_stage(kernels, pass)
               ? clSetKernelArg(launch->kernel, arg, sizeof *stage, stage)
               : clSetKernelArg(launch->kernel, arg, sizeof stage->shape, &stage->shape);
}

int opencl_bind(struct session *session, struct kernels *kernels, const struct shape *shapes,
                const struct binding *bindings, int count, struct failure *failure)
{
    (void)session;
    for (int i = 0; i < kernels->variant->pass_count; ++i) {
        const struct pass *pass = &kernels->variant->passes[i];
        struct launch_pass *launch = &kernels->passes[i];
        launch->stage.shape = shapes[pass->part];
        if (!pass->kernel) {
            launch->a = find_binding(bindings, count, pass->gemm.a);
            launch->b = find_binding(bindings, count, pass->gemm.b);
            launch->c = find_binding(bindings, count, pass->gemm.c);
            continue;
        }
        cl_int status = CL_SUCCESS;
        cl_uint arg = 0;
        for (; arg < (cl_uint)pass->arg_count && status == CL_SUCCESS; ++arg) {
            const cl_mem memory = find_binding(bindings, count, pass->args[arg]);
            status = clSetKernelArg(launch->kernel, arg, sizeof memory, &memory);
        }
        if (status == CL_SUCCESS)
            status = set_shape(kernels, i, arg);
        if (status != CL_SUCCESS) {
            opencl_failed(failure, status, "clSetKernelArg");
            return err_prefix(&failure->err,
                              "kernel %s, parameter %u (buffers as in \"args\", then the shape)",
                              pass->kernel, arg);
        }
    }
    return 0;
}

/* ---- launches -------------------------------------------------------------------------------- */

/* The events of a launch: of each pass, each time that it is repeated. */
struct events {
    cl_event *begin, *end; /* begin: of the marker in front of a gemm, or NULL */
    int *pass;             /* whose event it is */
    int count;
};

/* Before a gemm stands a marker: the library may launch several kernels (padding, transposing) but
 * gives the event of the last alone, so that the pass starts where the marker ends. */
static int enqueue_pass(struct session *session, struct kernels *kernels, int index, int step,
                        struct events *events, struct failure *failure)
{
    const struct pass *pass = &kernels->variant->passes[index];
    struct launch_pass *launch = &kernels->passes[index];
    const int at = events->count++;
    cl_int status = CL_SUCCESS;
    const char *call = "clEnqueueNDRangeKernel";
    events->pass[at] = index;
    if (pass->kernel) {
        if (launch->repeat > 1 && takes_stage(kernels, pass)) {
            launch->stage.step = step;
            status = set_shape(kernels, index, (cl_uint)pass->arg_count);
        }
        if (status == CL_SUCCESS)
            status = clEnqueueNDRangeKernel(session->queue, launch->kernel, 3, NULL, launch->global,
                                            launch->local, 0, NULL, &events->end[at]);
    } else {
        call = "clEnqueueMarkerWithWaitList";
        status = clEnqueueMarkerWithWaitList(session->queue, 0, NULL, &events->begin[at]);
        if (status == CL_SUCCESS &&
            clblast_gemm(session, &pass->gemm, &launch->gemm, launch->a, launch->b,
                         (size_t)step * launch->gemm.step_b, launch->c, &events->end[at], failure))
            return -1;
    }
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, call);
}

/* Neighbours that are repeated alike take turns: a layer's passes, then the next layer's. */
static int enqueue(struct session *session, struct kernels *kernels, struct events *events,
                   struct failure *failure)
{
    const struct launch_pass *passes = kernels->passes;
    const int count = kernels->variant->pass_count;
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && passes[end].repeat == passes[first].repeat;)
            ++end;
        for (int step = 0; step < passes[first].repeat; ++step)
            for (int i = first; i < end; ++i)
                if (enqueue_pass(session, kernels, i, step, events, failure))
                    return -1;
    }
    const cl_int status = clFinish(session->queue);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clFinish");
}

static bool read_times(cl_event event, struct event_times *times)
{
    const struct {
        cl_profiling_info what;
        uint64_t *value;
    } all[] = {{CL_PROFILING_COMMAND_QUEUED, &times->queued},
               {CL_PROFILING_COMMAND_SUBMIT, &times->submit},
               {CL_PROFILING_COMMAND_START, &times->start},
               {CL_PROFILING_COMMAND_END, &times->end}};
    for (size_t i = 0; i < 4; ++i) {
        cl_ulong value = 0;
        if (clGetEventProfilingInfo(event, all[i].what, sizeof value, &value, NULL) != CL_SUCCESS)
            return false;
        *all[i].value = value;
    }
    return true;
}

static void judge_times(const struct session *session, const struct kernels *kernels,
                        const struct events *launched, struct event_times *events,
                        struct launch_times *times)
{
    const int count = launched->count;
    times->device_s = NAN;
    for (int i = 0; i < count; ++i) {
        if (!read_times(launched->end[i], &events[i])) {
            strcpy(times->gate, "the driver gives no profiling information");
            return;
        }
        struct event_times marker;
        if (launched->begin[i] && read_times(launched->begin[i], &marker)) {
            events[i].queued = marker.queued;
            events[i].submit = marker.submit;
            events[i].start = marker.end;
        }
    }
    if (!timer_gate(events, count, times->host_s, session->timer_ns, times->gate))
        return;
    times->device_end_ns = events[count - 1].end;
    times->device_s = (double)(events[count - 1].end - events[0].start) * 1e-9;
    for (int p = 0; p < kernels->variant->pass_count; ++p)
        times->pass_s[p] = 0;
    for (int i = 0; i < count; ++i)
        times->pass_s[launched->pass[i]] += (double)(events[i].end - events[i].start) * 1e-9;
}

static void release_events(const struct events *events)
{
    for (int i = 0; i < events->count; ++i) {
        if (events->begin[i])
            clReleaseEvent(events->begin[i]);
        if (events->end[i])
            clReleaseEvent(events->end[i]);
    }
}

/* Some drivers compile only at the first launch. */
static void mark_risk(struct session *session, struct kernels *kernels, bool before, bool failed)
{
    for (int p = 0; p < PARTS_MAX && kernels->programs[p]; ++p) {
        struct program *program = kernels->programs[p];
        if (before && !program->ran)
            opencl_program_risk(session, program);
        if (before)
            continue;
        if (!program->ran)
            opencl_program_safe(session, program);
        if (failed && program->cached)
            program_cache_forget(&session->cache, program->key);
        program->ran = true;
    }
}

int opencl_launch(struct session *session, struct kernels *kernels, struct launch_times *times,
                  struct failure *failure)
{
    struct arena arena = {0};
    const size_t count = (size_t)kernels->launches;
    struct events events = {.begin = arena_array(&arena, count, sizeof(cl_event)),
                            .end = arena_array(&arena, count, sizeof(cl_event)),
                            .pass = arena_array(&arena, count, sizeof(int))};
    struct event_times *readings = arena_array(&arena, count, sizeof *readings);
    *times = (struct launch_times){.device_s = NAN};
    for (int i = 0; i < PASSES_MAX; ++i)
        times->pass_s[i] = NAN;
    mark_risk(session, kernels, true, false);
    const double start = clock_now_s();
    const int result = enqueue(session, kernels, &events, failure);
    times->host_end_s = clock_now_s();
    times->host_s = times->host_end_s - start;
    mark_risk(session, kernels, false, result != 0);
    if (result == 0)
        judge_times(session, kernels, &events, readings, times);
    if (!(result && failure->fatal))
        release_events(&events);
    arena_free(&arena);
    return result;
}
