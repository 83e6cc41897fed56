#include "problem/compose.h"

#include "problem/expr.h"
#include "util/sha256.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

bool variant_computes(const struct variant *variant, enum op op)
{
    const unsigned ops = variant->ops ? variant->ops : 1U << OP_ATTENTION;
    return !variant->is_frame && (ops & 1U << op);
}

static const struct variant *find_frame(const struct variant *variants, int count, enum op op)
{
    for (int v = 0; v < count; ++v)
        if (variants[v].is_frame && (variants[v].ops & 1U << op))
            return &variants[v];
    return NULL;
}

static bool look_up(const void *context, const char *name, double *value)
{
    return problem_value(context, name, value);
}

static bool is_wanted(const struct pass *pass, const struct problem *problem)
{
    double wanted = 1;
    return !pass->when || expr_eval(pass->when, look_up, problem, &wanted, NULL) || wanted != 0;
}

/* ---- tunables -------------------------------------------------------------------------------- */

/* Each tunable with the device's default in front: the composition has no defaults of its own. */
static void add_tunables(struct variant *whole, const struct variant *from,
                         const struct device_info *device)
{
    whole->is_too_large |= whole->tunable_count + from->tunable_count > TUNABLES_MAX;
    for (int i = 0; i < from->tunable_count && !whole->is_too_large; ++i) {
        struct tunable *tunable = &whole->tunables[whole->tunable_count++];
        const cJSON *given = cJSON_GetObjectItemCaseSensitive(variant_defaults(from, device),
                                                              from->tunables[i].name);
        *tunable = from->tunables[i];
        for (int v = 1; v < tunable->count && given; ++v)
            if (tunable->values[v] == (int64_t)given->valuedouble) {
                tunable->values[v] = tunable->values[0];
                tunable->values[0] = (int64_t)given->valuedouble;
                break;
            }
    }
}

/* ---- matrix products ------------------------------------------------------------------------- */

static void add_pass(struct variant *whole, const struct pass *pass)
{
    if (whole->pass_count < PASSES_MAX)
        whole->passes[whole->pass_count++] = *pass;
    else
        whole->is_too_large = true;
}

static bool has_bias(const struct product *product, const struct problem *problem)
{
    const int tensor = product->bias ? operation_tensor_find(product->bias) : -1;
    return tensor >= 0 && operation_tensor_size(problem, tensor, NULL) > 0;
}

/* By gemm.clh, which adds the bias on the way. */
static void add_own_product(struct variant *whole, const struct pass *pass, bool biased)
{
    struct pass own = *pass;
    own.kernel = biased ? "gemm_bias" : "gemm";
    own.groups[0] = "ceil(m/GEMM_TILE_M)*ceil(n/GEMM_TILE_N)";
    own.local[0] = "GEMM_GRID*GEMM_GRID";
    own.groups[1] = own.groups[2] = own.local[1] = own.local[2] = "1";
    own.args[own.arg_count++] = pass->product.a;
    own.args[own.arg_count++] = pass->product.b;
    if (biased)
        own.args[own.arg_count++] = pass->product.bias;
    own.args[own.arg_count++] = pass->product.c;
    add_pass(whole, &own);
}

static void add_library_product(struct variant *whole, const struct pass *pass, bool biased,
                                struct arena *arena)
{
    struct pass library = *pass;
    library.gemm = (struct gemm){.a = pass->product.a,
                                 .b = pass->product.b,
                                 .c = pass->product.c,
                                 .m = pass->m,
                                 .n = pass->n,
                                 .k = pass->k,
                                 .count = "1",
                                 .alpha = "1",
                                 .lda = pass->k,
                                 .ldb = pass->n,
                                 .ldc = pass->n,
                                 .stride_a = "m*k",
                                 .stride_b = "k*n",
                                 .stride_c = "m*n",
                                 .stepped = true};
    add_pass(whole, &library);
    if (!biased)
        return;
    struct pass bias = *pass;
    bias.kernel = "add_bias";
    bias.stage = arena_print(arena, "%s/bias", pass_name(pass));
    bias.groups[0] = "m";
    bias.local[0] = "min(64, GEMM_GRID*GEMM_GRID)";
    bias.groups[1] = bias.groups[2] = bias.local[1] = bias.local[2] = "1";
    bias.args[bias.arg_count++] = pass->product.bias;
    bias.args[bias.arg_count++] = pass->product.c;
    add_pass(whole, &bias);
}

/* ---- holes ----------------------------------------------------------------------------------- */

/* Buffers of the attention variant under the names that they have in the whole. */
static const char *renamed(const struct attention_hole *hole, const struct variant *attention,
                           const struct problem *problem, int part, const char *name,
                           struct arena *arena)
{
    const struct {
        const char *from, *to;
    } tensors[] = {{"q", hole->q},
                   {"k", hole->k},
                   {"v", hole->v},
                   {"o", hole->o},
                   {"bias", problem->bias == BIAS_FLOAT && hole->bias ? hole->bias : "bias"}};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; ++i)
        if (strcmp(name, tensors[i].from) == 0)
            return tensors[i].to;
    for (int s = 0; s < attention->scratch_count; ++s)
        if (strcmp(name, attention->scratch[s].name) == 0)
            return arena_print(arena, "%s.%d", name, part);
    return name; /* slopes, sinks, kv_lengths */
}

