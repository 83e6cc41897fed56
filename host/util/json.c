#include "util/json.h"

#include "util/text.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int line_at(const char *text, const char *position)
{
    int line = 1;
    for (; text < position; ++text)
        line += *text == '\n';
    return line;
}

static const char *skip_string(const char *s)
{
    for (++s; *s && *s != '"'; ++s)
        if (*s == '\\' && s[1])
            ++s;
    return *s ? s + 1 : s;
}

/* Start of the index-th value of a valid JSON text, in the order in which values begin. A string
 * that is followed by a colon is a key, not a value. */
static const char *nth_value(const char *text, size_t index)
{
    const char *s = text;
    while (*s) {
        const char *start = s;
        if (strchr(" \t\r\n,:]}", *s)) {
            ++s;
            continue;
        }
        if (*s == '"') {
            s = skip_string(s);
            const char *after = s + strspn(s, " \t\r\n");
            if (*after == ':')
                continue;
        } else if (*s == '{' || *s == '[') {
            ++s;
        } else {
            s += strcspn(s, " \t\r\n,:]}");
        }
        if (index-- == 0)
            return start;
    }
    return s;
}

/* Finds `wanted` below `node`; `count` becomes the number of values that begin before it. */
static bool find_node(const cJSON *node, const cJSON *wanted, size_t *count, struct text *path)
{
    if (node == wanted)
        return true;
    ++*count;
    int index = 0;
    const cJSON *child = NULL;
    cJSON_ArrayForEach(child, node)
    {
        const size_t length = path->length;
        if (cJSON_IsArray(node))
            text_print(path, "[%d]", index++);
        else
            text_print(path, "%s%s", length ? "." : "", child->string ? child->string : "");
        if (find_node(child, wanted, count, path))
            return true;
        path->length = length;
        path->data[length] = '\0';
    }
    return false;
}

int json_fail(const struct json *json, const cJSON *node, struct err *err, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);

    struct text path = {0}, shown = {0};
    size_t index = 0;
    int line = 1;
    if (node && find_node(json->root, node, &index, &path))
        line = line_at(json->text, nth_value(json->text, index));
    text_print(&shown, "%s:%d: %.300s%s%s", json->name, line, text_get(&path),
               path.length ? ": " : "", message);
    struct text safe = {0};
    text_add_printable(&safe, text_get(&shown), false);
    err_set(err, "%s", text_get(&safe));
    text_free(&path);
    text_free(&shown);
    text_free(&safe);
    return -1;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

enum { FEW_KEYS = 64 };

/* By hashes, which are compared with each other: faster than sorting where there are few. */
static const cJSON *duplicate_of_few(const cJSON *node)
{
    const cJSON *members[FEW_KEYS], *child = NULL;
    size_t hashes[FEW_KEYS], n = 0;
    cJSON_ArrayForEach(child, node)
    {
        hashes[n] = text_hash(child->string);
        members[n] = child;
        for (size_t i = 0; i < n; ++i)
            if (hashes[i] == hashes[n] && strcmp(members[i]->string, child->string) == 0)
                return child;
        ++n;
    }
    return NULL;
}

static const cJSON *duplicate_of_many(const cJSON *node, size_t count)
{
    const cJSON **members = calloc(count, sizeof *members), *child = NULL, *twice = NULL;
    if (!members) {
        fprintf(stderr, "attnbench: out of memory\n");
        exit(6);
    }
    size_t n = 0;
    cJSON_ArrayForEach(child, node) members[n++] = child;
    qsort(members, n, sizeof *members, compare_keys);
    for (size_t i = 1; i < n && !twice; ++i)
        if (strcmp(members[i - 1]->string, members[i]->string) == 0)
            twice = members[i];
    free(members);
    return twice;
}

static int refuse_duplicates(const struct json *json, const cJSON *node, struct err *err)
{
    const cJSON *child = NULL;
    const int count = cJSON_IsObject(node) ? cJSON_GetArraySize(node) : 0;
    const cJSON *twice = count <= FEW_KEYS ? count > 1 ? duplicate_of_few(node) : NULL
                                           : duplicate_of_many(node, (size_t)count);
    if (twice)
        return json_fail(json, twice, err, "the key stands twice in its object; remove one");
    cJSON_ArrayForEach(child, node) if (child->child && refuse_duplicates(json, child, err))
    {
        return -1;
    }
    return 0;
}

/* Where a text stopped being JSON. Instead of a key cJSON points one past what it found: past the
 * bracket behind a trailing comma, past the first letter of a key without double quotes. */
static const char *surprise_at(const char *text, const char *end)
{
    if (end - text < 2)
        return end;
    const char found = end[-1];
    const char *before = end - 2;
    while (before > text && strchr(" \t\r\n", *before))
        --before;
    const bool bracket = found == '}' && *before == ',';
    const bool bare_key = (*before == '{' || *before == ',') && found != '"' && found != '}' &&
                          (found == '\'' || (found | 32) >= 'a') && (found | 32) <= 'z';
    return bracket || bare_key ? end - 1 : end;
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory)
        return memory;
    fprintf(stderr, "attnbench: out of memory: %zu bytes of JSON\n", bytes);
    exit(6);
}

