#include "problem/problem.h"

#include "problem/operation.h"
#include "util/checked.h"
#include "util/json.h"
#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum key_type { KEY_INT, KEY_ENUM, KEY_BOOL, KEY_DOUBLE, KEY_LENGTHS };

struct key {
    const char *name;
    enum key_type type;
    unsigned ops; /* the operations that have it, a bit each; 0: all */
    size_t offset;
    int64_t low, high, standard; /* standard: the default of integers, enums and bools */
    const char *const *names;    /* of an enum's values, NULL-terminated */
    double low_f, high_f;        /* of doubles; their default is 0 */
};

static const char *const op_names[] = {"attention", "mha", "encoder_layer", "decoder_layer", "rnn",
                                       "bahdanau",  NULL};
static const char *const dtype_names[] = {"f32", "f16", "bf16", NULL};
static const char *const layout_names[] = {"bhnd", "bnhd", NULL};
static const char *const mask_names[] = {"none", "causal", "window", "causal+window", NULL};
static const char *const bias_names[] = {"none", "float", "bool", "alibi", NULL};
static const char *const returns_names[] = {"none", "weights", "scores", NULL};
/* b: batch, h: heads_q, q: n_q, k: n_kv; 1: broadcast. The default is the mask of most frameworks'
 * examples: one for all heads. */
static const char *const bias_shape_names[] = {"11qk", "1hqk", "b1qk", "bhqk", "111k", "1h1k",
                                               "b11k", "bh1k", "11q1", "1hq1", "b1q1", "bhq1",
                                               "1111", "1h11", "b111", "bh11", NULL};
static const char *const gemm_names[] = {"own", "clblast", NULL};
static const char *const norm_names[] = {"post", "pre", NULL};
static const char *const activation_names[] = {"relu", "gelu", NULL};
static const char *const position_names[] = {"none", "sinusoidal",   "learned", "relative",
                                             "rope", "rope_in_load", NULL};
static const char *const cell_names[] = {"elman", "gru", "lstm", NULL};
static const char *const queue_names[] = {"wait", "stream", NULL};
static const char *const profiling_names[] = {"on", "off", NULL};
static const char *const memory_names[] = {"device", "host", NULL};

#define AT(member) offsetof(struct problem, member)
enum { NO_DEFAULT = 0 }; /* sizes start at 1, so 0 marks one that was not set */

