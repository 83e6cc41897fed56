/* What a variant needs for a problem: memory on the device, and options of its build. */
#include "problem/variant.h"
#include "util/checked.h"
#include "util/text.h"

#include <inttypes.h>

/* Of one scratch buffer: SCRATCH_MAX of them can be added up. */
static const int64_t bytes_max = INT64_C(1) << 58;

int variant_scratch_bytes(const struct variant *variant, const struct scratch *scratch,
                          const struct problem *problem, const struct tuning *tuning,
                          int64_t *bytes, struct err *err)
{
    const struct problem *part = variant_part_problem(variant, scratch->part, problem);
    const int64_t bytes_each =
        scratch->storage ? dtype_bytes((enum dtype)problem->dtype) : (int64_t)sizeof(float);
    int64_t elements = 1;
    for (int d = 0; d < scratch->dim_count; ++d) {
        int64_t size = 0;
        if (variant_size(scratch->dims[d], part, tuning, &size, err))
            return err_prefix(err, "scratch.%s", scratch->name);
        elements = size_times(elements, size);
    }
    *bytes = size_times(elements, bytes_each);
    return *bytes > bytes_max ? err_set(err, "scratch.%s: too large", scratch->name) : 0;
}

static void add_bytes(int64_t *sum, struct memory *memory, int64_t bytes)
{
    *sum = size_plus(*sum, bytes);
    if (bytes > memory->largest_bytes)
        memory->largest_bytes = bytes;
}

int variant_memory(const struct variant *variant, const struct problem *problem,
                   const struct tuning *tuning, struct memory *memory, struct err *err)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    const int64_t bytes = dtype_bytes((enum dtype)problem->dtype);
    const int64_t tensors[] = {sizes.q, sizes.k, sizes.v};
    *memory = (struct memory){0};
    for (int i = 0; i < 3; ++i)
        add_bytes(&memory->inputs_bytes, memory, size_times(tensors[i], bytes));
    for (int t = 0; t < operation_tensor_count(); ++t)
        add_bytes(&memory->inputs_bytes, memory,
                  size_times(operation_tensor_size(problem, t, NULL), bytes));
    if (problem->bias == BIAS_FLOAT || problem->bias == BIAS_BOOL)
        add_bytes(
            &memory->inputs_bytes, memory,
            size_times(problem_bias_dims(problem).count, problem->bias == BIAS_FLOAT ? 4 : 1));
    add_bytes(&memory->output_bytes, memory, size_times(sizes.o, bytes));
    for (int i = 0; i < variant->scratch_count; ++i) {
        int64_t size = 0;
        if (variant_scratch_bytes(variant, &variant->scratch[i], problem, tuning, &size, err))
            return -1;
        add_bytes(&memory->scratch_bytes, memory, size);
    }
    memory->total_bytes =
        size_plus(size_plus(memory->inputs_bytes, memory->output_bytes), memory->scratch_bytes);
    return 0;
}

char *variant_build_options(const struct problem *problem, const struct tuning *tuning,
                            struct arena *arena)
{
    const bool causal = problem->mask == MASK_CAUSAL || problem->mask == MASK_CAUSAL_WINDOW;
    const bool window = problem->mask == MASK_WINDOW || problem->mask == MASK_CAUSAL_WINDOW;
    struct text options = {0};
    text_print(&options, "-cl-std=CL1.2 -DD_K=%" PRId64 " -DD_V=%" PRId64, problem->d_k,
               problem->d_v);
    text_print(&options, " -DDTYPE=%d -DLAYOUT_BNHD=%d -DCAUSAL=%d -DWINDOW=%d",
               (int)problem->dtype, problem->layout == LAYOUT_BNHD, causal, window);
    text_print(&options, " -DBIAS=%d -DKV_LENGTHS=%d -DSOFTCAP=%d -DSINK=%d -DRETURNS=%d",
               (int)problem->bias, problem->kv_lengths != NULL, problem->softcap > 0,
               (int)problem->sink, (int)problem->returns);
    if (problem->bias == BIAS_FLOAT || problem->bias == BIAS_BOOL) {
        const struct bias_dims dims = problem_bias_dims(problem);
        text_print(&options, " -DBIAS_BATCH=%d -DBIAS_HEAD=%d -DBIAS_ROW=%d -DBIAS_KEY=%d",
                   dims.full[BIAS_BATCH], dims.full[BIAS_HEAD], dims.full[BIAS_ROW],
                   dims.full[BIAS_KEY]);
    }
    if (problem->op == OP_ATTENTION && problem->position == POSITION_ROPE_IN_LOAD) {
        double base = 0, pairs = 0;
        problem_value(problem, "rope_base", &base);
        problem_value(problem, "rope_pairs", &pairs);
        text_print(&options, " -DROPE_BASE=%.9g -DROPE_PAIRS=%.0f", base, pairs);
    }
    if (problem->op != OP_ATTENTION)
        text_print(&options, " -DBIASES=%d -DACTIVATION=%d -DPOSITION=%d -DRNN_CELL=%d",
                   (int)problem->biases, (int)problem->activation, (int)problem->position,
                   (int)problem->rnn_cell);
    for (int i = 0; i < tuning->count; ++i)
        text_print(&options, " -D%s=%" PRId64, tuning->items[i].name, tuning->items[i].value);
    char *copy = arena_copy(arena, text_get(&options));
    text_free(&options);
    return copy;
}

char *variant_cell_options(const struct variant *variant, const struct problem *problem,
                           const struct tuning *tuning, struct arena *arena)
{
    const int part = variant->part_count > 1;
    const struct tuning own = variant_part_tuning(variant, part, tuning);
    return variant_build_options(variant_part_problem(variant, part, problem), &own, arena);
}
