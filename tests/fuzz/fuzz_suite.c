/* Suites: what is accepted expands into possible problems, whose JSON is read back as the same. */
#include "fuzz.h"
#include "problem/suite.h"

enum { PROBLEMS_SHOWN = 64 };

static void expand(const struct suite *suite, const struct sweep *sweep, int k)
{
    struct arena arena = {0};
    struct err err = {""};
    struct problem problem, again;
    promise(sweep_problem(suite, sweep, k, &problem, &arena, &err) == 0,
            "a suite that was accepted expands", err.message);
    const char *id = problem_id(&problem, &arena);
    cJSON *json = problem_to_json(&problem);
    promise(problem_from_json(&again, json, &arena, &err) == 0, "a problem is read back",
            err.message);
    promise(strcmp(id, problem_id(&again, &arena)) == 0, "it is the same problem", id);
    promise(problem_flops(&problem) >= 0 && problem_bytes(&problem) > 0, "it has a size", id);
    cJSON_Delete(json);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct suite suite;
    struct err err = {""};
    if (suite_load(&suite, "fuzz.json", (const char *)data, size, &arena, &err) == 0) {
        for (int s = 0; s < suite.sweep_count; ++s)
            for (int k = 0; k < sweep_count(&suite.sweeps[s]) && k < PROBLEMS_SHOWN; ++k)
                expand(&suite, &suite.sweeps[s], k);
        suite_free(&suite);
    } else {
        promise_refusal(&err);
    }
    arena_free(&arena);
    return 0;
}