/* The order is that of cell ids. */
static const struct key keys[] = {
    {"op", KEY_ENUM, 0, AT(op), 0, 0, OP_ATTENTION, op_names, 0, 0},
    {"batch", KEY_INT, 0, AT(batch), 1, PROBLEM_MAX_SIZE, 1, NULL, 0, 0},
    {"heads_q", KEY_INT, 0, AT(heads_q), 1, PROBLEM_MAX_SIZE, 1, NULL, 0, 0},
    {"heads_kv", KEY_INT, 0, AT(heads_kv), 1, PROBLEM_MAX_SIZE, 1, NULL, 0, 0},
    {"n_q", KEY_INT, 0, AT(n_q), 1, PROBLEM_MAX_SIZE, NO_DEFAULT, NULL, 0, 0},
    {"n_kv", KEY_INT, 0, AT(n_kv), 1, PROBLEM_MAX_SIZE, NO_DEFAULT, NULL, 0, 0},
    {"d_k", KEY_INT, 0, AT(d_k), 1, PROBLEM_MAX_HEAD, NO_DEFAULT, NULL, 0, 0},
    {"d_v", KEY_INT, 0, AT(d_v), 1, PROBLEM_MAX_HEAD, NO_DEFAULT, NULL, 0, 0},
    {"dtype", KEY_ENUM, 0, AT(dtype), 0, 0, DTYPE_F32, dtype_names, 0, 0},
    {"layout", KEY_ENUM, 0, AT(layout), 0, 0, LAYOUT_BHND, layout_names, 0, 0},
    {"mask", KEY_ENUM, 0, AT(mask), 0, 0, MASK_NONE, mask_names, 0, 0},
    {"causal_offset", KEY_INT, 0, AT(causal_offset), -PROBLEM_MAX_SIZE, PROBLEM_MAX_SIZE,
     CAUSAL_OFFSET_AUTO, NULL, 0, 0},
    {"window_left", KEY_INT, 0, AT(window_left), -1, PROBLEM_MAX_SIZE, WINDOW_UNLIMITED, NULL, 0,
     0},
    {"window_right", KEY_INT, 0, AT(window_right), -1, PROBLEM_MAX_SIZE, WINDOW_UNLIMITED, NULL, 0,
     0},
    {"bias", KEY_ENUM, 0, AT(bias), 0, 0, BIAS_NONE, bias_names, 0, 0},
    {"kv_lengths", KEY_LENGTHS, 0, AT(kv_lengths), 0, PROBLEM_MAX_SIZE, 0, NULL, 0, 0},
    {"softcap", KEY_DOUBLE, 0, AT(softcap), 0, 0, 0, NULL, 0, 1e6},
    {"sink", KEY_BOOL, 0, AT(sink), 0, 1, 0, NULL, 0, 0},
    {"scale", KEY_DOUBLE, 0, AT(scale), 0, 0, 0, NULL, -1e6, 1e6},
    {"bias_shape", KEY_ENUM, 0, AT(bias_shape), 0, 0, 0, bias_shape_names, 0, 0},
    {"returns", KEY_ENUM, 0, AT(returns), 0, 0, RETURNS_NONE, returns_names, 0, 0},
    {"d_model", KEY_INT, OPS_OTHER, AT(d_model), 1, PROBLEM_MAX_SIZE, 0, NULL, 0, 0},
    {"d_ff", KEY_INT, OPS_LAYER, AT(d_ff), 1, PROBLEM_MAX_SIZE, 0, NULL, 0, 0},
    {"layers", KEY_INT, OPS_LAYER, AT(layers), 1, PROBLEM_MAX_LAYERS, 0, NULL, 0, 0},
    {"biases", KEY_BOOL, OPS_HEADS, AT(biases), 0, 1, 0, NULL, 0, 0},
    {"cross", KEY_BOOL, OPS_MHA, AT(cross), 0, 1, 0, NULL, 0, 0},
    {"gemm", KEY_ENUM, OPS_OTHER, AT(gemm), 0, 0, GEMM_OWN, gemm_names, 0, 0},
    {"layer_norm", KEY_ENUM, OPS_LAYER, AT(layer_norm), 0, 0, NORM_POST, norm_names, 0, 0},
    {"activation", KEY_ENUM, OPS_LAYER, AT(activation), 0, 0, ACTIVATION_RELU, activation_names, 0,
     0},
    {"position", KEY_ENUM, OPS_HEADS, AT(position), 0, 0, POSITION_NONE, position_names, 0, 0},
    {"relative_clip", KEY_INT, OPS_HEADS, AT(relative_clip), 1, 4096, 0, NULL, 0, 0},
    {"rope_base", KEY_DOUBLE, OPS_HEADS, AT(rope_base), 0, 0, 0, NULL, 0, 1e9},
    {"rope_fraction", KEY_DOUBLE, OPS_HEADS, AT(rope_fraction), 0, 0, 0, NULL, 0, 1},
    {"rnn_cell", KEY_ENUM, OPS_RNN, AT(rnn_cell), 0, 0, RNN_ELMAN, cell_names, 0, 0},
    {"queue", KEY_ENUM, 0, AT(queue), 0, 0, QUEUE_WAIT, queue_names, 0, 0},
    {"profiling", KEY_ENUM, 0, AT(profiling), 0, 0, PROFILING_ON, profiling_names, 0, 0},
    {"memory", KEY_ENUM, 0, AT(memory), 0, 0, MEMORY_DEVICE, memory_names, 0, 0},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

/* A shorthand sets each of its keys that was not given itself. */
static const struct {
    const char *name, *keys[2];
} shorthands[] = {{"n", {"n_q", "n_kv"}}, {"heads", {"heads_q", "heads_kv"}}};
enum { SHORTHAND_COUNT = sizeof shorthands / sizeof *shorthands };

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; ++i)
        if (keys[i].name[0] == name[0] && strcmp(keys[i].name, name) == 0) /* plans ask often */
            return &keys[i];
    return NULL;
}

