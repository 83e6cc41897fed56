#include "store/row.h"

#include "store/fields.h"
#include "util/sha256.h"

#include <math.h>
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
    {"problem.queue", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.profiling", FIELD_PROBLEM_KEY, AT(problem)},
    {"problem.memory", FIELD_PROBLEM_KEY, AT(problem)},
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
    {"time.launches_per_sample", FIELD_NEW_REAL, AT(time.launches_per_sample)},
    {"time.mode_share", FIELD_NEW_REAL, AT(time.mode_share)},
    {"time.mode_fast_s", FIELD_NEW_REAL, AT(time.mode_fast_s)},
    {"time.mode_slow_s", FIELD_NEW_REAL, AT(time.mode_slow_s)},
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
    {"check.scale", FIELD_NEW_STRING, AT(check.scale)},
    {"check.used_element", FIELD_NEW_REAL, AT(check.used[SCALE_ELEMENT])},
    {"check.used_row", FIELD_NEW_REAL, AT(check.used[SCALE_ROW])},
    {"check.used_head", FIELD_NEW_REAL, AT(check.used[SCALE_HEAD])},
    {"check.used_column", FIELD_NEW_REAL, AT(check.used[SCALE_COLUMN])},
    {"check.used_batch", FIELD_NEW_REAL, AT(check.used[SCALE_BATCH])},
    {"check.used_whole", FIELD_NEW_REAL, AT(check.used[SCALE_WHOLE])},
    {"check.rows_unjudged", FIELD_NEW_COUNT, AT(check.rows_unjudged)},
    {"check.rounding", FIELD_NEW_STRING, AT(check.rounding)},
    {"check.keys_covered", FIELD_NEW_REAL, AT(check.keys_covered)},
    {"check.rows_covered", FIELD_NEW_REAL, AT(check.rows_covered)},
    {"check.wrong_rows_found", FIELD_NEW_REAL, AT(check.wrong_rows_found)},
    {"check.launches_compared", FIELD_NEW_COUNT, AT(check.launches_compared)},
    {"check.precision", FIELD_NEW_STRING, AT(check.precision)},
    {"memory.inputs_bytes", FIELD_REAL, AT(memory.inputs_bytes)},
    {"memory.scratch_bytes", FIELD_REAL, AT(memory.scratch_bytes)},
    {"memory.output_bytes", FIELD_REAL, AT(memory.output_bytes)},
    {"memory.total_bytes", FIELD_REAL, AT(memory.total_bytes)},
    {"build.time_s", FIELD_REAL, AT(build.time_s)},
    {"build.options", FIELD_STRING, AT(build.options)},
    {"build.origin", FIELD_NEW_STRING, AT(build.origin)},
    {"part.run", FIELD_NEW_STRING, AT(part.run)},
    {"part.repeat", FIELD_NEW_STRING, AT(part.repeat)},
    {"part.ratio", FIELD_NEW_REAL, AT(part.ratio)},
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

enum { DIGEST_DIGITS = 16 };
#define DIGEST_KEY ",\"digest\":\""

/* Of a row without its digest, which is made printable by it. */
static cJSON *digest_of(cJSON *row)
{
    char hex[65], *line = fields_print(row);
    sha256_hex(line, strlen(line), hex);
    hex[DIGEST_DIGITS] = '\0';
    free(line);
    return cJSON_CreateString(hex);
}

/* Where a line that ends with a digest has the comma before it; NULL: it does not end so. */
static const char *find_digest(const char *line, size_t length)
{
    const size_t tail = strlen(DIGEST_KEY) + DIGEST_DIGITS + strlen("\"}");
    const char *at = length > tail ? line + length - tail : NULL;
    return at && strncmp(at, DIGEST_KEY, strlen(DIGEST_KEY)) == 0 && at[tail - 1] == '}' ? at
                                                                                         : NULL;
}

/* The digest of line[0, end) and a closing brace. */
static void line_digest(const char *line, const char *end, struct text *scratch, char hex[65])
{
    scratch->length = 0;
    text_add_bytes(scratch, line, (size_t)(end - line));
    text_add(scratch, "}");
    sha256_hex(scratch->data, scratch->length, hex);
    hex[DIGEST_DIGITS] = '\0';
}

/* Is the text itself what its digest was made of? It then needs no printing to know. */
static bool line_fits(const char *line)
{
    char hex[65] = "";
    struct text scratch = {0};
    const char *at = find_digest(line, strlen(line));
    if (at)
        line_digest(line, at, &scratch, hex);
    text_free(&scratch);
    return at && strncmp(at + strlen(DIGEST_KEY), hex, DIGEST_DIGITS) == 0;
}

/* The end of the string that begins at `quote`. */
static const char *string_end(const char *quote)
{
    const char *at = quote + 1;
    while (*at && *at != '"')
        at += *at == '\\' && at[1] ? 2 : 1;
    return at + (*at == '"');
}

/* In a line without other white space than in strings, a key with its quotes is no string's part.
 */
static const char *last_key(const char *line, const char *key)
{
    const char *found = NULL;
    for (const char *at = line; (at = strstr(at, key)); ++at)
        found = at;
    return found;
}

static void add_json_string(struct text *out, const char *value)
{
    cJSON *string = cJSON_CreateString(value);
    char *printed = fields_print(string);
    text_add(out, printed);
    free(printed);
    cJSON_Delete(string);
}

/* The rates that depend on a device's peaks, the last of their group: from their comma on. */
#define PEAK_RATES ",\"frac_of_peak\":"
static void add_peak_rates(struct text *out, const struct row *row)
{
    static const char before[] = "{\"rates\":{";
    int first = 0;
    while (strcmp(fields[first].path, "rates.frac_of_peak") != 0)
        ++first;
    cJSON *rates = fields_to_json(fields + first, 3, row);
    char *printed = fields_print(rates);
    const bool known = text_starts(printed, before);
    text_add(out, ",");
    if (known) /* without the brace of the whole */
        text_add_bytes(out, printed + strlen(before), strlen(printed) - strlen(before) - 1);
    else
        text_add(out, "\"frac_of_peak\":null,\"frac_of_roofline\":null,\"roof\":null}");
    free(printed);
    cJSON_Delete(rates);
}

/* After the next brace that closes an object and is in no string. */
static const char *object_end(const char *at)
{
    while (*at && *at != '}')
        at = *at == '"' ? string_end(at) : at + 1;
    return at + (*at == '}');
}

bool row_relabel(const struct row *row, const struct text *line, struct text *out)
{
    static const char cell_key[] = "{\"cell\":", device_key[] = ",\"device\":";
    const char *text = text_get(line);
    if (row->digest != DIGEST_FITS || !text_starts(text, cell_key))
        return false;
    const char *digest = find_digest(text, line->length);
    const char *cell_end = string_end(text + strlen(cell_key));
    const char *rates = last_key(text, PEAK_RATES);
    const char *rest = last_key(text, ",\"worker_output\":");
    const char *part = last_key(text, ",\"part\":{\"run\":");
    if (!digest || !text_starts(cell_end, device_key) || !rates || !rest || rest < rates)
        return false;
    const char *middle = string_end(cell_end + strlen(device_key));
    const char *late = object_end(rates + strlen(PEAK_RATES));
    char hex[65];
    struct text scratch = {0};
    const size_t begin = out->length;
    text_add_bytes(out, text, (size_t)(cell_end - text));
    text_add(out, device_key);
    add_json_string(out, row->device);
    text_add_bytes(out, middle, (size_t)(rates - middle));
    add_peak_rates(out, row);
    text_add_bytes(out, late, (size_t)((part ? part : rest) - late));
    text_print(out, ",\"part\":{\"run\":\"%s\",\"repeat\":null,\"ratio\":null}", row->part.run);
    text_add_bytes(out, rest, (size_t)(digest - rest));
    line_digest(out->data + begin, out->data + out->length, &scratch, hex);
    text_print(out, DIGEST_KEY "%s\"}", hex);
    text_free(&scratch);
    return true;
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

int row_from_json_quickly(struct row *row, const struct json *json, const cJSON *object,
                          struct arena *arena, struct text_pool *pool, struct err *err)
{
    *row = row_default();
    return fields_from_json_pooled(fields, FIELDS, row, json, object, arena, pool, err);
}

int row_from_json(struct row *row, const struct json *json, const cJSON *object,
                  struct arena *arena, struct err *err)
{
    if (row_from_json_quickly(row, json, object, arena, NULL, err))
        return -1;
    row->digest =
        object == json->root && line_fits(json->text) ? DIGEST_FITS : compare_digest(object);
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

/* The same without a tree, for what most columns are; false: it is something else. */
static bool add_plain(const struct row *row, const struct field *field, struct text *out)
{
    const void *at = (const char *)row + field->offset;
    const char *text = NULL;
    double value = NAN;
    switch (field->type) {
    case FIELD_NAME:
    case FIELD_STRING:
    case FIELD_NEW_STRING:
        text = *(const char *const *)at;
        break;
    case FIELD_REAL:
    case FIELD_NEW_REAL:
    case FIELD_SIGNED:
        value = *(const double *)at;
        break;
    case FIELD_PROBLEM_KEY:
        text = problem_enum_name(at, strchr(field->path, '.') + 1);
        if (!text && !problem_value(at, strchr(field->path, '.') + 1, &value))
            return false;
        break;
    case FIELD_NUMBERS:
        for (int i = 0; i < ((const struct number_list *)at)->count; ++i) {
            text_add(out, i ? " " : "");
            json_add_number_text(out, ((const struct number_list *)at)->values[i]);
        }
        return true;
    default:
        return false;
    }
    if (text)
        text_add(out, text);
    else if (isfinite(value))
        json_add_number_text(out, value);
    return true;
}

void row_field_text(const struct row *row, int field, struct text *out)
{
    if (add_plain(row, &fields[field], out))
        return;
    cJSON *value = row_field_json(row, field);
    add_value(value, out);
    cJSON_Delete(value);
}
