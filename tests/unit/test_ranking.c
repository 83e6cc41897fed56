/* Which variant to use: tables with known winners, and holes in every place. */
#include "sample_results.h"
#include "support.h"

#include "report/ranking.h"

enum { PROBLEMS = 4, VARIANTS = 3 };
static const char *const names[VARIANTS] = {"alpha", "beta", "gamma"};

/* Times by problem and variant, whole numbers of milliseconds; 0: skipped, -1: wrong, -2:
 * unsupported, -3: crash, -4: no such row. The last problem decodes if `decode`. */
static struct results build(const int (*times)[VARIANTS], bool decode)
{
    struct results results = {0};
    static const struct device_info device = {.id = "null-0", .name = "Device"};
    results.devices = &device;
    results.device_count = 1;
    results.rows = arena_array(&results.arena, PROBLEMS * VARIANTS, sizeof *results.rows);
    for (int p = 0; p < PROBLEMS; ++p)
        for (int v = 0; v < VARIANTS; ++v) {
            struct problem problem = sample_problem(64 << p, 8);
            if (decode && p == PROBLEMS - 1)
                problem.n_q = 1;
            if (times[p][v] == -4)
                continue;
            struct row row = sample_row(&results.arena, problem, names[v], "demo/n");
            row.reason = "a reason";
            row.status = times[p][v] == 0    ? ROW_SKIPPED
                         : times[p][v] == -1 ? ROW_WRONG
                         : times[p][v] == -2 ? ROW_UNSUPPORTED
                                             : ROW_CRASH;
            if (times[p][v] > 0) {
                sample_times(&row, &results.arena, 1e-3 * times[p][v]);
                row.status = ROW_OK;
                row.reason = NULL;
                row.memory.scratch_bytes = /* alpha keeps all scores */
                    v ? 0 : 4.0 * 8 * (double)problem.n_q * (double)problem.n_kv;
            }
            results.rows[results.row_count++] = row;
        }
    return results;
}

struct fixture {
    struct results results;
    struct arena arena;
    struct grid grid;
    struct ranking ranking;
    struct text headline;
};

static void rank(struct fixture *f, const int (*times)[VARIANTS], bool decode)
{
    *f = (struct fixture){.results = build(times, decode)};
    f->grid = grid_build(&f->results, "null-0", NULL, &f->arena);
    ranking_build(&f->ranking, &f->grid, &f->arena);
    ranking_headline(&f->ranking, "Device", &f->headline);
}

static void release(struct fixture *f)
{
    text_free(&f->headline);
    arena_free(&f->arena);
    results_free(&f->results);
}

static void one_wins_everywhere(void **state)
{
    (void)state;
    static const int times[PROBLEMS][VARIANTS] = {{8, 4, 2}, {8, 4, 2}, {8, 4, 2}, {8, 4, 2}};
    struct fixture f;
    rank(&f, times, false);
    expect_text("headline", text_get(&f.headline),
                "gamma is the one to use on Device: fastest on all 4 problems that every variant "
                "which supports it computed right, 2.00 times as fast as the next there");
    assert_false(ranking_has_regions(&f.ranking));
    const struct text_list remarks = ranking_remarks(&f.ranking, &f.grid, &f.arena);
    assert_int_equal(remarks.count, 1);
    expect_text(
        "fusing", remarks.values[0],
        "fusing helps here: the best variant that keeps no scores in memory is 4.00 times as "
        "fast as the best that does (geometric mean, 4.00 to 4.00, faster on 4 of 4 problems)");
    release(&f);
}

static void each_wins_somewhere(void **state)
{
    (void)state;
    static const int times[PROBLEMS][VARIANTS] = {{1, 2, 4}, {3, 2, 4}, {9, 2, 6}, {9, 8, 2}};
    struct fixture f;
    rank(&f, times, true);
    assert_string_equal(f.ranking.winner, "beta");
    assert_int_equal(f.ranking.wins, 2);
    assert_int_equal(f.ranking.ranked, 4);
    assert_true(near(f.ranking.lead, sqrt(1.5 * 3), 1e-9));
    assert_true(ranking_has_regions(&f.ranking));
    assert_int_equal(f.ranking.region_count, 3);
    const struct region *first = f.ranking.regions, *last = f.ranking.regions + 2;
    expect_text("most wins first", first->variant, "beta");
    expect_text("where", first->n, "128, 256");
    expect_text("decodes", last->variant, "gamma");
    assert_true(last->decode && !first->decode);
    expect_text(
        "phases", ranking_remarks(&f.ranking, &f.grid, &f.arena).values[0],
        "prefill: beta fastest on 2, alpha on 1 of 3 problems; decode: gamma fastest on 1 of 1 "
        "problem");
    release(&f);
}

/* Whoever has one more finished cell does not win by it: the problem of the hole decides nothing.
 */