static uint64_t bit(const struct key *key)
{
    return UINT64_C(1) << (key - keys);
}

static int64_t *integer(const struct problem *problem, const struct key *key)
{
    return (int64_t *)((char *)(uintptr_t)problem + key->offset);
}

static double *real(const struct problem *problem, const struct key *key)
{
    return (double *)((char *)(uintptr_t)problem + key->offset);
}

static bool is_default(const struct problem *problem, const struct key *key)
{
    if (key->type == KEY_LENGTHS)
        return !problem->kv_lengths;
    if (key->type == KEY_DOUBLE)
        return *real(problem, key) == 0;
    return *integer(problem, key) == key->standard;
}

struct problem problem_default(void)
{
    struct problem problem = {0};
    for (size_t i = 0; i < KEY_COUNT; ++i)
        if (keys[i].type != KEY_DOUBLE && keys[i].type != KEY_LENGTHS)
            *integer(&problem, &keys[i]) = keys[i].standard;
    return problem;
}

const char *const *problem_keys(void)
{
    static const char *names[KEY_COUNT + SHORTHAND_COUNT + 1];
    if (!names[0]) {
        for (size_t i = 0; i < SHORTHAND_COUNT; ++i)
            names[KEY_COUNT + i] = shorthands[i].name;
        for (size_t i = KEY_COUNT; i-- > 0;)
            names[i] = keys[i].name;
    }
    return names;
}

bool problem_is_key(const char *name)
{
    for (const char *const *key = problem_keys(); *key; ++key)
        if (strcmp(*key, name) == 0)
            return true;
    return false;
}

bool problem_is_shorthand(const char *name)
{
    for (size_t i = 0; i < SHORTHAND_COUNT; ++i)
        if (strcmp(shorthands[i].name, name) == 0)
            return true;
    return false;
}

bool problem_is_handover(const char *name)
{
    const struct key *key = find_key(name);
    return key && key->offset >= AT(queue);
}

static int expected(const cJSON *value, struct err *err, const char *what)
{
    char found[64];
    json_describe(value, found, sizeof found);
    return err_set(err, "expected %s, found %s", what, found);
}

static int set_integer(const struct key *key, const cJSON *value, int64_t *out, struct err *err)
{
    const double x = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    if (x == floor(x) && x >= (double)key->low && x <= (double)key->high) {
        *out = (int64_t)x;
        return 0;
    }
    char what[96];
    snprintf(what, sizeof what, "an integer from %" PRId64 " to %" PRId64, key->low, key->high);
    return expected(value, err, what);
}

static int set_enum(const struct key *key, const cJSON *value, int64_t *out, struct err *err)
{
    struct text what = {0};
    text_add(&what, "one of");
    for (int64_t i = 0; key->names[i]; ++i) {
        if (cJSON_IsString(value) && strcmp(value->valuestring, key->names[i]) == 0) {
            *out = i;
            text_free(&what);
            return 0;
        }
        text_print(&what, "%s \"%s\"", i ? "," : "", key->names[i]);
    }
    expected(value, err, text_get(&what));
    text_free(&what);
    return -1;
}

/* The count stands before the first element, until problem_resolve has compared it with batch. */
static int set_lengths(const struct key *key, const cJSON *value, const int64_t **out,
                       struct arena *arena, struct err *err)
{
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) < 1)
        return expected(value, err, "an array with a key/value length for each batch entry");
    const int count = cJSON_GetArraySize(value);
    if (count > PROBLEM_MAX_LENGTHS)
        return err_set(err, "expected at most %d key/value lengths, found %d", PROBLEM_MAX_LENGTHS,
                       count);
    int64_t *lengths = arena_array(arena, (size_t)count + 1, sizeof *lengths);
    lengths[0] = count;
    int i = 1;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, value) if (set_integer(key, item, &lengths[i++], err)) return -1;
    *out = lengths + 1;
    return 0;
}

