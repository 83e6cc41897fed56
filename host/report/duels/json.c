#include "report/duels/duels.h"

#include "store/fields.h"

#include <math.h>
#include <stdlib.h>

#define AB_FORMAT  "attnbench-ab"
#define AB_VERSION "1.0.0"

static void add_string(cJSON *object, const char *key, const char *value)
{
    fields_add(object, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

/* An interval that is not known is null on both sides. */
static void add_range(cJSON *object, double low, double high)
{
    const bool known = low > 0 && isfinite(high);
    json_add_number(object, "ratio_low", known ? low : NAN);
    json_add_number(object, "ratio_high", known ? high : NAN);
}

static cJSON *end_to_json(const struct duel_end *end)
{
    cJSON *object = cJSON_CreateObject();
    add_string(object, "variant", end->variant);
    add_string(object, "tuning", end->tuning);
    add_string(object, "device", end->device);
    add_string(object, "status", row_status_name(end->status));
    add_string(object, "reason", end->reason);
    add_string(object, "phase", end->phase);
    json_add_number(object, "median_s", end->median_s);
    return object;
}

static cJSON *ratios_to_json(const double *values, int count, bool logs)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < count; ++i)
        fields_add(list, NULL, cJSON_CreateNumber(logs ? exp(values[i]) : values[i]));
    return list;
}

static cJSON *duel_to_json(const struct duel_row *row)
{
    const struct pairing *p = &row->pairing;
    cJSON *object = cJSON_CreateObject();
    add_string(object, "cell", row->cell);
    add_string(object, "verdict", duel_kind_name(duel_kind(row)));
    json_add_number(object, "ratio", p->ratio);
    add_range(object, p->low, p->high);
    add_string(object, "clock", row->clock);
    fields_add(object, "units", cJSON_CreateNumber(p->count));
    fields_add(object, "looks", cJSON_CreateNumber(p->looks));
    fields_add(object, "block", cJSON_CreateNumber(p->block));
    fields_add(object, "disagree", cJSON_CreateBool(p->disagree));
    fields_add(object, "launches", cJSON_CreateNumber((double)row->launches));
    fields_add(object, "sessions", ratios_to_json(row->session_ratios, row->sessions, false));
    fields_add(object, "ratios", ratios_to_json(p->logs, p->count, true));
    fields_add(object, "a", end_to_json(&row->ends[0]));
    fields_add(object, "b", end_to_json(&row->ends[1]));
    return object;
}

void duels_json(const struct duels *duels, struct text *out)
{
    text_add(out, "{\n  \"format\": \"" AB_FORMAT "\",\n  \"version\": \"" AB_VERSION "\",\n");
    fields_write(out, "  \"a\": ", cJSON_CreateString(duels->names[0]), ",\n");
    fields_write(out, "  \"b\": ", cJSON_CreateString(duels->names[1]), ",\n");
    fields_write(out, "  \"suite\": ", cJSON_CreateString(duels->suite), ",\n");
    text_print(out, "  \"threshold\": %.15g,\n  \"confidence\": %g,\n  \"unit\": \"%s\",\n",
               duels->threshold, PAIRING_CONFIDENCE, duels->apart ? "session" : "quadruple");
    text_print(out, "  \"interrupted\": %s,\n  \"rows\": [\n",
               duels->interrupted ? "true" : "false");
    for (int i = 0; i < duels->count; ++i)
        fields_write(out, "    ", duel_to_json(&duels->rows[i]),
                     i + 1 < duels->count ? ",\n" : "\n");
    text_add(out, "  ],\n");
    cJSON *mean = cJSON_CreateObject(), *summary = cJSON_CreateObject();
    json_add_number(mean, "ratio", duels->mean.ratio);
    add_range(mean, duels->mean.low, duels->mean.high);
    fields_add(mean, "problems", cJSON_CreateNumber(duels->mean.count));
    fields_write(out, "  \"geomean\": ", mean, ",\n");
    for (int kind = 0; kind < DUEL_KINDS; ++kind)
        fields_add(summary, duel_kind_name((enum duel_kind)kind),
                   cJSON_CreateNumber(duels->counts[kind]));
    fields_add(summary, "left_out", cJSON_CreateNumber(duels->left_out));
    fields_write(out, "  \"summary\": ", summary, "\n");
    text_add(out, "}\n");
}
