/* Numbers, problems and sources, as all parts of the page show them. */
#include "report/html/html.h"

#include "report/words.h"

#include <string.h>

enum { LABEL_BYTES = 80 };

void html_seconds(struct text *out, double seconds)
{
    struct text plain = {0};
    text_add_seconds(&plain, seconds);
    const char *shown = text_get(&plain);
    const bool micro = text_ends(shown, " us");
    text_add_bytes(out, shown, plain.length - (micro ? 2 : 0));
    text_add(out, micro ? "µs" : "");
    text_free(&plain);
}

void html_other_keys(struct text *out, const struct problem *problem)
{
    static const char *const shown[] = {"op",  "heads_q", "heads_kv", "n_q", "n_kv",
                                        "d_k", "d_v",     "dtype",    "mask"};
    cJSON *keys = problem_to_json(problem);
    const cJSON *key = NULL;
    const char *before = "";
    cJSON_ArrayForEach(key, keys)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof shown / sizeof *shown; ++i)
            known |= strcmp(shown[i], key->string) == 0;
        if (known)
            continue;
        text_print(out, "%s%s", before, key->string);
        before = ", ";
        if (cJSON_IsString(key)) {
            text_add(out, "=");
            words_xml(out, key->valuestring, LABEL_BYTES);
        } else if (cJSON_IsNumber(key)) {
            text_print(out, "=%.10g", key->valuedouble);
        }
    }
    cJSON_Delete(keys);
}

void html_problem(struct text *out, const struct problem *problem)
{
    struct text others = {0};
    if (problem->n_q == problem->n_kv)
        text_print(out, "n %lld", (long long)problem->n_q);
    else
        text_print(out, "n %lld × %lld", (long long)problem->n_q, (long long)problem->n_kv);
    text_print(out, ", %lld", (long long)problem->heads_q);
    if (problem->heads_q != problem->heads_kv)
        text_print(out, "/%lld", (long long)problem->heads_kv);
    text_print(out, " head%s, d_k %lld", problem->heads_q == 1 ? "" : "s", (long long)problem->d_k);
    if (problem->d_k != problem->d_v)
        text_print(out, "/%lld", (long long)problem->d_v);
    if (problem->mask != MASK_NONE)
        text_print(out, ", %s", problem_enum_name(problem, "mask"));
    text_print(out, ", %s", dtype_name((enum dtype)problem->dtype));
    html_other_keys(&others, problem);
    text_print(out, "%s%s", others.length ? ", " : "", text_get(&others));
    text_free(&others);
}

int html_source_of(const struct html_page *page, int file, const struct row *row)
{
    for (int i = 0; i < page->source_count; ++i)
        if (page->sources[i].results == page->results + file &&
            strcmp(page->sources[i].device->id, row->device) == 0)
            return i;
    return -1;
}