static void a_hole_anywhere_decides_nothing(void **state)
{
    (void)state;
    static const int whole[PROBLEMS][VARIANTS] = {{8, 4, 2}, {8, 4, 2}, {8, 4, 2}, {8, 4, 2}};
    for (int p = 0; p < PROBLEMS; ++p)
        for (int v = 0; v < VARIANTS; ++v)
            for (int kind = 0; kind < 2; ++kind) {
                int times[PROBLEMS][VARIANTS];
                struct fixture f;
                memcpy(times, whole, sizeof times);
                times[p][v] = kind ? -3 : 0;
                rank(&f, (const int(*)[VARIANTS])times, false);
                expect_text("winner", f.ranking.winner, "gamma");
                assert_int_equal(f.ranking.ranked, 3);
                assert_int_equal(f.ranking.open, 1);
                assert_int_equal(f.ranking.wins, 3);
                const struct text_list remarks = ranking_remarks(&f.ranking, &f.grid, &f.arena);
                const char *said = remarks.values[remarks.count - 1];
                expect_text(
                    "open", said,
                    arena_print(&f.arena,
                                "1 of 4 problems decide nothing, since not all variants were "
                                "measured on them: %s on 1 (%s: a reason); of what was measured "
                                "there, %s is the fastest on 1",
                                names[v], kind ? "crash" : "skipped", v == 2 ? "beta" : "gamma"));
                release(&f);
            }
}

/* A run that ended early: the slow one has a finished cell more, and is not named for it. */
static void one_more_cell_is_no_reason(void **state)
{
    (void)state;
    static const int times[PROBLEMS][VARIANTS] = {{90, 9, 1}, {90, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    struct fixture f;
    rank(&f, times, false);
    expect_text("winner", f.ranking.winner, "gamma");
    expect_text(
        "headline", text_get(&f.headline),
        "gamma is the one to use on Device: fastest on the one problem that every variant which "
        "supports it computed right, 9.00 times as fast as the next");
    assert_int_equal(f.ranking.unranked, 2);
    release(&f);
}

static void wrong_and_unsupported_are_no_candidates(void **state)
{
    (void)state;
    static const int times[PROBLEMS][VARIANTS] = {{8, -1, -2}, {8, -1, 2}, {8, -1, 2}, {-4, -1, 2}};
    struct fixture f;
    rank(&f, times, false);
    assert_int_equal(f.ranking.ranked, 4); /* beta is never right, and gamma cannot do the first */
    assert_int_equal(f.ranking.open, 0);
    expect_text("winner", f.ranking.winner, "gamma");
    assert_int_equal(f.ranking.wins, 3);
    expect_text("first", f.ranking.regions[1].variant, "alpha");
    assert_true(isnan(f.ranking.regions[1].lead)); /* it stood alone */
    release(&f);
}

static void a_hole_in_every_problem_is_no_ranking(void **state)
{
    (void)state;
    static const int times[PROBLEMS][VARIANTS] = {{8, 4, 0}, {0, 4, 2}, {8, 0, 2}, {0, 4, 2}};
    static const int nothing[PROBLEMS][VARIANTS] = {
        {0, -1, -3}, {0, -1, -3}, {0, -1, 0}, {0, 0, 0}};
    struct fixture f;
    rank(&f, times, false);
    expect_text(
        "headline", text_get(&f.headline),
        "gamma is the one to use on Device: the fastest of those that were measured; on none of "
        "4 problems were all variants that support it, so that this is no ranking");
    release(&f);
    rank(&f, nothing, false);
    assert_null(f.ranking.winner);
    expect_text("headline", text_get(&f.headline), "No variant has a usable result on Device");
    const struct text_list remarks = ranking_remarks(&f.ranking, &f.grid, &f.arena);
    assert_int_equal(remarks.count, 1);
    expect_text("none", remarks.values[0],
                "4 of 4 problems have no right result: alpha is skipped (a reason)");
    release(&f);
}

static void fusing_may_do_harm(void **state)
{
    (void)state;
    static const int times[PROBLEMS][VARIANTS] = {{2, 4, 8}, {2, 4, 8}, {2, 4, 8}, {2, 1, 8}};
    struct fixture f;
    rank(&f, times, false);
    const struct text_list remarks = ranking_remarks(&f.ranking, &f.grid, &f.arena);
    expect_text(
        "fusing", remarks.values[0],
        "fusing does harm here: the best variant that keeps no scores in memory is 0.71 times "
        "as fast as the best that does (geometric mean, 0.50 to 2.00, faster on 1 of 4 "
        "problems)");
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wins_everywhere),
        cmocka_unit_test(each_wins_somewhere),
        cmocka_unit_test(a_hole_anywhere_decides_nothing),
        cmocka_unit_test(one_more_cell_is_no_reason),
        cmocka_unit_test(wrong_and_unsupported_are_no_candidates),
        cmocka_unit_test(a_hole_in_every_problem_is_no_ranking),
        cmocka_unit_test(fusing_may_do_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
