/* Claims from rows whose verdicts are known: exponents 2 and 1 with a crossover at a known n, none,
 * missing and failed rows, noise; golden sections (GOLDEN_UPDATE=1 rewrites them). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample_claims.h"

#include "report/claims/claims.h"
#include "report/report.h"
#include "util/file.h"

#include <regex.h>
#include <stdio.h>

static struct arena arena;

static const struct claim *find(const struct results *results, const char *key)
{
    const struct claims *claims = claims_build(results, "null-0", &arena);
    for (int i = 0; i < claims->count; ++i)
        if (strcmp(claims->items[i].key, key) == 0)
            return claims->items + i;
    return NULL;
}

/* The verdict, and what its sentence says. */
static void expect(const struct results *results, const char *key, enum claim_verdict verdict,
                   const char *words)
{
    const struct claim *claim = find(results, key);
    assert_non_null(claim);
    if (claim->verdict != verdict || !strstr(claim->sentence, words))
        fail_msg("%s: %s: %s (expected: %s: %s)", key, claim_verdict_words(claim->verdict),
                 claim->sentence, claim_verdict_words(verdict), words);
}

static void spoil(struct results *results, const char *sweep, const char *variant,
                  enum row_status status)
{
    for (int i = 0; i < results->row_count; ++i) {
        struct row *row = results->rows + i;
        if (strcmp(row->sweeps.values[0], sweep) != 0 || strcmp(row->variant, variant) != 0)
            continue;
        row->status = status;
        row->reason = "SIGSEGV while n = 3";
        if (status != ROW_WRONG)
            row->time.samples_s.count = 0;
    }
    made_finish(results);
}

static void what_is_true_holds(void **state)
{
    (void)state;
    struct results results = made_results(&MADE_TRUE);
    expect(&results, "growth", CLAIM_HOLDS,
           "attention itself grows as n^2.00 ± 0.00 (fused; with its projections n^2.00 ± 0.00); "
           "LSTM grows as n^1.00 ± 0.00 (rnn_steps); GRU grows as n^1.00 ± 0.00 (rnn_steps)");
    expect(&results, "crossover", CLAIM_HOLDS, "they cross at n = 700, between lengths");
    expect(&results, "crossover", CLAIM_HOLDS, "they would cross at about n = 2800, beyond");
    expect(&results, "additive", CLAIM_HOLDS, "4.00 to 4.00 times over 3 lengths");
    expect(&results, "million", CLAIM_HOLDS, "1,000,000 scores a head, 8,000,000 in all; fused ");
    expect(&results, "million", CLAIM_HOLDS, "50 % of the scores are left, and take 50 % of");
    expect(&results, "heads", CLAIM_HOLDS, "up to 8 heads");
    expect(&results, "saturation", CLAIM_HOLDS, "5.12 to 5.12 with the factor and 4.62 to 1.12");
    expect(&results, "layer-transformer-base", CLAIM_HOLDS,
           "Attention overtakes the projections at n = 1024, between");
    expect(&results, "layer-bert-base", CLAIM_UNMEASURED,
           "Up to n = 512 attention stays below the projections; by their growth so far it would "
           "overtake them at about n = 1500.");
    expect(&results, "layer-bert-base", CLAIM_UNMEASURED, "To tell it takes lengths up to 3072");
    expect(&results, "layer-gpt-3", CLAIM_UNMEASURED, "Up to n = 128");
    const struct claim *growth = find(&results, "growth");
    assert_string_equal(growth->shown.cells[growth->shown.columns], "self-attention");
    assert_string_equal(growth->shown.cells[3 * growth->shown.columns - 1],
                        "1024 steps of 10.4 µs");
    struct text words = {0};
    claims_count_words(&words, claims_build(&results, "null-0", &arena));
    assert_string_equal(text_get(&words), "7 of 9 claims hold, 2 were not measured");
    text_free(&words);
    results_free(&results);
}

static void what_is_false_does_not_hold(void **state)
{
    (void)state;
    /* A recurrence that grows with n^2 and is faster than attention at every n. */
    const struct made made = {.square_s = 0x1p-20,
                              .lstm_s = 0x1p-22,
                              .gru_s = 0x1p-22,
                              .recurrence_power = 2,
                              .additive = 1.5,
                              .entropy_lost = 0.0625,
                              .layer_at = 0.5};
    struct results results = made_results(&made);
    expect(&results, "growth", CLAIM_FAILS,
           "LSTM grows as n^2.00 ± 0.00 (rnn_steps), not near n^1");
    expect(&results, "crossover", CLAIM_FAILS, "attention is slower at every n measured");
    expect(&results, "additive", CLAIM_FAILS, "1.50 to 1.50 times");
    expect(&results, "saturation", CLAIM_FAILS, "4.62");
    expect(&results, "layer-transformer-base", CLAIM_FAILS, "at n = 256, between");
    assert_null(find(&results, "heads"));
    assert_null(find(&results, "million"));
    results_free(&results);
}

