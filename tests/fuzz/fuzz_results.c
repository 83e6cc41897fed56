/* Results files: what is accepted can be checked and reported in every format, and what is written
 * of it is read back as the same. */
#include "fuzz.h"
#include "report/report.h"
#include "store/results.h"

static void count(void *context, const char *message)
{
    promise(*message != '\0', "a broken rule is named", message);
    ++*(int *)context;
}

static void promise_json(struct text *text)
{
    cJSON *json = cJSON_Parse(text_get(text));
    promise(json != NULL, "a report in JSON is JSON", text_get(text));
    cJSON_Delete(json);
    text_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct results results, again;
    struct err err = {""};
    if (results_load(&results, "fuzz.json", (const char *)data, size, &err)) {
        promise_refusal(&err);
        return 0;
    }
    int told = 0;
    promise(results_check(&results, count, &told) == told, "broken rules are counted", "");
    struct text out = {0};
    report_markdown(&results, &out);
    report_csv(&results, 1, &out);
    report_table(&results, (struct looks){.width = 80, .color = true, .utf8 = true}, &out);
    text_free(&out);
    report_gbench(&results, &out);
    promise_json(&out);
    report_bmf(&results, &out);
    promise_json(&out);
    results_derive(&results);

    char *once = results_print(&results);
    promise(results_load(&again, "fuzz.json", once, strlen(once), &err) == 0,
            "what was written is read", err.message);
    char *twice = results_print(&again);
    promise(strcmp(once, twice) == 0, "and is the same", once);
    free(once);
    free(twice);
    results_free(&again);
    results_free(&results);
    return 0;
}
