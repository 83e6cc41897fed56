/* Variants on an OpenCL device: kernels and library products, built and bound to buffers. */
#include "device/opencl_kernels.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

bool opencl_takes_stage(const struct kernels *kernels, const struct pass *pass)
{
    return variant_part_problem(kernels->variant, pass->part, &kernels->problem)->op !=
           OP_ATTENTION;
}

cl_int opencl_set_shape(const struct kernels *kernels, int index, cl_uint arg)
{
    const struct pass *pass = &kernels->variant->passes[index];
    const struct launch_pass *launch = &kernels->passes[index];
    const struct stage *stage = &launch->stage;
    return opencl_takes_stage(kernels, pass)
               ? clSetKernelArg(launch->kernel, arg, sizeof *stage, stage)
               : clSetKernelArg(launch->kernel, arg, sizeof stage->shape, &stage->shape);
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
            (!pass->kernel &&
             clblast_warm_up(session, &pass->gemm, &kernels->passes[i].gemm, failure)))
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
            status = opencl_set_shape(kernels, i, arg);
        if (status != CL_SUCCESS) {
            opencl_failed(failure, status, "clSetKernelArg");
            return err_prefix(&failure->err,
                              "kernel %s, parameter %u (buffers as in \"args\", then the shape)",
                              pass->kernel, arg);
        }
    }
    return 0;
}
