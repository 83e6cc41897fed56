#include "report/compare/changes.h"

#include "report/words.h"
#include "store/fields.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPARISON_FORMAT  "attnbench-comparison"
#define COMPARISON_VERSION "1.1.0"
enum { SENTENCE_BYTES = 2000 };

static void add_string(cJSON *object, const char *key, const char *value)
{
    fields_add(object, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

/* In full, where cJSON would round. */
static void add_count(cJSON *object, const char *key, int64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    fields_add(object, key, cJSON_CreateRaw(digits));
}

static cJSON *side_to_json(const struct side *side)
{
    const struct run_header *run = &side->results->run;
    cJSON *object = cJSON_CreateObject(), *suite = cJSON_CreateObject();
    cJSON *devices = cJSON_CreateArray();
    add_string(object, "file", side->file);
    cJSON *files = cJSON_CreateArray();
    for (int i = 0; i < side->more_count; ++i)
        fields_add(files, NULL, cJSON_CreateString(side->more[i]->run.id));
    add_string(object, "variant", side->variant);
    add_string(object, "device", side->device);
    fields_add(object, "more_run_ids", files);
    add_string(object, "run_id", run->id);
    add_string(object, "started_utc", run->started_utc);
    add_string(object, "finished_utc", run->finished_utc);
    add_string(object, "tool_version", run->tool_version);
    add_string(object, "git_commit", run->git_commit);
    add_count(object, "seed", (int64_t)run->seed);
    add_string(object, "plan_id", run->plan_id);
    add_string(suite, "name", run->suite_name);
    add_string(suite, "sha256", run->suite_sha256);
    fields_add(object, "suite", suite);
    add_string(object, "host_cpu", run->host_cpu);
    for (int i = 0; i < side->results->device_count; ++i) {
        const struct device_info *info = side->results->devices + i;
        cJSON *device = cJSON_CreateObject();
        add_string(device, "id", info->id);
        add_string(device, "name", info->name);
        add_string(device, "platform", info->platform);
        add_string(device, "driver", info->driver);
        fields_add(devices, NULL, device);
    }
    fields_add(object, "devices", devices);
    return object;
}

static cJSON *row_side_to_json(const struct row *row)
{
    if (!row)
        return cJSON_CreateNull();
    cJSON *object = cJSON_CreateObject();
    add_string(object, "device", row->device);
    add_string(object, "variant", row->variant);
    add_string(object, "status", row_status_name(row->status));
    add_string(object, "reason", row->reason);
    add_string(object, "clock", row->time.clock);
    add_string(object, "cache", row->time.cache);
    json_add_number(object, "median_s", row->time.median_s);
    json_add_number(object, "host_median_s", row->time.host_median_s);
    add_count(object, "samples", row->time.samples_s.count);
    return object;
}

/* That the ratio is of; NULL: there is none. */
static const char *clock_of(const struct change *change)
{
    if (!isfinite(change->times.ratio))
        return NULL;
    return change->host_clock ? "host" : change->base->time.clock;
}

static cJSON *change_to_json(const struct change *change)
{
    const struct row *row = change->new_row ? change->new_row : change->base;
    const struct comparison *times = &change->times;
    const bool known = isfinite(times->ratio) && isfinite(times->ratio_high);
    cJSON *object = cJSON_CreateObject();
    add_string(object, "cell", row->cell);
    add_string(object, "device", change->device);
    add_string(object, "variant", row->variant);
    add_string(object, "verdict", change_kind_name(change->kind));
    add_string(object, "reason", change->reason);
    add_string(object, "clock", clock_of(change));
    json_add_number(object, "threshold", change->threshold);
    json_add_number(object, "ratio", times->ratio);
    json_add_number(object, "ratio_low", known ? times->ratio_low : NAN);
    json_add_number(object, "ratio_high", known ? times->ratio_high : NAN);
    json_add_number(object, "p_value", isfinite(times->ratio) ? times->p_value : NAN);
    fields_add(object, "base", row_side_to_json(change->base));
    fields_add(object, "new", row_side_to_json(change->new_row));
    return object;
}

static cJSON *difference_to_json(const struct difference *difference)
{
    cJSON *object = cJSON_CreateObject();
    add_string(object, "what", difference->what);
    add_string(object, "base", difference->base);
    add_string(object, "new", difference->new_value);
    add_count(object, "cells", difference->cells);
    fields_add(object, "content", cJSON_CreateBool(difference->content));
    return object;
}

static cJSON *mean_to_json(const struct mean *mean)
{
    cJSON *object = cJSON_CreateObject();
    add_string(object, "variant", mean->variant);
    json_add_number(object, "ratio", mean->ratio);
    add_count(object, "cells", mean->cells);
    return object;
}

static cJSON *counts_to_json(const struct changes *changes)
{
    cJSON *object = cJSON_CreateObject();
    for (int kind = 0; kind < CHANGE_KINDS; ++kind)
        add_count(object, change_kind_name((enum change_kind)kind), changes->counts[kind]);
    add_count(object, "regressions", changes_regressions(changes));
    add_count(object, "compared", changes_compared(changes));
    return object;
}

static cJSON *part_to_json(const struct pair_part *part)
{
    cJSON *object = cJSON_CreateObject();
    add_count(object, "problems", part->problems);
    add_count(object, "partial", part->partial);
    json_add_number(object, "least", part->least);
    json_add_number(object, "mean", part->mean);
    json_add_number(object, "most", part->most);
    return object;
}

static cJSON *pair_to_json(const struct changes *changes)
{
    const struct pair *pair = &changes->pair;
    if (!changes->has_pair)
        return cJSON_CreateNull();
    cJSON *object = cJSON_CreateObject(), *sentences = cJSON_CreateArray();
    add_string(object, "clock", pair->by_host ? "host" : "own");
    fields_add(object, "all", part_to_json(&pair->all));
    fields_add(object, "prefill", part_to_json(&pair->prefill));
    fields_add(object, "decode", part_to_json(&pair->decode));
    for (int i = 0; i < changes->sentences.count; ++i) {
        struct text line = {0};
        words_line(&line, changes->sentences.values[i], SENTENCE_BYTES);
        fields_add(sentences, NULL, cJSON_CreateString(text_get(&line)));
        text_free(&line);
    }
    fields_add(object, "sentences", sentences);
    return object;
}

void changes_json(const struct changes *changes, struct text *out)
{
    text_print(out, "{\n  \"format\": \"%s\",\n  \"version\": \"%s\",\n", COMPARISON_FORMAT,
               COMPARISON_VERSION);
    text_print(out, "  \"threshold\": %.15g,\n  \"confidence\": 0.99,\n", changes->threshold);
    fields_write(out, "  \"base\": ", side_to_json(&changes->base), ",\n");
    fields_write(out, "  \"new\": ", side_to_json(&changes->new_side), ",\n");
    fields_write(out, "  \"pair\": ", pair_to_json(changes), ",\n");
    text_add(out, "  \"differences\": [\n");
    for (int i = 0; i < changes->difference_count; ++i)
        fields_write(out, "    ", difference_to_json(changes->differences + i),
                     i + 1 < changes->difference_count ? ",\n" : "\n");
    text_add(out, "  ],\n  \"rows\": [\n");
    for (int i = 0; i < changes->count; ++i)
        fields_write(out, "    ", change_to_json(changes->items + i),
                     i + 1 < changes->count ? ",\n" : "\n");
    text_add(out, "  ],\n");
    fields_write(out, "  \"geomean\": ", mean_to_json(&changes->all), ",\n");
    text_add(out, "  \"geomeans\": [\n");
    for (int v = 0; v < changes->variant_count; ++v)
        fields_write(out, "    ", mean_to_json(changes->variants + v),
                     v + 1 < changes->variant_count ? ",\n" : "\n");
    text_add(out, "  ],\n");
    fields_write(out, "  \"summary\": ", counts_to_json(changes), "\n");
    text_add(out, "}\n");
}
