#include "problem/peaks.h"

#include "util/json.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name, *title, *unit;
} kinds[PEAKS] = {
    [PEAK_F32] = {"f32_gflop_s", "f32 multiply-add", "GFLOP/s"},
    [PEAK_F16] = {"f16_gflop_s", "f16 multiply-add", "GFLOP/s"},
    [PEAK_EXP] = {"exp_gop_s", "exp2", "Gop/s"},
    [PEAK_COPY] = {"copy_gb_s", "global copy", "GB/s"},
    [PEAK_READ] = {"read_gb_s", "global read", "GB/s"},
    [PEAK_LOCAL] = {"local_gb_s", "local read", "GB/s"},
};

const char *peak_name(enum peak peak)
{
    return kinds[peak].name;
}

int peak_find(const char *name)
{
    for (int i = 0; i < PEAKS; ++i)
        if (strcmp(kinds[i].name, name) == 0)
            return i;
    return -1;
}

const char *peak_title(enum peak peak)
{
    return kinds[peak].title;
}

const char *peak_unit(enum peak peak)
{
    return kinds[peak].unit;
}

double peaks_get(const struct peaks *peaks, enum peak peak)
{
    const double value = peaks->rates[peak].value;
    return isfinite(value) && value > 0 ? value : NAN;
}

void peaks_to_json(const struct peaks *peaks, cJSON *object)
{
    for (int i = 0; i < PEAKS; ++i)
        json_add_number(object, kinds[i].name, peaks_get(peaks, (enum peak)i));
    if (!peaks->measured_utc)
        return;
    cJSON *how = cJSON_AddObjectToObject(object, "how");
    for (int i = 0; i < PEAKS; ++i)
        if (peaks->rates[i].how)
            cJSON_AddStringToObject(how, kinds[i].name, peaks->rates[i].how);
    cJSON_AddStringToObject(object, "measured_utc", peaks->measured_utc);
}

static int expected(const char *key, const cJSON *found, const char *what, struct err *err)
{
    char shown[64];
    json_describe(found, shown, sizeof shown);
    return err_set(err, "peaks.%s: expected %s, found %s", key, what, shown);
}

static const char *string(const cJSON *object, const char *key, struct arena *arena)
{
    const char *text = json_peek_string(object, key);
    return *text ? arena_copy(arena, text) : NULL;
}

int peaks_from_json(struct peaks *peaks, const cJSON *object, struct arena *arena, struct err *err)
{
    *peaks = (struct peaks){0};
    const cJSON *how = cJSON_GetObjectItemCaseSensitive(object, "how");
    for (int i = 0; i < PEAKS; ++i) {
        struct peak_rate *rate = &peaks->rates[i];
        const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, kinds[i].name);
        rate->value = NAN;
        rate->how = string(how, kinds[i].name, arena);
        if (!node || cJSON_IsNull(node))
            continue;
        if (!cJSON_IsNumber(node) || !isfinite(node->valuedouble) || !(node->valuedouble > 0))
            return expected(kinds[i].name, node, "a positive number or null", err);
        rate->value = node->valuedouble;
    }
    peaks->measured_utc = string(object, "measured_utc", arena);
    return 0;
}

void peaks_add_text(const struct peaks *peaks, const char *indent, struct text *out)
{
    for (int i = 0; i < PEAKS; ++i) {
        const double value = peaks_get(peaks, (enum peak)i);
        const char *how = peaks->rates[i].how;
        text_print(out, "%s%-16s ", indent, kinds[i].title);
        if (isnan(value))
            text_add(out, "unknown");
        else
            text_print(out, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, kinds[i].unit);
        text_add(out, how ? ": " : "");
        text_add_printable(out, how ? how : "", false); /* the cache is a file like others */
        text_add(out, "\n");
    }
}
