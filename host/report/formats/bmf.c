#include "report/report.h"
#include "report/words.h"
#include "store/fields.h"

#include <math.h>
#include <stdlib.h>

/* lower, upper: NaN or infinite where there is no interval. */
static void add_metric(cJSON *measures, const char *measure, double value, double lower,
                       double upper)
{
    cJSON *metric = cJSON_CreateObject();
    json_add_number(metric, "value", value);
    if (isfinite(lower) && isfinite(upper)) {
        json_add_number(metric, "lower_value", lower);
        json_add_number(metric, "upper_value", upper);
    }
    fields_add(measures, measure, metric);
}

void report_bmf(const struct results *results, struct text *out)
{
    bool any = false;
    text_add(out, "{");
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        const double median_s = row->time.median_s, flops = row->rates.flops;
        const double *ci = row->time.ci95_s;
        if (row->status != ROW_OK || !(median_s > 0 && isfinite(median_s)))
            continue;
        struct text name = {0};
        words_name(&name, results, row);
        cJSON *key = cJSON_CreateString(text_get(&name)), *measures = cJSON_CreateObject();
        add_metric(measures, "latency", 1e9 * median_s, 1e9 * ci[0], 1e9 * ci[1]);
        if (flops > 0 && isfinite(flops))
            add_metric(measures, "throughput", flops / median_s, flops / ci[1], flops / ci[0]);
        char *quoted = fields_print(key), *line = fields_print(measures);
        text_print(out, "%s\n  %s: %s", any ? "," : "", quoted, line);
        free(quoted);
        free(line);
        cJSON_Delete(key);
        cJSON_Delete(measures);
        text_free(&name);
        any = true;
        text_drain(out);
    }
    text_add(out, any ? "\n}\n" : "}\n");
}