static int set_key(struct problem *problem, const struct key *key, const cJSON *value,
                   struct arena *arena, struct err *err)
{
    switch (key->type) {
    case KEY_INT:
        return set_integer(key, value, integer(problem, key), err);
    case KEY_ENUM:
        return set_enum(key, value, integer(problem, key), err);
    case KEY_BOOL:
        if (!cJSON_IsBool(value))
            return expected(value, err, "true or false");
        *integer(problem, key) = cJSON_IsTrue(value);
        return 0;
    case KEY_DOUBLE:
        if (!cJSON_IsNumber(value) ||
            !(value->valuedouble >= key->low_f && value->valuedouble <= key->high_f)) {
            char what[96];
            snprintf(what, sizeof what, "a number from %g to %g", key->low_f, key->high_f);
            return expected(value, err, what);
        }
        *real(problem, key) = value->valuedouble;
        return 0;
    case KEY_LENGTHS:
        return set_lengths(key, value, &problem->kv_lengths, arena, err);
    }
    return -1;
}

int problem_set(struct problem *problem, const char *name, const cJSON *value, struct arena *arena,
                struct err *err)
{
    const struct key *key = find_key(name);
    if (key) {
        problem->given |= bit(key);
        return set_key(problem, key, value, arena, err);
    }
    for (size_t i = 0; i < SHORTHAND_COUNT; ++i)
        if (strcmp(shorthands[i].name, name) == 0) {
            for (size_t k = 0; k < 2; ++k) {
                key = find_key(shorthands[i].keys[k]);
                if (!(problem->given & bit(key)) && set_key(problem, key, value, arena, err))
                    return -1;
            }
            return 0;
        }
    const char *const *names = problem_keys();
    const char *nearest = text_nearest(name, names, KEY_COUNT + SHORTHAND_COUNT);
    return err_set(err, "unknown problem key \"%s\"%s%s%s", name,
                   nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                   nearest ? "\"?" : "");
}

int problem_override(struct problem *problem, const char *name, const cJSON *value,
                     struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < SHORTHAND_COUNT; ++i)
        if (strcmp(shorthands[i].name, name) == 0)
            for (size_t k = 0; k < 2; ++k)
                problem->given &= ~bit(find_key(shorthands[i].keys[k]));
    return problem_set(problem, name, value, arena, err);
}

static int check_lengths(const struct problem *problem, struct err *err)
{
    if (!problem->kv_lengths)
        return 0;
    const int64_t count = problem->kv_lengths[-1];
    if (count != problem->batch)
        return err_set(err, "kv_lengths has %" PRId64 " values, but batch is %" PRId64, count,
                       problem->batch);
    for (int64_t b = 0; b < count; ++b)
        if (problem->kv_lengths[b] > problem->n_kv)
            return err_set(err, "kv_lengths[%" PRId64 "] is %" PRId64 ", more than n_kv = %" PRId64,
                           b, problem->kv_lengths[b], problem->n_kv);
    return 0;
}

/* A key of another operation would do nothing. */
static int check_keys(const struct problem *problem, struct err *err)
{
    for (size_t i = 0; i < KEY_COUNT; ++i)
        if (keys[i].ops && !(keys[i].ops & 1U << problem->op) && !is_default(problem, &keys[i]))
            return err_set(err, "\"%s\" is no key of the operation %s", keys[i].name,
                           op_names[problem->op]);
    return 0;
}

/* What follows from other sizes has the limits of what is given: a problem is read again from its
 * JSON. */
static int check_sizes(const struct problem *problem, struct err *err)
{
    for (size_t i = 0; i < KEY_COUNT; ++i) {
        const int64_t size = keys[i].type == KEY_INT ? *integer(problem, &keys[i]) : 0;
        if (keys[i].type == KEY_INT && size != keys[i].standard && size > keys[i].high)
            return err_set(err, "the problem is too large: %s is %" PRId64 ", above %" PRId64,
                           keys[i].name, size, keys[i].high);
    }
    return 0;
}

