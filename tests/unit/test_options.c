/* Options of `run`: both lists of them agree, and each one survives being recorded, resumed,
 * emitted and measured again. */
#include "support.h"

#include "commands/options.h"
#include "report/reproduce.h"
#include "store/run_options.h"

#include <string.h>

static const char *sample(const struct option_text *option)
{
    static const struct {
        const char *name, *value;
    } values[] = {{"budget", "5s"}, {"deadline", "6s"}, {"wait", "7s"},       {"quarantine", "8"},
                  {"seed", "9"},    {"peaks", "none"},  {"progress", "plain"}};
    for (size_t i = 0; i < COUNT(values); ++i)
        if (strcmp(option->name, values[i].name) == 0)
            return values[i].value;
    return "word";
}

/* A command line with this option alone. */
static void parse_one(struct options *options, const struct option_text *option,
                      struct arena *arena)
{
    struct err err;
    const char *argv[] = {"run", option->argument
                                     ? arena_print(arena, "--%s=%s", option->name, sample(option))
                                     : arena_print(arena, "--%s", option->name)};
    assert_int_equal(options_parse(options, command_find("run"), 2, argv, arena, &err), 0);
}

static bool holds(const char *const *list, int count, const char *word)
{
    for (int i = 0; i < count; ++i)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

static void both_lists_agree(void **state)
{
    (void)state;
    struct option_text option;
    size_t count = 0;
    int known = 0;
    for (; option_describe(count, command_find("run"), &option); ++count) {
        const struct run_option *same = run_option_find(option.name);
        if (!same)
            fail_msg("store/run_options.c does not say what --%s of run is about", option.name);
        assert_true(same->has_value == (option.argument != NULL));
    }
    while (run_option_at(known))
        ++known;
    assert_int_equal(known, count);
    assert_null(run_option_find("--sets=n=8"));
    assert_null(run_option_find("--se"));
    assert_ptr_equal(run_option_find("--set=n=8"), run_option_find("set"));
}

/* What is recorded is read back as it was; what is of one start alone is not recorded. */
static void each_survives_being_recorded(void **state)
{
    (void)state;
    const int recorded = SCOPE_PLAN | SCOPE_ROWS | SCOPE_MACHINE;
    struct option_text option;
    for (size_t i = 0; option_describe(i, command_find("run"), &option); ++i) {
        struct arena arena = {0};
        struct options given, again;
        struct err err;
        const char *words[OPTION_WORDS_MAX + 1] = {"run"}, *twice[OPTION_WORDS_MAX];
        parse_one(&given, &option, &arena);
        const int count = options_words(&given, recorded, words + 1, &arena);
        const char *word = option.argument
                               ? arena_print(&arena, "--%s=%s", option.name, sample(&option))
                               : arena_print(&arena, "--%s", option.name);
        const bool session = run_option_find(option.name)->scope == SCOPE_SESSION;
        if (holds(words + 1, count, word) == session)
            fail_msg("%s is %srecorded", word, session ? "" : "not ");
        assert_int_equal(options_parse(&again, command_find("run"), count + 1, words, &arena, &err),
                         0);
        assert_int_equal(options_words(&again, recorded, twice, &arena), count);
        for (int w = 0; w < count; ++w)
            assert_string_equal(twice[w], words[w + 1]);
        arena_free(&arena);
    }
}

static void a_resumed_run_takes_what_is_of_one_start_alone(void **state)
{
    (void)state;
    struct option_text option;
    for (size_t i = 0; option_describe(i, command_find("run"), &option); ++i) {
        struct arena arena = {0};
        struct options given, taken;
        struct err err;
        const char *const nothing[] = {"run"};
        const char *words[OPTION_WORDS_MAX];
        parse_one(&given, &option, &arena);
        assert_int_equal(options_parse(&taken, command_find("run"), 1, nothing, &arena, &err), 0);
        options_take(&taken, &given, SCOPE_SESSION);
        const char *word = option.argument
                               ? arena_print(&arena, "--%s=%s", option.name, sample(&option))
                               : arena_print(&arena, "--%s", option.name);
        const int count = options_words(
            &taken, SCOPE_PLAN | SCOPE_ROWS | SCOPE_MACHINE | SCOPE_SESSION, words, &arena);
        const bool session = run_option_find(option.name)->scope == SCOPE_SESSION;
        assert_true(holds(words, count, word) == session);
        arena_free(&arena);
    }
}

static void what_concerns_a_row_is_given_when_it_is_measured_again(void **state)
{
    (void)state;
    static const char *const replaced[] = {"device", "variants", "filter", "seed", "shard"};
    struct option_text option;
    for (size_t i = 0; option_describe(i, command_find("run"), &option); ++i) {
        struct arena arena = {0};
        struct text command = {0};
        const char *word = option.argument
                               ? arena_print(&arena, "--%s=%s", option.name, sample(&option))
                               : arena_print(&arena, "--%s", option.name);
        const char *argv[] = {"run", "s.json", word};
        struct results results = {0};
        struct row row = row_default();
        bool dropped = run_option_find(option.name)->scope == SCOPE_SESSION;
        for (size_t r = 0; r < COUNT(replaced); ++r)
            dropped = dropped || strcmp(option.name, replaced[r]) == 0;
        results.run.argv = (struct text_list){3, argv};
        row.cell = "c";
        row.variant = "v";
        row.device = "d";
        reproduce_command(&results, &row, &command);
        if ((strstr(text_get(&command), word) != NULL) == dropped)
            fail_msg("%s: %s", word, text_get(&command));
        text_free(&command);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_lists_agree),
        cmocka_unit_test(each_survives_being_recorded),
        cmocka_unit_test(a_resumed_run_takes_what_is_of_one_start_alone),
        cmocka_unit_test(what_concerns_a_row_is_given_when_it_is_measured_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