static void crossovers_lie_beyond_or_nowhere(void **state)
{
    (void)state;
    /* n^2 + 300 n against (300 + 5000) n, and against n^2.5, which it never meets. */
    struct made made = {.square_s = 0x1p-27, .line_s = 300 * 0x1p-27, .lstm_s = 5300 * 0x1p-27};
    made.gru_s = made.lstm_s;
    struct results results = made_results(&made);
    expect(&results, "crossover", CLAIM_HOLDS,
           "they would cross at about n = 5000, beyond the 1024 that both were measured at, if "
           "attention went on as n^2.00, its projections as n^1.00 and LSTM as n^1.00");
    results_free(&results);
    made.recurrence_power = 2.5;
    results = made_results(&made);
    expect(&results, "crossover", CLAIM_HOLDS, "no crossover up to n = 1024, and none in sight");
    expect(&results, "growth", CLAIM_FAILS, "n^2.50");
    results_free(&results);
}

static void failed_rows_say_why(void **state)
{
    (void)state;
    struct results results = made_results(&MADE_TRUE);
    spoil(&results, "claims/recurrence-over-n", "rnn_steps", ROW_CRASH);
    expect(&results, "growth", CLAIM_UNMEASURED,
           "no time of LSTM: rnn_steps: crash (SIGSEGV while n = 3)");
    expect(&results, "crossover", CLAIM_UNMEASURED, "No length has both attention and GRU: ");
    expect(&results, "additive", CLAIM_HOLDS, "");
    /* A wrong result is fast, and counts for nothing. */
    spoil(&results, "claims/attention-over-n", "fused", ROW_WRONG);
    expect(&results, "growth", CLAIM_UNMEASURED, "no time of attention: fused: wrong");
    expect(&results, "additive", CLAIM_UNMEASURED, "No length has both: fused: wrong");
    spoil(&results, "claims/heads", "tiled", ROW_OOM);
    expect(&results, "heads", CLAIM_UNMEASURED, "One head and several are needed: tiled: oom");
    spoil(&results, "claims/saturation", "tiled", ROW_TIMEOUT);
    expect(&results, "saturation", CLAIM_UNMEASURED, "No returned weights: tiled: timeout");
    spoil(&results, "claims/million-scores", "fused", ROW_SKIPPED);
    expect(&results, "million", CLAIM_HOLDS, "naive takes 59.6 ms"); /* the next best */
    spoil(&results, "claims/million-scores", "naive", ROW_SKIPPED);
    expect(&results, "million", CLAIM_UNMEASURED, "No usable row: naive: skipped");
    spoil(&results, "claims/layer-gpt-3", "fused", ROW_SKIPPED);
    expect(&results, "layer-gpt-3", CLAIM_UNMEASURED, "No usable row with stages: fused");
    results_free(&results);
}

static void what_noise_hides_stays_open(void **state)
{
    (void)state;
    static const double noise[] = {1.6, 0.5, 2, 0.7};
    struct results results = made_results(&MADE_TRUE);
    for (int i = 0, at = 0; i < results.row_count; ++i) {
        struct row *row = results.rows + i;
        if (row->problem.op == OP_RNN && row->problem.rnn_cell == RNN_LSTM)
            sample_times(row, &results.arena, row->time.median_s * noise[at++ % 4]);
    }
    made_finish(&results);
    expect(&results, "growth", CLAIM_UNMEASURED, ", an interval that leaves it open; GRU grows");
    results_free(&results);
}

static void without_rows_there_is_no_section(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text page = {0}, markdown = {0};
    assert_int_equal(claims_build(&results, "null-0", &arena)->count, 0);
    report_html(&results, 1, &page);
    report_markdown(&results, &markdown);
    assert_null(strstr(text_get(&page), "measured here</h2>"));
    assert_null(strstr(text_get(&page), "\"claims\":"));
    assert_null(strstr(text_get(&markdown), "The paper"));
    text_free(&page);
    text_free(&markdown);
    results_free(&results);
    results = made_results(&MADE_TRUE);
    assert_int_equal(claims_build(&results, "null-1", &arena)->count, 0); /* another device */
    results_free(&results);
}

