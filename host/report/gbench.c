#include "report/report.h"
#include "report/words.h"
#include "store/fields.h"

#include <math.h>
#include <stdlib.h>

/* Consumes the tree. */
static void add_tree(struct text *out, cJSON *tree)
{
    char *line = fields_print(tree);
    text_add(out, line);
    free(line);
    cJSON_Delete(tree);
}

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
    const char *name; /* of the present row */
    bool any;
};

/* aggregate NULL: a repetition. */
static cJSON *make_entry(const struct writer *writer, const char *aggregate, int repetition)
{
    const struct row *row = writer->results->rows + writer->row;
    struct text name = {0};
    cJSON *entry = cJSON_CreateObject();
    text_print(&name, "%s%s%s", writer->name, aggregate ? "_" : "", aggregate ? aggregate : "");
    add_string(entry, "name", text_get(&name));
    text_free(&name);
    add_number(entry, "family_index", writer->row);
    add_number(entry, "per_family_instance_index", 0);
    add_string(entry, "run_name", writer->name);
    add_string(entry, "run_type", aggregate ? "aggregate" : "iteration");
    add_number(entry, "repetitions", row->time.samples_s.count);
    if (!aggregate)
        add_number(entry, "repetition_index", repetition);
    add_number(entry, "threads", 1);
    add_string(entry, "aggregate_name", aggregate);
    add_string(entry, "aggregate_unit", aggregate ? "time" : NULL);
    return entry;
}

static void add_entry(struct writer *writer, cJSON *entry, double iterations, double time_s)
{
    add_number(entry, "iterations", iterations);
    add_number(entry, "real_time", 1e9 * time_s);
    add_number(entry, "cpu_time", 1e9 * time_s);
    add_string(entry, "time_unit", "ns");
    text_add(writer->out, writer->any ? ",\n    " : "\n    ");
    writer->any = true;
    add_tree(writer->out, entry);
}

static void add_aggregate(struct writer *writer, const char *name, double time_s)
{
    const int count = writer->results->rows[writer->row].time.samples_s.count;
    if (isfinite(time_s))
        add_entry(writer, make_entry(writer, name, 0), count, time_s);
}

/* As Google Benchmark does it: a time of 0, which no measurement has. */
static void add_error(struct writer *writer, const struct row *row)
{
    struct text message = {0};
    cJSON *entry = make_entry(writer, "error", 0);
    text_print(&message, "%s: %s", row_status_name(row->status), row->reason ? row->reason : "");
    fields_add(entry, "error_occurred", cJSON_CreateTrue());
    add_string(entry, "error_message", text_get(&message));
    text_free(&message);
    add_entry(writer, entry, 0, 0);
}

static void add_samples(struct writer *writer, const struct row *row)
{
    const struct number_list *samples = &row->time.samples_s;
    double sum = 0, squares = 0;
    for (int i = 0; i < samples->count; ++i) {
        const double time_s = samples->values[i];
        cJSON *entry = make_entry(writer, NULL, i);
        sum += time_s;
        add_number(entry, "items_per_second", row->rates.flops / time_s);
        add_number(entry, "bytes_per_second", row->rates.bytes / time_s);
        add_entry(writer, entry, 1, time_s);
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
    add_tree(out, make_context(results));
    text_add(out, ",\n  \"benchmarks\": [");
    for (writer.row = 0; writer.row < results->row_count; ++writer.row) {
        const struct row *row = results->rows + writer.row;
        struct text name = {0};
        words_name(&name, results, row);
        writer.name = text_get(&name);
        if (row->status == ROW_OK && has_times(row))
            add_samples(&writer, row);
        else
            add_error(&writer, row);
        text_free(&name);
    }
    text_add(out, "\n  ]\n}\n");
}