static int check_elements(const struct problem *problem, struct err *err)
{
    const int64_t limit = INT64_C(1000000000000000);
    const int64_t heads = size_times(problem->batch, problem->heads_q);
    const int64_t rows = size_times(heads, problem->n_q + problem->n_kv);
    if (problem_scores(problem) > limit || size_times(rows, problem->d_k + problem->d_v) > limit)
        return err_set(err, "the problem is too large: more than %g scores or elements",
                       (double)limit);
    if (problem->bias == BIAS_BOOL && size_times(heads, problem->n_q) > PROBLEM_MAX_MASK_ROWS)
        return err_set(err, "a boolean mask for more than %d rows (batch x heads_q x n_q)",
                       PROBLEM_MAX_MASK_ROWS);
    return 0;
}

int problem_resolve(struct problem *problem, struct err *err)
{
    if (check_keys(problem, err) || operation_spread(problem, err))
        return -1;
    if (!problem->d_v)
        problem->d_v = problem->d_k;
    for (size_t i = 0; i < KEY_COUNT; ++i)
        if (keys[i].type == KEY_INT && keys[i].standard == NO_DEFAULT && !keys[i].ops &&
            *integer(problem, &keys[i]) == NO_DEFAULT)
            return err_set(err, "\"%s\" is not set; give it%s among the defaults or the axes",
                           keys[i].name, keys[i].name[0] == 'n' ? ", or \"n\"," : "");
    if (problem->heads_q % problem->heads_kv)
        return err_set(err,
                       "heads_q = %" PRId64 " is no multiple of heads_kv = %" PRId64
                       "; each key/value head serves a whole group of query heads",
                       problem->heads_q, problem->heads_kv);
    if (check_sizes(problem, err) || operation_check(problem, err) || check_elements(problem, err))
        return -1;
    return check_lengths(problem, err);
}

bool problem_is_default(const struct problem *problem, const char *name)
{
    const struct key *key = find_key(name);
    return !key || is_default(problem, key);
}

cJSON *problem_to_json(const struct problem *problem)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < KEY_COUNT; ++i) {
        const struct key *key = &keys[i];
        if (is_default(problem, key) && key->offset != AT(op))
            continue;
        switch (key->type) {
        case KEY_INT:
            cJSON_AddNumberToObject(object, key->name, (double)*integer(problem, key));
            break;
        case KEY_ENUM:
            cJSON_AddStringToObject(object, key->name, key->names[*integer(problem, key)]);
            break;
        case KEY_BOOL:
            cJSON_AddBoolToObject(object, key->name, *integer(problem, key) != 0);
            break;
        case KEY_DOUBLE:
            cJSON_AddNumberToObject(object, key->name, *real(problem, key));
            break;
        case KEY_LENGTHS: {
            cJSON *list = cJSON_AddArrayToObject(object, key->name);
            for (int64_t b = 0; b < problem->batch; ++b)
                cJSON_AddItemToArray(list, cJSON_CreateNumber((double)problem->kv_lengths[b]));
        }
        }
    }
    return object;
}

int problem_from_json(struct problem *problem, const cJSON *object, struct arena *arena,
                      struct err *err)
{
    *problem = problem_default();
    if (!cJSON_IsObject(object))
        return expected(object, err, "a problem object");
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, object) if (problem_set(problem, item->string, item, arena, err))
    {
        return err_prefix(err, "%s", item->string);
    }
    return problem_resolve(problem, err);
}

char *problem_id(const struct problem *problem, struct arena *arena)
{
    struct text id = {0};
    text_print(&id, "%s(", op_names[problem->op]);
    const char *comma = "";
    for (size_t i = 1; i < KEY_COUNT; ++i) {
        const struct key *key = &keys[i];
        if (is_default(problem, key))
            continue;
        text_print(&id, "%s%s=", comma, key->name);
        comma = ",";
        switch (key->type) {
        case KEY_INT:
            text_print(&id, "%" PRId64, *integer(problem, key));
            break;
        case KEY_ENUM:
            text_add(&id, key->names[*integer(problem, key)]);
            break;
        case KEY_BOOL:
            text_add(&id, "true");
            break;
        case KEY_DOUBLE:
            text_print(&id, "%.9g", *real(problem, key));
            break;
        case KEY_LENGTHS:
            for (int64_t b = 0; b < problem->batch; ++b)
                text_print(&id, "%s%" PRId64, b ? "/" : "", problem->kv_lengths[b]);
        }
    }
    text_add(&id, ")");
    char *copy = arena_copy(arena, text_get(&id));
    text_free(&id);
    return copy;
}

