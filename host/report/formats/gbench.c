#include "report/report.h"
#include "report/words.h"
#include "store/fields.h"

#include <math.h>
#include <stdlib.h>

static void add_string(cJSON *object, const char *key, const char *value)
{
    if (value)
        fields_add(object, key, cJSON_CreateString(value));
}

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        fields_add(object, key, cJSON_CreateNumber(value));
}

/* What Google Benchmark says of its host, as far as it is known, and strings of our own: the form
 * of its --benchmark_context. */
static cJSON *make_context(const struct results *results)
{
    const struct run_header *run = &results->run;
    cJSON *context = cJSON_CreateObject();
    add_string(context, "date", run->started_utc);
    add_string(context, "host_name", run->host_name);
    add_string(context, "executable", "attnbench");
    add_number(context, "num_cpus", (double)run->host_cpus);
    fields_add(context, "caches", cJSON_CreateArray());
    add_string(context, "library_build_type", "release");
    add_string(context, "run_id", run->id);
    add_string(context, "suite", run->suite_name);
    add_string(context, "tool_version", run->tool_version);
    add_string(context, "git_commit", run->git_commit);
    add_string(context, "host_os", run->host_os);
    add_string(context, "host_cpu", run->host_cpu);
    for (int i = 0; i < results->device_count; ++i) {
        const struct device_info *device = results->devices + i;
        struct text key = {0}, value = {0};
        text_print(&key, "device_%d", i);
        text_print(&value, "%s: %s, %s, driver %s", device->id, device->name, device->platform,
                   device->driver);
        add_string(context, text_get(&key), text_get(&value));
        text_free(&key);
        text_free(&value);
    }
    return context;
}

struct writer {
    const struct results *results;
    struct text *out;
    int row;
    const char *name; /* of the present row: a JSON string without its last quote */
    bool any;
};

/* Entries are written as text: a tree for each sample would take most of the time. */
static void add_key(struct writer *writer, const char *key)
{
    text_add(writer->out, ",\"");
    text_add(writer->out, key);
    text_add(writer->out, "\":");
}

static void put_number(struct writer *writer, const char *key, double value)
{
    if (!isfinite(value))
        return;
    add_key(writer, key);
    json_add_number_text(writer->out, value);
}

static void put_string(struct writer *writer, const char *key, const char *value)
{
    struct text safe = {0};
    text_add_printable(&safe, value, true);
    add_key(writer, key);
    json_add_string_text(writer->out, text_get(&safe));
    text_free(&safe);
}

/* aggregate NULL: a repetition. */
static void begin_entry(struct writer *writer, const char *aggregate, int repetition)
{
    const struct row *row = writer->results->rows + writer->row;
    text_add(writer->out, writer->any ? ",\n    {\"name\":" : "\n    {\"name\":");
    writer->any = true;
    text_add(writer->out, writer->name);
    text_print(writer->out, "%s%s\"", aggregate ? "_" : "", aggregate ? aggregate : "");
    put_number(writer, "family_index", writer->row);
    put_number(writer, "per_family_instance_index", 0);
    add_key(writer, "run_name");
    text_add(writer->out, writer->name);
    text_add(writer->out, "\"");
    put_string(writer, "run_type", aggregate ? "aggregate" : "iteration");
    put_number(writer, "repetitions", row->time.samples_s.count);
    if (!aggregate)
        put_number(writer, "repetition_index", repetition);
    put_number(writer, "threads", 1);
    if (aggregate) {
        put_string(writer, "aggregate_name", aggregate);
        put_string(writer, "aggregate_unit", "time");
    }
}

static void end_entry(struct writer *writer, double iterations, double time_s)
{
    put_number(writer, "iterations", iterations);
    put_number(writer, "real_time", 1e9 * time_s);
    put_number(writer, "cpu_time", 1e9 * time_s);
    text_add(writer->out, ",\"time_unit\":\"ns\"}");
}

static void add_aggregate(struct writer *writer, const char *name, double time_s)
{
    const int count = writer->results->rows[writer->row].time.samples_s.count;
    if (!isfinite(time_s))
        return;
    begin_entry(writer, name, 0);
    end_entry(writer, count, time_s);
}

/* As Google Benchmark does it: a time of 0, which no measurement has. */
static void add_error(struct writer *writer, const struct row *row)
{
    struct text message = {0};
    text_print(&message, "%s: %s", row_status_name(row->status), row->reason ? row->reason : "");
    begin_entry(writer, "error", 0);
    add_key(writer, "error_occurred");
    text_add(writer->out, "true");
    put_string(writer, "error_message", text_get(&message));
    end_entry(writer, 0, 0);
    text_free(&message);
}

static void add_samples(struct writer *writer, const struct row *row)
{
    const struct number_list *samples = &row->time.samples_s;
    double sum = 0, squares = 0;
    for (int i = 0; i < samples->count; ++i) {
        const double time_s = samples->values[i];
        begin_entry(writer, NULL, i);
        sum += time_s;
        put_number(writer, "items_per_second", row->rates.flops / time_s);
        put_number(writer, "bytes_per_second", row->rates.bytes / time_s);
        end_entry(writer, 1, time_s);
    }
    const double mean = sum / samples->count;
    for (int i = 0; i < samples->count; ++i)
        squares += (samples->values[i] - mean) * (samples->values[i] - mean);
    add_aggregate(writer, "mean", mean);
    add_aggregate(writer, "median", row->time.median_s);
    add_aggregate(writer, "stddev", sqrt(squares / (samples->count - 1))); /* of one: NaN */
}

static bool has_times(const struct row *row)
{
    for (int i = 0; i < row->time.samples_s.count; ++i)
        if (!(isfinite(row->time.samples_s.values[i]) && row->time.samples_s.values[i] > 0))
            return false;
    return row->time.samples_s.count > 0;
}

void report_gbench(const struct results *results, struct text *out)
{
    struct writer writer = {.results = results, .out = out};
    text_add(out, "{\n  \"context\": ");
    fields_write(out, "", make_context(results), "");
    text_add(out, ",\n  \"benchmarks\": [");
    for (writer.row = 0; writer.row < results->row_count; ++writer.row) {
        const struct row *row = results->rows + writer.row;
        struct text name = {0}, quoted = {0};
        words_name(&name, results, row);
        json_add_string_text(&quoted, text_get(&name));
        quoted.data[--quoted.length] = '\0';
        writer.name = text_get(&quoted);
        if (row->status == ROW_OK && has_times(row))
            add_samples(&writer, row);
        else
            add_error(&writer, row);
        text_free(&name);
        text_free(&quoted);
        text_drain(out);
    }
    text_add(out, "\n  ]\n}\n");
}