void json_begin(void)
{
    cJSON_Hooks hooks = {allocate, free};
    cJSON_InitHooks(&hooks);
}

/* The first bracket that is nested too deeply, or NULL. */
static const char *too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (const char *at = text; at < text + length; ++at)
        if (quoted && *at == '\\')
            ++at;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && (*at == '{' || *at == '[')) {
            if (++depth > JSON_DEPTH_MAX)
                return at;
        } else if (!quoted && (*at == '}' || *at == ']'))
            --depth;
    return NULL;
}

cJSON *json_parse(const char *text, size_t length)
{
    return too_deep(text, length) ? NULL : cJSON_ParseWithLength(text, length);
}

int json_load(struct json *json, const char *name, const char *text, size_t length, struct err *err)
{
    *json = (struct json){.name = name};
    if (memchr(text, '\0', length))
        return err_set(err, "%s: holds a NUL byte; a JSON text file was expected", name);
    json->text = malloc(length + 1);
    if (!json->text)
        return err_set(err, "%s: out of memory", name);
    memcpy(json->text, text, length);
    json->text[length] = '\0';
    const char *end = too_deep(json->text, length);
    if (end) {
        err_set(err, "%s:%d: not valid JSON here: brackets are nested more than %d deep", name,
                line_at(json->text, end), JSON_DEPTH_MAX);
        json_free(json);
        return -1;
    }
    end = json->text;
    json->root = cJSON_ParseWithLengthOpts(json->text, length + 1, &end, 1);
    if (!json->root) {
        const char *start = json->text;
        end = surprise_at(start, end);
        char near[24];
        snprintf(near, sizeof near, "%.20s", end);
        struct text safe = {0};
        text_add_printable(&safe, near, false);
        err_set(err, "%s:%d: not valid JSON%s%s%s", name, line_at(start, end),
                safe.length ? " at '" : ": the file ends too early", text_get(&safe),
                safe.length ? "'" : "");
        text_free(&safe);
        json_free(json);
        return -1;
    }
    if (refuse_duplicates(json, json->root, err)) {
        json_free(json);
        return -1;
    }
    return 0;
}

void json_free(struct json *json)
{
    cJSON_Delete(json->root);
    free(json->text);
    json->root = NULL;
    json->text = NULL;
}

void json_describe(const cJSON *node, char *out, size_t size)
{
    if (node && cJSON_IsString(node))
        snprintf(out, size, "\"%.40s\"%s", node->valuestring,
                 strlen(node->valuestring) > 40 ? "..." : "");
    else if (node && cJSON_IsNumber(node))
        snprintf(out, size, "%.17g", node->valuedouble);
    else if (cJSON_IsBool(node))
        snprintf(out, size, "%s", cJSON_IsTrue(node) ? "true" : "false");
    else
        snprintf(out, size, "%s",
                 cJSON_IsArray(node)    ? "an array"
                 : cJSON_IsObject(node) ? "an object"
                                        : "null");
}

static int expected(const struct json *json, const cJSON *node, struct err *err, const char *what)
{
    char found[64];
    json_describe(node, found, sizeof found);
    return json_fail(json, node, err, "expected %s, found %s", what, found);
}

int json_only_keys(const struct json *json, const cJSON *object, const char *const *keys,
                   struct err *err)
{
    if (!cJSON_IsObject(object))
        return expected(json, object, err, "an object");
    size_t count = 0;
    while (keys[count])
        ++count;
    const cJSON *child = NULL;
    cJSON_ArrayForEach(child, object)
    {
        size_t i = 0;
        while (i < count && strcmp(keys[i], child->string) != 0)
            ++i;
        if (i < count)
            continue;
        const char *nearest = text_nearest(child->string, keys, count);
        if (nearest)
            return json_fail(json, child, err, "unknown key; did you mean \"%s\"?", nearest);
        struct text known = {0};
        for (i = 0; i < count; ++i)
            text_print(&known, "%s%s", i ? ", " : "", keys[i]);
        json_fail(json, child, err, "unknown key; expected one of: %s", text_get(&known));
        text_free(&known);
        return -1;
    }
    return 0;
}

int json_as_int(const struct json *json, const cJSON *node, int64_t low, int64_t high,
                int64_t *value, struct err *err)
{
    const double x = node && cJSON_IsNumber(node) ? node->valuedouble : NAN;
    /* Above 2^53 a double no longer holds every integer. */
    if (!(x >= -9007199254740992.0 && x <= 9007199254740992.0) || x != floor(x) ||
        x < (double)low || x > (double)high) {
        char what[96];
        snprintf(what, sizeof what, "an integer from %" PRId64 " to %" PRId64, low, high);
        return expected(json, node, err, what);
    }
    *value = (int64_t)x;
    return 0;
}