static void fill_hole(struct variant *whole, const struct pass *from,
                      const struct variant *attention, const struct problem *problem,
                      struct arena *arena)
{
    const struct attention_hole *hole = &from->hole;
    const int part = whole->part_count++;
    whole->parts[part] = (struct part){attention, operation_attention(problem, hole->over)};
    const struct problem *inner = &whole->parts[part].problem;
    double repeat = 1;
    if (from->repeat && expr_eval(from->repeat, look_up, problem, &repeat, NULL))
        repeat = 1;
    const char *times = arena_print(arena, "%.0f", repeat);
    if (attention->precision != PRECISION_F32)
        whole->precision = attention->precision;
    whole->is_too_large |= whole->scratch_count + attention->scratch_count > SCRATCH_MAX;
    for (int i = 0; i < attention->scratch_count && !whole->is_too_large; ++i) {
        struct scratch *scratch = &whole->scratch[whole->scratch_count++];
        *scratch = attention->scratch[i];
        scratch->name = renamed(hole, attention, inner, part, scratch->name, arena);
        scratch->part = part;
    }
    for (int i = 0; i < attention->pass_count; ++i) {
        struct pass pass = attention->passes[i];
        pass.part = part;
        pass.repeat = times; /* of the whole problem, which the part does not know */
        pass.stage =
            arena_print(arena, "%s/%s", from->stage ? from->stage : "attention", pass_name(&pass));
        for (int a = 0; a < pass.arg_count; ++a)
            pass.args[a] = renamed(hole, attention, inner, part, pass.args[a], arena);
        if (!pass.kernel) {
            pass.gemm.a = renamed(hole, attention, inner, part, pass.gemm.a, arena);
            pass.gemm.b = renamed(hole, attention, inner, part, pass.gemm.b, arena);
            pass.gemm.c = renamed(hole, attention, inner, part, pass.gemm.c, arena);
        }
        add_pass(whole, &pass);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static const char *hash_both(const struct variant *a, const struct variant *b, struct arena *arena)
{
    char *hex = arena_alloc(arena, 65);
    const char *both = arena_print(arena, "%s %s", a->program_sha ? a->program_sha : "",
                                   b->program_sha ? b->program_sha : "");
    sha256_hex(both, strlen(both), hex);
    return hex;
}

static void add_passes(struct variant *whole, const struct variant *frame,
                       const struct variant *attention, const struct problem *problem,
                       struct arena *arena)
{
    for (int i = 0; i < frame->pass_count; ++i) {
        const struct pass *pass = &frame->passes[i];
        const bool biased = has_bias(&pass->product, problem);
        if (!is_wanted(pass, problem))
            continue;
        if (pass->hole.q && whole->part_count == PARTS_MAX)
            whole->is_too_large = true;
        else if (pass->hole.q)
            fill_hole(whole, pass, attention, problem, arena);
        else if (pass->product.a && problem->gemm == GEMM_CLBLAST)
            add_library_product(whole, pass, biased, arena);
        else if (pass->product.a)
            add_own_product(whole, pass, biased);
        else
            add_pass(whole, pass);
    }
}

bool compose_computes(const struct variant *variants, int count, const struct variant *variant,
                      enum op op)
{
    if (variant->is_frame)
        return false;
    return variant_computes(variant, op) ||
           (variant_computes(variant, OP_ATTENTION) && find_frame(variants, count, op));
}

const struct variant *compose_for(const struct variant *variants, int count,
                                  const struct variant *variant, const struct problem *problem,
                                  const struct device_info *device, struct arena *arena)
{
    const enum op op = (enum op)problem->op;
    const struct variant *frame = find_frame(variants, count, op);
    const bool needs_frame = !variant_computes(variant, op);
    if (!compose_computes(variants, count, variant, op))
        return NULL;
    if (op == OP_ATTENTION)
        return variant;
    /* A variant without holes has passes that depend on the problem, too. */
    const struct variant *outer = needs_frame ? frame : variant;
    struct variant *whole = arena_array(arena, 1, sizeof *whole);
    *whole = *outer;
    whole->name = variant->name;
    whole->pass_count = 0;
    if (needs_frame) {
        whole->is_frame = false;
        whole->tunable_count = 0;
        whole->defaults = NULL;
        whole->program_sha = hash_both(frame, variant, arena);
        whole->library = variant->library;
        memcpy(whole->device_types, variant->device_types, sizeof whole->device_types);
        whole->device_type_count = variant->device_type_count;
        memcpy(whole->extensions, variant->extensions, sizeof whole->extensions);
        whole->extension_count = variant->extension_count;
        add_tunables(whole, frame, device);
        add_tunables(whole, variant, device);
        whole->parts[whole->part_count++] = (struct part){frame, *problem};
    }
    add_passes(whole, outer, variant, problem, arena);
    if (problem->gemm == GEMM_CLBLAST)
        whole->library = "clblast";
    return whole;
}
