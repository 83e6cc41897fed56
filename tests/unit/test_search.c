/* The search for a tuning: finds a known optimum, tries nothing twice, keeps the variant's rule. */
#include "support.h"

#include "problem/search.h"

/* 5^5 combinations, 625 of them allowed: A and B are coupled, so that no single change moves them.
 */
static const char coupled[] =
    "{\"name\":\"v\",\"supports\":{},\"tune\":{\"A\":[1,2,4,8,16],\"B\":[1,2,4,8,16],"
    "\"C\":[8,16,32,64,128],\"D\":[1,2,3,4,5],\"E\":[0,1,2,3,4]},\"where\":\"A == B\","
    "\"passes\":[{\"kernel\":\"k\",\"groups\":[1,1,1],\"local\":[1,1,1]}]}";
static const char small[] =
    "{\"name\":\"v\",\"supports\":{},\"tune\":{\"A\":[1,2,4],\"B\":[1,2,4]},\"where\":\"A <= B\","
    "\"passes\":[{\"kernel\":\"k\",\"groups\":[1,1,1],\"local\":[1,1,1]}]}";

struct fixture {
    struct arena arena;
    struct variant variant;
    struct problem problem;
    struct device_info device;
    struct search search;
};

static void set_up(struct fixture *f, const char *text, uint64_t seed)
{
    struct err err = {""};
    struct tuning first;
    *f = (struct fixture){.device = {.type = "gpu", .extensions = ""}};
    if (variant_load(&f->variant, "f", "v", text, strlen(text), &f->arena, &err))
        fail_msg("%s", err.message);
    f->problem = make_problem("{\"n\":64,\"d_k\":64}", &f->arena);
    assert_int_equal(variant_fit(&f->variant, &f->problem, &f->device, &first, &err), 0);
    assert_int_equal(search_start(&f->search, &f->variant, &f->problem, &f->device, &first, seed,
                                  &f->arena, &err),
                     0);
}

static void tear_down(struct fixture *f)
{
    variant_free(&f->variant);
    arena_free(&f->arena);
}

static double value(const struct tuning *tuning, const char *name)
{
    for (int i = 0; i < tuning->count; ++i)
        if (strcmp(tuning->items[i].name, name) == 0)
            return (double)tuning->items[i].value;
    fail_msg("no tunable %s", name);
    return 0;
}

/* A valley with its floor at A=B=8, C=32, D=4, E=1; half of the space fails (E=3, D=1). */
static double valley(const struct tuning *t)
{
    if (value(t, "E") == 3 || value(t, "D") == 1)
        return INFINITY;
    return 1 + fabs(log2(value(t, "A") / 8)) + fabs(log2(value(t, "C") / 32)) +
           fabs(value(t, "D") - 4) + fabs(value(t, "E") - 1);
}

/* Candidates until the optimum was measured; they come in batches, as they are run. */
static int candidates_until(struct fixture *f, double optimum, int batch)
{
    while (true) {
        const int first = f->search.count, count = search_next(&f->search, batch);
        if (!count)
            return INT32_MAX;
        for (int t = first; t < first + count; ++t) {
            const double seconds = valley(&f->search.trials[t].tuning);
            search_learn(&f->search, t, seconds);
            if (seconds <= optimum)
                return t + 1;
        }
    }
}

static void finds_the_optimum_among_625(void **state)
{
    (void)state;
    int total = 0;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        struct fixture f;
        set_up(&f, coupled, seed);
        const int tried = candidates_until(&f, 1, 8);
        if (tried > 80)
            fail_msg("seed %d: %d candidates", (int)seed, tried);
        total += tried;
        tear_down(&f);
    }
    print_message("%d candidates of 625 on average\n", total / 20);
    assert_true(total / 20 < 50); /* at random it would be 313 */
}

static void the_default_comes_first(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, coupled, 3);
    assert_int_equal(search_next(&f.search, 4), 4);
    expect_text("first", tuning_text(&f.search.trials[0].tuning, &f.arena), "A=1,B=1,C=8,D=1,E=0");
    tear_down(&f);
}

/* Of eight proposals the first six differ from the best in one tunable, the nearest values first;
 * only then does chance have its say. */
