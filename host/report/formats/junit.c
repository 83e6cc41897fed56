#include "report/formats/junit.h"

#include "report/words.h"

#include <math.h>

enum { NAME_BYTES = 1000, MESSAGE_BYTES = 4000 };

static void add_attribute(struct text *out, const char *name, const char *value, size_t max_bytes)
{
    text_print(out, " %s=\"", name);
    words_xml(out, value, max_bytes);
    text_add(out, "\"");
}

void junit_add_property(struct junit_suite *suite, const char *name, const char *value)
{
    text_add(&suite->properties, "      <property");
    add_attribute(&suite->properties, "name", name, NAME_BYTES);
    add_attribute(&suite->properties, "value", value, MESSAGE_BYTES);
    text_add(&suite->properties, "/>\n");
}

/* A point in a name makes a package of what stands before it. */
static void add_class(struct text *out, const struct junit_case *junit_case)
{
    struct text class = {0};
    for (const char *c = junit_case->device; *c; ++c)
        text_print(&class, "%c", *c == '.' ? '_' : *c);
    text_print(&class, ".%s", junit_case->variant);
    add_attribute(out, "classname", text_get(&class), NAME_BYTES);
    text_free(&class);
}

void junit_add_case(struct junit_suite *suite, const struct junit_case *junit_case)
{
    static const char *const elements[] = {NULL, "failure", "error", "skipped"};
    struct text *out = &suite->cases;
    ++suite->counts[junit_case->outcome];
    text_add(out, "    <testcase");
    add_attribute(out, "name", junit_case->name, NAME_BYTES);
    add_class(out, junit_case);
    if (isfinite(junit_case->time_s)) {
        text_print(out, " time=\"%.9f\"", junit_case->time_s);
        suite->time_s += junit_case->time_s;
    }
    const char *element = elements[junit_case->outcome];
    if (!element && !junit_case->output) {
        text_add(out, "/>\n");
        return;
    }
    text_add(out, ">\n");
    if (element) {
        text_print(out, "      <%s", element);
        if (junit_case->outcome != JUNIT_SKIPPED)
            add_attribute(out, "type", junit_case->type, NAME_BYTES);
        add_attribute(out, "message", junit_case->message, MESSAGE_BYTES);
        text_add(out, "/>\n");
    }
    if (junit_case->output) {
        text_add(out, "      <system-out>");
        words_xml(out, junit_case->output, MESSAGE_BYTES);
        text_add(out, "</system-out>\n");
    }
    text_add(out, "    </testcase>\n");
}

void junit_end_suite(struct junit_suite *suite, const char *name, const char *started_utc,
                     struct text *suites)
{
    int tests = 0;
    for (int i = 0; i < JUNIT_OUTCOMES; ++i)
        tests += suite->counts[i];
    text_add(suites, "  <testsuite");
    add_attribute(suites, "name", name, NAME_BYTES);
    text_print(suites, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\" time=\"%.9f\"",
               tests, suite->counts[JUNIT_FAILED], suite->counts[JUNIT_ERROR],
               suite->counts[JUNIT_SKIPPED], suite->time_s);
    if (started_utc) /* with its zone, which ISO 8601 allows and readers of JUnit take */
        add_attribute(suites, "timestamp", started_utc, NAME_BYTES);
    text_add(suites, ">\n");
    if (suite->properties.length)
        text_print(suites, "    <properties>\n%s    </properties>\n", text_get(&suite->properties));
    text_add(suites, text_get(&suite->cases));
    text_add(suites, "  </testsuite>\n");
    text_free(&suite->properties);
    text_free(&suite->cases);
}

void junit_document(const struct text *suites, struct text *out)
{
    text_print(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "
               "name=\"attnbench\">\n%s</testsuites>\n",
               text_get(suites));
}

/* ---- check ----------------------------------------------------------------------------------- */

static enum junit_outcome outcome_of(enum row_status status)
{
    switch (status) {
    case ROW_OK:
        return JUNIT_PASSED;
    case ROW_WRONG:
        return JUNIT_FAILED;
    case ROW_UNSUPPORTED:
    case ROW_SKIPPED:
        return JUNIT_SKIPPED;
    default:
        return JUNIT_ERROR;
    }
}

void junit_check(const char *file, const struct results *results, const struct text_list *broken,
                 struct text *suites)
{
    struct junit_suite suite = {0};
    for (int i = 0; results && i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        const struct junit_case one = {.device = row->device,
                                       .variant = row->variant,
                                       .name = row->cell,
                                       .time_s = row->time.median_s,
                                       .outcome = outcome_of(row->status),
                                       .type = row_status_name(row->status),
                                       .message = row->reason ? row->reason : "no reason given",
                                       .output = row->worker_output};
        junit_add_case(&suite, &one);
    }
    const char *what = results ? "rule" : "file";
    for (int i = 0; i < broken->count; ++i) {
        const struct junit_case one = {.device = "attnbench",
                                       .variant = what,
                                       .name = results ? broken->values[i] : file,
                                       .time_s = NAN,
                                       .outcome = results ? JUNIT_FAILED : JUNIT_ERROR,
                                       .type = results ? "broken rule" : "invalid file",
                                       .message = broken->values[i]};
        junit_add_case(&suite, &one);
    }
    if (!broken->count) {
        const struct junit_case one = {.device = "attnbench",
                                       .variant = what,
                                       .name = "valid, and its numbers agree",
                                       .time_s = NAN};
        junit_add_case(&suite, &one);
    }
    junit_end_suite(&suite, file, results ? results->run.started_utc : NULL, suites);
}
