#include "report/inspect/inspect.h"

#include "util/json.h"

#include <stdlib.h>

enum { PAIRS = 10 };

static void add_pairs(cJSON *object, const char *key, const struct inspection *in,
                      const struct inspected_part *part, bool with_query)
{
    struct pair pairs[PAIRS];
    const int count = inspection_rank(in, part, pairs, PAIRS);
    cJSON *list = cJSON_AddArrayToObject(object, key);
    for (int p = 0; p < count; ++p) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        if (with_query) {
            cJSON_AddNumberToObject(item, "head", (double)(in->first_head + pairs[p].head));
            cJSON_AddNumberToObject(item, "query", (double)pairs[p].query);
            cJSON_AddStringToObject(item, "query_token", in->queries.words[pairs[p].query]);
        }
        cJSON_AddNumberToObject(item, "key", (double)pairs[p].key);
        cJSON_AddStringToObject(item, "key_token", in->keys.words[pairs[p].key]);
        json_add_number(item, "weight", pairs[p].weight);
    }
}

static void add_row(cJSON *rows, const struct inspection *in, int64_t head, int64_t query)
{
    const struct entropy entropy = inspection_entropy(in, head, query);
    const struct inspected_part part = {head, head + 1, query, query + 1, NULL, false};
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(rows, row);
    cJSON_AddNumberToObject(row, "query", (double)query);
    cJSON_AddStringToObject(row, "query_token", in->queries.words[query]);
    cJSON_AddNumberToObject(row, "visible_keys", (double)entropy.visible);
    json_add_number(row, "entropy_bits", entropy.bits);
    json_add_number(row, "entropy_share", entropy.share);
    add_pairs(row, "top", in, &part, false);
}

void report_inspect_json(const struct inspection *in, struct text *out)
{
    const struct inspected_part whole = inspection_whole(in);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "case", in->name);
    cJSON_AddStringToObject(root, "problem", in->problem);
    cJSON_AddStringToObject(root, "weights_of", in->source);
    cJSON_AddNumberToObject(root, "batch", (double)in->batch);
    add_pairs(root, "pairs", in, &whole, true);
    cJSON *heads = cJSON_AddArrayToObject(root, "heads");
    for (int64_t h = 0; h < in->head_count; ++h) {
        cJSON *head = cJSON_CreateObject();
        cJSON_AddItemToArray(heads, head);
        cJSON_AddNumberToObject(head, "head", (double)(in->first_head + h));
        cJSON *rows = cJSON_AddArrayToObject(head, "rows");
        for (int64_t i = 0; i < in->queries.count; ++i)
            if (!in->chosen || in->chosen[i])
                add_row(rows, in, h, i);
    }
    char *printed = json_print_pretty(root);
    text_add(out, printed);
    text_add(out, "\n");
    free(printed);
    cJSON_Delete(root);
}