static void neighbours_of_the_best_come_first(void **state)
{
    (void)state;
    static const char free_text[] =
        "{\"name\":\"v\",\"supports\":{},\"tune\":{\"A\":[1,2,3,4,5,6,7,8],"
        "\"B\":[1,2,3,4,5,6,7,8],\"C\":[1,2,3,4,5,6,7,8]},"
        "\"passes\":[{\"kernel\":\"k\",\"groups\":[1,1,1],\"local\":[1,1,1]}]}";
    static const char *const names[] = {"A", "B", "C"};
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        struct fixture f;
        set_up(&f, free_text, seed);
        assert_int_equal(search_next(&f.search, 1), 1);
        search_learn(&f.search, 0, 1);
        assert_int_equal(search_next(&f.search, 8), 8);
        double before = 0;
        for (int t = 1; t <= 6; ++t) {
            double changed = 0, distance = 0;
            for (int i = 0; i < 3; ++i) {
                const double step = fabs(value(&f.search.trials[t].tuning, names[i]) -
                                         value(&f.search.trials[0].tuning, names[i]));
                changed += step > 0;
                distance += step;
            }
            if (changed > 1 || distance < before)
                fail_msg("seed %d, candidate %d: %s", (int)seed, t,
                         tuning_text(&f.search.trials[t].tuning, &f.arena));
            before = distance;
        }
        tear_down(&f);
    }
}

static void what_is_to_be_avoided_is_never_proposed(void **state)
{
    (void)state;
    struct fixture f, all;
    set_up(&all, small, 1);
    while (search_next(&all.search, 4))
        ;
    assert_int_equal(all.search.count, 6);
    set_up(&f, small, 2);
    f.search.avoid = &all.search.trials[3].tuning;
    f.search.avoid_count = 1;
    while (search_next(&f.search, 4))
        ;
    assert_int_equal(f.search.count, 5);
    for (int t = 0; t < f.search.count; ++t)
        assert_string_not_equal(tuning_text(&f.search.trials[t].tuning, &f.arena),
                                tuning_text(f.search.avoid, &f.arena));
    tear_down(&f);
    tear_down(&all);
}

static void everything_is_tried_once_where_there_is_little(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        struct fixture f;
        set_up(&f, small, seed);
        int count = 0;
        for (int got; (got = search_next(&f.search, 4)); count += got)
            for (int t = count; t < count + got; ++t) {
                const struct tuning *tuning = &f.search.trials[t].tuning;
                assert_true(value(tuning, "A") <= value(tuning, "B"));
                search_learn(&f.search, t, t % 2 ? (double)INFINITY : t);
                for (int other = 0; other < t; ++other)
                    assert_string_not_equal(tuning_text(&f.search.trials[other].tuning, &f.arena),
                                            tuning_text(tuning, &f.arena));
            }
        assert_int_equal(count, 6);
        tear_down(&f);
    }
}

static void one_seed_gives_one_order(void **state)
{
    (void)state;
    struct fixture a, b;
    set_up(&a, coupled, 7);
    set_up(&b, coupled, 7);
    (void)candidates_until(&a, 0, 5);
    (void)candidates_until(&b, 0, 5);
    assert_int_equal(a.search.count, 625);
    assert_int_equal(b.search.count, 625);
    for (int t = 0; t < 625; ++t)
        expect_text("trial", tuning_text(&a.search.trials[t].tuning, &a.arena),
                    tuning_text(&b.search.trials[t].tuning, &b.arena));
    tear_down(&a);
    tear_down(&b);
}

static void what_failed_is_never_among_the_best(void **state)
{
    (void)state;
    static const double seconds[] = {3, INFINITY, 1, INFINITY, 2, 4};
    struct fixture f;
    int best[3];
    set_up(&f, small, 1);
    assert_int_equal(search_best(&f.search, best, 3), 0);
    assert_int_equal(search_next(&f.search, 6), 6);
    for (int t = 0; t < 6; ++t)
        search_learn(&f.search, t, seconds[t]);
    assert_int_equal(search_best(&f.search, best, 3), 3);
    assert_int_equal(best[0], 2);
    assert_int_equal(best[1], 4);
    assert_int_equal(best[2], 0);
    tear_down(&f);
}

static void too_many_combinations_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct err err = {""};
    set_up(&f, small, 1);
    for (int i = 0; i < TUNABLES_MAX; ++i)
        f.variant.tunables[i] = (struct tunable){.name = "T", .count = TUNABLE_VALUES_MAX};
    f.variant.tunable_count = TUNABLES_MAX;
    const struct tuning none = {0};
    assert_int_equal(
        search_start(&f.search, &f.variant, &f.problem, &f.device, &none, 1, &f.arena, &err), -1);
    assert_string_equal(err.message, "v: 1.84e+19 combinations of tunables are too many");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_optimum_among_625),
        cmocka_unit_test(the_default_comes_first),
        cmocka_unit_test(neighbours_of_the_best_come_first),
        cmocka_unit_test(what_is_to_be_avoided_is_never_proposed),
        cmocka_unit_test(everything_is_tried_once_where_there_is_little),
        cmocka_unit_test(one_seed_gives_one_order),
        cmocka_unit_test(what_failed_is_never_among_the_best),
        cmocka_unit_test(too_many_combinations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
