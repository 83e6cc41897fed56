#include "problem/tuning.h"

#include "util/text.h"

#include <inttypes.h>

char *tuning_text(const struct tuning *tuning, struct arena *arena)
{
    struct text text = {0};
    for (int i = 0; i < tuning->count; ++i)
        text_print(&text, "%s%s=%" PRId64, i ? "," : "", tuning->items[i].name,
                   tuning->items[i].value);
    char *copy = arena_copy(arena, text_get(&text));
    text_free(&text);
    return copy;
}

cJSON *tuning_to_json(const struct tuning *tuning)
{
    cJSON *object = cJSON_CreateObject();
    for (int i = 0; i < tuning->count; ++i)
        cJSON_AddNumberToObject(object, tuning->items[i].name, (double)tuning->items[i].value);
    return object;
}

int tuning_from_json(struct tuning *tuning, const cJSON *object, struct arena *arena,
                     struct err *err)
{
    *tuning = (struct tuning){0};
    const cJSON *item = NULL;
    if (!cJSON_IsObject(object))
        return err_set(err, "tuning: expected an object");
    cJSON_ArrayForEach(item, object)
    {
        if (tuning->count == TUNABLES_MAX)
            return err_set(err, "tuning: more than %d tunables", TUNABLES_MAX);
        if (!text_is_identifier(item->string) || !cJSON_IsNumber(item) ||
            !(item->valuedouble >= 0 && item->valuedouble <= 1 << 20) ||
            item->valuedouble != (double)(int64_t)item->valuedouble)
            return err_set(err, "tuning.%.40s: expected an integer", item->string);
        tuning->items[tuning->count].name = arena_copy(arena, item->string);
        tuning->items[tuning->count++].value = (int64_t)item->valuedouble;
    }
    return 0;
}
