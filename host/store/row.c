#include "store/row.h"

#include "store/fields.h"
#include "util/sha256.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[ROW_STATUSES] = {
    [ROW_OK] = "ok",
    [ROW_WRONG] = "wrong",
    [ROW_UNSUPPORTED] = "unsupported",
    [ROW_SKIPPED] = "skipped",
    [ROW_BUILD_FAILED] = "build_failed",
    [ROW_OOM] = "oom",
    [ROW_TIMEOUT] = "timeout",
    [ROW_CRASH] = "crash",
    [ROW_ERROR] = "error",
};

/* A new field goes here, into struct row and into results.schema.json; a test compares. */
#define AT(member) offsetof(struct row, member)
static const struct field fields[] = {
    {"cell", FIELD_NAME, AT(cell)},
    {"device", FIELD_NAME, AT(device)},
    {"variant", FIELD_NAME, AT(variant)},
    {"sweeps", FIELD_TEXTS, AT(sweeps)},
    {"status", FIELD_STATUS, AT(status)},
    {"reason", FIELD_STRING, AT(reason)},
    {"phase", FIELD_STRING, AT(phase)},
    {"tuning", FIELD_TUNING, AT(tuning)},
    {"tuning_origin.source", FIELD_STRING, AT(tuning_origin.source)},
    {"tuning_origin.class", FIELD_STRING, AT(tuning_origin.class)},
    {"problem.op", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.batch", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.heads_q", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.heads_kv", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.n_q", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.n_kv", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.d_k", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.d_v", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.dtype", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.layout", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.mask", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.causal_offset", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.window_left", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.window_right", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.bias", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.kv_lengths", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.softcap", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.sink", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.scale", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.bias_shape", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.returns", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.d_model", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.d_ff", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.layers", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.biases", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.cross", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.gemm", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.layer_norm", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.activation", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.position", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.relative_clip", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.rope_base", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.rope_fraction", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.rnn_cell", FIELD_PROBLEM_KEY, AT(problem)},
    {"time.clock", FIELD_STRING, AT(time.clock)},
    {"time.clock_reason", FIELD_STRING, AT(time.clock_reason)},
    {"time.cache", FIELD_STRING, AT(time.cache)},
    {"time.median_s", FIELD_REAL, AT(time.median_s)},
    {"time.min_s", FIELD_REAL, AT(time.min_s)},
    {"time.p10_s", FIELD_REAL, AT(time.p10_s)},
    {"time.p90_s", FIELD_REAL, AT(time.p90_s)},
    {"time.mad_s", FIELD_REAL, AT(time.mad_s)},
    {"time.ci95_s", FIELD_INTERVAL, AT(time.ci95_s)},
    {"time.stable", FIELD_BOOL, AT(time.stable)},
    {"time.warmup", FIELD_COUNT, AT(time.warmup)},
    {"time.outliers", FIELD_COUNT, AT(time.outliers)},
    {"time.drift", FIELD_NEW_REAL, AT(time.drift)},
    {"time.host_median_s", FIELD_REAL, AT(time.host_median_s)},
    {"time.samples_s", FIELD_NUMBERS, AT(time.samples_s)},
    {"passes", FIELD_PASSES, AT(passes)},
    {"rates.pairs", FIELD_REAL, AT(rates.pairs)},
    {"rates.unmasked_fraction", FIELD_REAL, AT(rates.unmasked_fraction)},
    {"rates.flops", FIELD_REAL, AT(rates.flops)},
    {"rates.bytes", FIELD_REAL, AT(rates.bytes)},
    {"rates.gflop_s", FIELD_REAL, AT(rates.gflop_s)},
    {"rates.gb_s", FIELD_REAL, AT(rates.gb_s)},
    {"rates.frac_of_peak", FIELD_REAL, AT(rates.frac_of_peak)},
    {"rates.frac_of_roofline", FIELD_REAL, AT(rates.frac_of_roofline)},
    {"rates.roof", FIELD_NEW_STRING, AT(rates.roof)},
    {"check.mode", FIELD_STRING, AT(check.mode)},
    {"check.rows_checked", FIELD_COUNT, AT(check.rows_checked)},
    {"check.max_abs_err", FIELD_REAL, AT(check.max_abs_err)},
    {"check.max_rel_err", FIELD_REAL, AT(check.max_rel_err)},
    {"check.nmse", FIELD_REAL, AT(check.nmse)},
    {"check.tolerance", FIELD_REAL, AT(check.tolerance)},
    {"check.err_over_tolerance", FIELD_REAL, AT(check.err_over_tolerance)},
    {"check.repeatable", FIELD_BOOL, AT(check.repeatable)},
    {"check.rechecked", FIELD_BOOL, AT(check.rechecked)},
    {"check.weights_entropy", FIELD_NEW_REAL, AT(check.weights_entropy)},
    {"check.weights_largest", FIELD_NEW_REAL, AT(check.weights_largest)},
    {"check.inputs_changed", FIELD_NEW_BOOL, AT(check.inputs_changed)},
    {"memory.inputs_bytes", FIELD_REAL, AT(memory.inputs_bytes)},
    {"memory.scratch_bytes", FIELD_REAL, AT(memory.scratch_bytes)},
    {"memory.output_bytes", FIELD_REAL, AT(memory.output_bytes)},
    {"memory.total_bytes", FIELD_REAL, AT(memory.total_bytes)},
    {"build.time_s", FIELD_REAL, AT(build.time_s)},
    {"build.options", FIELD_STRING, AT(build.options)},
    {"build.origin", FIELD_NEW_STRING, AT(build.origin)},
    {"worker_output", FIELD_STRING, AT(worker_output)},
    {"problem", FIELD_PROBLEM, AT(problem)}, /* last: its keys are the columns */
};
enum { FIELDS = sizeof fields / sizeof *fields };

const char *row_status_name(enum row_status status)
{
    return status_names[status];
}

int row_status_parse(const char *name, enum row_status *status)
{
    for (int i = 0; i < ROW_STATUSES; ++i)
        if (strcmp(name, status_names[i]) == 0) {
            *status = (enum row_status)i;
            return 0;
        }
    return -1;
}

struct row row_default(void)
{
    struct row row;
    memset(&row, 0, sizeof row);
    fields_default(fields, FIELDS, &row);
    return row;
}

/* Of a row without its digest, which is made printable by it. */
static cJSON *digest_of(cJSON *row)
{
    enum { DIGITS = 16 };
    char hex[65], *line = fields_print(row);
    sha256_hex(line, strlen(line), hex);
    hex[DIGITS] = '\0';
    free(line);
    return cJSON_CreateString(hex);
}

cJSON *row_to_json(const struct row *row)
{
    cJSON *object = fields_to_json(fields, FIELDS, row);
    fields_add(object, "digest", digest_of(object));
    return object;
}

static enum row_digest compare_digest(const cJSON *object)
{
    const char *given = json_peek_string(object, "digest");
    if (!*given)
        return DIGEST_NONE;
    cJSON *copy = cJSON_Duplicate(object, true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "digest");
    cJSON *digest = digest_of(copy);
    const bool fits = strcmp(digest->valuestring, given) == 0;
    cJSON_Delete(digest);
    cJSON_Delete(copy);
    return fits ? DIGEST_FITS : DIGEST_BROKEN;
}

int row_from_json(struct row *row, const struct json *json, const cJSON *object,
                  struct arena *arena, struct err *err)
{
    *row = row_default();
    if (fields_from_json(fields, FIELDS, row, json, object, arena, err))
        return -1;
    row->digest = compare_digest(object);
    return 0;
}

int row_field_count(void)
{
    return FIELDS - 1;
}

const char *row_field_path(int field)
{
    return fields[field].path;
}

enum row_column row_field_column(int field)
{
    const struct problem any = problem_default();
    const char *path = fields[field].path;
    switch (fields[field].type) {
    case FIELD_REAL:
    case FIELD_NEW_REAL:
    case FIELD_SIGNED:
        return ROW_COLUMN_REAL;
    case FIELD_COUNT:
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_NEW_BOOL:
        return ROW_COLUMN_INTEGER;
    case FIELD_INTERVAL:
        return ROW_COLUMN_INTERVAL;
    case FIELD_NUMBERS:
        return ROW_COLUMN_SAMPLES;
    case FIELD_PROBLEM_KEY: {
        double value;
        const char *key = strchr(path, '.') + 1;
        const bool number = !problem_enum_name(&any, key) && problem_value(&any, key, &value);
        return number ? ROW_COLUMN_NUMBER : ROW_COLUMN_TEXT;
    }
    default:
        return ROW_COLUMN_TEXT;
    }
}

/* A number or a flag of 0 in a group of which nothing is known (the warm-up of a row that was not
 * timed) is as unknown as the rest of it. */
cJSON *row_field_json(const struct row *row, int field)
{
    const enum field_type type = fields[field].type;
    const bool zero = type == FIELD_COUNT || type == FIELD_BOOL || type == FIELD_NEW_BOOL;
    return zero && !fields_known(fields, FIELDS, row, field) ? cJSON_CreateNull()
                                                             : field_to_json(fields + field, row);
}

/* Lists are separated by spaces, objects are "key=value,key=value". */
static void add_value(const cJSON *value, struct text *out)
{
    if (cJSON_IsString(value)) {
        text_add(out, value->valuestring);
    } else if (cJSON_IsArray(value) || cJSON_IsObject(value)) {
        const cJSON *item = NULL;
        cJSON_ArrayForEach(item, value)
        {
            if (item != value->child)
                text_add(out, cJSON_IsArray(value) ? " " : ",");
            if (cJSON_IsObject(value))
                text_print(out, "%s=", item->string);
            add_value(item, out);
        }
    } else if (!cJSON_IsNull(value)) {
        char *literal = json_print(value);
        text_add(out, literal);
        free(literal);
    }
}

void row_field_text(const struct row *row, int field, struct text *out)
{
    cJSON *value = row_field_json(row, field);
    add_value(value, out);
    cJSON_Delete(value);
}