/* Each command's filter takes the rows that its claim speaks of. */
static void commands_measure_their_rows(void **state)
{
    (void)state;
    static const struct {
        const char *key, *sweeps[2];
        int rows;
    } expected[] = {{"growth", {"attention-over-n", "recurrence-over-n"}, 12},
                    {"crossover", {"attention-over-n", "recurrence-over-n"}, 12},
                    {"additive", {"attention-over-n", "additive-over-n"}, 7},
                    {"million", {"million-scores", "million-scores"}, 4},
                    {"heads", {"heads", "heads"}, 6},
                    {"saturation", {"saturation", "saturation-unscaled"}, 16},
                    {"layer-transformer-base", {"layer-transformer-base", ""}, 6},
                    {"layer-bert-base", {"layer-bert-base", ""}, 3},
                    {"layer-gpt-3", {"layer-gpt-3", ""}, 1}};
    struct results results = made_results(&MADE_TRUE);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; ++i) {
        const char *command = find(&results, expected[i].key)->command;
        const char *filter = strstr(command, " '--filter="), *end = strstr(command, "' --seed=");
        regex_t pattern;
        int rows = 0;
        assert_true(filter && end && text_ends(command, " claims"));
        filter += strlen(" '--filter=");
        assert_int_equal(regcomp(&pattern, arena_copy_bytes(&arena, filter, (size_t)(end - filter)),
                                 REG_EXTENDED | REG_NOSUB),
                         0);
        for (int r = 0; r < results.row_count; ++r) {
            const struct row *row = results.rows + r;
            const char *sweep = row->sweeps.values[0] + strlen("claims/");
            if (regexec(&pattern, arena_print(&arena, "%s %s", row->cell, row->variant), 0, NULL,
                        0) != 0)
                continue;
            ++rows;
            assert_true(strcmp(sweep, expected[i].sweeps[0]) == 0 ||
                        strcmp(sweep, expected[i].sweeps[1]) == 0);
        }
        assert_int_equal(rows, expected[i].rows);
        regfree(&pattern);
    }
    results_free(&results);
}

/* ---- golden files ---------------------------------------------------------------------------- */

static void compare_golden(const char *name, const char *content)
{
    char path[512];
    struct err err = {""};
    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
    if (getenv("GOLDEN_UPDATE")) {
        if (file_replace(path, content, strlen(content), &err))
            fail_msg("%s", err.message);
        return;
    }
    struct text golden = {0};
    if (file_read(path, 1 << 20, &golden, &err))
        fail_msg("%s", err.message);
    assert_string_equal(content, text_get(&golden));
    text_free(&golden);
}

static const char *part_of(const struct text *whole, const char *from, const char *to)
{
    const char *begin = strstr(text_get(whole), from);
    assert_non_null(begin);
    const char *end = strstr(begin, to);
    assert_non_null(end);
    return arena_copy_bytes(&arena, begin, (size_t)(end - begin));
}

static void the_sections_are_as_before(void **state)
{
    (void)state;
    struct results results = made_results(&MADE_TRUE);
    struct text page = {0}, markdown = {0};
    spoil(&results, "claims/layer-gpt-3", "fused", ROW_SKIPPED);
    report_html(&results, 1, &page);
    report_markdown(&results, &markdown);
    compare_golden("claims.html", part_of(&page, "<section class=\"claims\"", "<section id=\"ch"));
    compare_golden("claims.data.json", part_of(&page, "\"claims\":[", "</script>"));
    compare_golden("claims.md", part_of(&markdown, "### The paper", "\n### claims/"));
    char *file = results_print(&results); /* the tests of the page begin with it */
    compare_golden("claims.results.json", file);
    free(file);
    text_free(&page);
    text_free(&markdown);
    results_free(&results);
}

static void foreign_text_stays_text(void **state)
{
    (void)state;
    struct results results = made_results(&MADE_TRUE);
    struct text page = {0}, markdown = {0};
    for (int i = 0; i < results.row_count; ++i) {
        results.rows[i].variant = HOSTILE;
        if (i % 5 == 0) {
            results.rows[i].status = ROW_ERROR;
            results.rows[i].reason = HOSTILE;
        }
    }
    made_finish(&results);
    report_html(&results, 1, &page);
    report_markdown(&results, &markdown);
    const char *section = part_of(&page, "<section class=\"claims\"", "<section id=\"ch");
    assert_null(strstr(section, "<script"));
    assert_null(strpbrk(section, "\x1b"));
    assert_non_null(strstr(section, "&lt;script&gt;"));
    assert_null(strstr(part_of(&page, "\"claims\":[", "</script>"), "<"));
    const char *words = part_of(&markdown, "### The paper", "\n### claims/");
    assert_null(strpbrk(words, "\x1b\xff"));
    assert_non_null(strstr(words, "&lt;script&gt;"));
    assert_null(strstr(words, "<script"));
    text_free(&page);
    text_free(&markdown);
    results_free(&results);
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_true_holds),
        cmocka_unit_test(what_is_false_does_not_hold),
        cmocka_unit_test(crossovers_lie_beyond_or_nowhere),
        cmocka_unit_test(failed_rows_say_why),
        cmocka_unit_test(what_noise_hides_stays_open),
        cmocka_unit_test(without_rows_there_is_no_section),
        cmocka_unit_test(commands_measure_their_rows),
        cmocka_unit_test(the_sections_are_as_before),
        cmocka_unit_test(foreign_text_stays_text),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