int json_as_double(const struct json *json, const cJSON *node, double low, double high,
                   double *value, struct err *err)
{
    const double x = node && cJSON_IsNumber(node) ? node->valuedouble : NAN;
    if (!(isfinite(x) && x >= low && x <= high)) {
        char what[96];
        snprintf(what, sizeof what, "a number from %g to %g", low, high);
        return expected(json, node, err, what);
    }
    *value = x;
    return 0;
}

int json_as_string(const struct json *json, const cJSON *node, const char **value, struct err *err)
{
    if (!node || !cJSON_IsString(node))
        return expected(json, node, err, "a string");
    *value = node->valuestring;
    return 0;
}

/* 0: absent and not needed, 1: there, -1: refused. */
static int member(const struct json *json, const cJSON *object, const char *key, bool need,
                  const cJSON **node, struct err *err)
{
    if (!cJSON_IsObject(object))
        return expected(json, object, err, "an object");
    *node = cJSON_GetObjectItemCaseSensitive(object, key);
    if (*node)
        return 1;
    return need ? json_fail(json, object, err, "the key \"%s\" is missing", key) : 0;
}

int json_int(const struct json *json, const cJSON *object, const char *key, bool need, int64_t low,
             int64_t high, int64_t *value, struct err *err)
{
    const cJSON *node = NULL;
    const int found = member(json, object, key, need, &node, err);
    return found == 1 ? json_as_int(json, node, low, high, value, err) : found;
}

int json_double(const struct json *json, const cJSON *object, const char *key, bool need,
                double low, double high, double *value, struct err *err)
{
    const cJSON *node = NULL;
    const int found = member(json, object, key, need, &node, err);
    return found == 1 ? json_as_double(json, node, low, high, value, err) : found;
}

int json_bool(const struct json *json, const cJSON *object, const char *key, bool need, bool *value,
              struct err *err)
{
    const cJSON *node = NULL;
    const int found = member(json, object, key, need, &node, err);
    if (found != 1)
        return found;
    if (!cJSON_IsBool(node))
        return expected(json, node, err, "true or false");
    *value = cJSON_IsTrue(node);
    return 0;
}

int json_string(const struct json *json, const cJSON *object, const char *key, bool need,
                const char **value, struct err *err)
{
    const cJSON *node = NULL;
    const int found = member(json, object, key, need, &node, err);
    return found == 1 ? json_as_string(json, node, value, err) : found;
}

int json_node(const struct json *json, const cJSON *object, const char *key, bool need, int type,
              const cJSON **value, struct err *err)
{
    const cJSON *node = NULL;
    const int found = member(json, object, key, need, &node, err);
    if (found != 1)
        return found;
    if (!node || (node->type & 0xff) != type)
        return expected(json, node, err, type == cJSON_Array ? "an array" : "an object");
    *value = node;
    return 0;
}

const char *json_peek_string(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(node) ? node->valuestring : "";
}

double json_peek_number(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(node) ? node->valuedouble : NAN;
}

void json_add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static char *or_empty(char *text)
{
    if (text)
        return text;
    fprintf(stderr, "attnbench: out of memory while writing JSON\n");
    exit(6);
}

char *json_print(const cJSON *node)
{
    return or_empty(cJSON_PrintUnformatted(node));
}

char *json_print_pretty(const cJSON *node)
{
    return or_empty(cJSON_Print(node));
}

/* As cJSON 1.7 does it: integers of an int as such, others with 15 digits where these read back to
 * the same value but for its last bit, else with 17. */
void json_add_number_text(struct text *out, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        text_add(out, "null");
        return;
    }
    if (value >= INT32_MIN && value <= INT32_MAX && value == (double)(int)value) {
        text_print(out, "%d", (int)value);
        return;
    }
    snprintf(digits, sizeof digits, "%1.15g", value);
    const double again = strtod(digits, NULL);
    if (!(fabs(again - value) <= fmax(fabs(again), fabs(value)) * DBL_EPSILON))
        snprintf(digits, sizeof digits, "%1.17g", value);
    text_add(out, digits);
}

void json_add_string_text(struct text *out, const char *value)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    text_add(out, "\"");
    for (const char *c = value; *c;) {
        size_t plain = 0;
        while ((unsigned char)c[plain] >= 32 && c[plain] != '"' && c[plain] != '\\')
            ++plain;
        text_add_bytes(out, c, plain);
        c += plain;
        if (!*c)
            break;
        const char *found = strchr(escaped, *c);
        if (found)
            text_print(out, "\\%c", letters[found - escaped]);
        else
            text_print(out, "\\u%04x", (unsigned)(unsigned char)*c);
        ++c;
    }
    text_add(out, "\"");
}
