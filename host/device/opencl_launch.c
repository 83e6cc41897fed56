/* Launches of all passes of a variant, with the times of each. */
#include "device/opencl_kernels.h"

#include "util/clock.h"

#include <math.h>
#include <string.h>

/* The events of a launch: of each pass, each time that it is repeated. */
struct events {
    cl_event *begin, *end; /* begin: of the marker in front of a gemm, or NULL */
    int *pass;             /* whose event it is */
    int count;
    bool wanted;
};

/* Before a gemm stands a marker: the library may launch several kernels (padding, transposing) but
 * gives the event of the last alone, so that the pass starts where the marker ends. */
static int enqueue_pass(struct session *session, struct kernels *kernels, int index, int step,
                        struct events *events, struct failure *failure)
{
    const struct pass *pass = &kernels->variant->passes[index];
    struct launch_pass *launch = &kernels->passes[index];
    const int at = events->count++;
    cl_event *end = events->wanted ? &events->end[at] : NULL;
    cl_int status = CL_SUCCESS;
    const char *call = "clEnqueueNDRangeKernel";
    events->pass[at] = index;
    if (pass->kernel) {
        if (launch->repeat > 1 && opencl_takes_stage(kernels, pass)) {
            launch->stage.step = step;
            status = opencl_set_shape(kernels, index, (cl_uint)pass->arg_count);
        }
        if (status == CL_SUCCESS)
            status = clEnqueueNDRangeKernel(session->launch_queue, launch->kernel, 3, NULL,
                                            launch->global, launch->local, 0, NULL, end);
    } else {
        call = "clEnqueueMarkerWithWaitList";
        if (end)
            status =
                clEnqueueMarkerWithWaitList(session->launch_queue, 0, NULL, &events->begin[at]);
        if (status == CL_SUCCESS &&
            clblast_gemm(session, &pass->gemm, &launch->gemm, launch->a, launch->b,
                         (size_t)step * launch->gemm.step_b, launch->c, end, failure))
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
    return 0;
}

static int enqueue_all(struct session *session, struct kernels *kernels, int launches,
                       struct events *events, struct failure *failure)
{
    for (int i = 0; i < launches; ++i)
        if (enqueue(session, kernels, events, failure))
            return -1;
    const cl_int status = clFinish(session->launch_queue);
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

/* span_s: of all launches together, by the host's clock. */
static void judge_times(const struct session *session, const struct kernels *kernels,
                        const struct events *launched, int launches, double span_s,
                        struct event_times *events, struct launch_times *times)
{
    const int count = launched->count;
    if (!launched->wanted) {
        strcpy(times->gate, TIMER_GATE_OFF);
        return;
    }
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
    if (!timer_gate(events, count, span_s, session->timer_ns, times->gate))
        return;
    times->device_end_ns = events[count - 1].end;
    times->device_s = (double)(events[count - 1].end - events[0].start) * 1e-9 / launches;
    for (int p = 0; p < kernels->variant->pass_count; ++p)
        times->pass_s[p] = 0;
    for (int i = 0; i < count; ++i)
        times->pass_s[launched->pass[i]] +=
            (double)(events[i].end - events[i].start) * 1e-9 / launches;
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

/* Without profiling a queue of its own: a driver may take times of all that passes through one that
 * has it. */
static int choose_queue(struct session *session, bool profiling, struct failure *failure)
{
    cl_int status = CL_SUCCESS;
    if (!profiling && !session->plain_queue)
        session->plain_queue = clCreateCommandQueue(session->context, session->device, 0, &status);
    session->launch_queue = profiling ? session->queue : session->plain_queue;
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clCreateCommandQueue");
}

int opencl_launch(struct session *session, struct kernels *kernels, const struct handover *how,
                  struct launch_times *times, struct failure *failure)
{
    if (choose_queue(session, how->profiling, failure))
        return -1;
    struct arena arena = {0};
    const size_t count = (size_t)kernels->launches * (size_t)how->launches;
    struct events events = {.begin = arena_array(&arena, count, sizeof(cl_event)),
                            .end = arena_array(&arena, count, sizeof(cl_event)),
                            .pass = arena_array(&arena, count, sizeof(int)),
                            .wanted = how->profiling};
    struct event_times *readings = arena_array(&arena, count, sizeof *readings);
    *times = (struct launch_times){.device_s = NAN};
    for (int i = 0; i < PASSES_MAX; ++i)
        times->pass_s[i] = NAN;
    mark_risk(session, kernels, true, false);
    const double start = clock_now_s();
    const int result = enqueue_all(session, kernels, how->launches, &events, failure);
    times->host_end_s = clock_now_s();
    times->host_s = (times->host_end_s - start) / how->launches;
    mark_risk(session, kernels, false, result != 0);
    if (result == 0)
        judge_times(session, kernels, &events, how->launches, times->host_end_s - start, readings,
                    times);
    if (!(result && failure->fatal))
        release_events(&events);
    arena_free(&arena);
    return result;
}