bool problem_value(const struct problem *problem, const char *name, double *value)
{
    const struct key *key = find_key(name);
    if (operation_value(problem, name, value))
        return true;
    if (strcmp(name, "scale") == 0)
        *value = problem_scale(problem);
    else if (strcmp(name, "causal_offset") == 0)
        *value = (double)problem_causal_offset(problem);
    else if (strcmp(name, "dtype_bytes") == 0)
        *value = (double)dtype_bytes((enum dtype)problem->dtype);
    else if (strcmp(name, "pairs") == 0)
        *value = problem_pairs(problem) / (double)problem->heads_q;
    else if (!key || key->type == KEY_LENGTHS)
        return false;
    else
        *value = key->type == KEY_DOUBLE ? *real(problem, key) : (double)*integer(problem, key);
    return true;
}

const char *problem_enum_name(const struct problem *problem, const char *name)
{
    const struct key *key = find_key(name);
    return key && key->type == KEY_ENUM ? key->names[*integer(problem, key)] : NULL;
}

double problem_scale(const struct problem *problem)
{
    return problem->scale != 0 ? problem->scale : 1 / sqrt((double)problem->d_k);
}

int64_t problem_causal_offset(const struct problem *problem)
{
    return problem->causal_offset == CAUSAL_OFFSET_AUTO ? problem->n_kv - problem->n_q
                                                        : problem->causal_offset;
}

int64_t dtype_bytes(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4 : 2;
}

const char *dtype_name(enum dtype dtype)
{
    return dtype_names[dtype];
}

bool problem_has_rope(const struct problem *problem)
{
    return problem->position == POSITION_ROPE || problem->position == POSITION_ROPE_IN_LOAD;
}

const char *op_name(enum op op)
{
    return op_names[op];
}

double problem_flops(const struct problem *problem)
{
    if (problem->op != OP_ATTENTION)
        return operation_flops(problem);
    return 2 * problem_pairs(problem) * (double)(problem->d_k + problem->d_v);
}

struct problem_sizes problem_sizes(const struct problem *problem)
{
    if (problem->op != OP_ATTENTION)
        return (struct problem_sizes){
            .o = size_times(size_times(problem->batch, problem->n_q), problem->d_model)};
    const int64_t q_rows = size_times(size_times(problem->batch, problem->heads_q), problem->n_q);
    const int64_t kv_rows =
        size_times(size_times(problem->batch, problem->heads_kv), problem->n_kv);
    return (struct problem_sizes){
        size_times(q_rows, problem->d_k), size_times(kv_rows, problem->d_k),
        size_times(kv_rows, problem->d_v), size_times(q_rows, problem->d_v)};
}

int64_t problem_columns(const struct problem *problem)
{
    return problem->op == OP_ATTENTION ? problem->d_v : problem->d_model;
}

int64_t problem_scores(const struct problem *problem)
{
    return size_times(size_times(problem->batch, problem->heads_q),
                      size_times(problem->n_q, problem->n_kv));
}

double problem_bytes(const struct problem *problem)
{
    if (problem->op != OP_ATTENTION)
        return operation_bytes(problem);
    const struct problem_sizes sizes = problem_sizes(problem);
    double bytes = (double)size_plus(size_plus(sizes.q, sizes.k), size_plus(sizes.v, sizes.o)) *
                   (double)dtype_bytes((enum dtype)problem->dtype);
    if (problem->bias == BIAS_FLOAT || problem->bias == BIAS_BOOL)
        bytes += (double)problem_bias_dims(problem).count * (problem->bias == BIAS_FLOAT ? 4 : 1);
    if (problem->returns != RETURNS_NONE)
        bytes += 4 * (double)problem_scores(problem);
    return bytes;
}
