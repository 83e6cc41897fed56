/* The program cache: what was stored comes back whole or not at all; a binary that takes a process
 * down is not offered again. */
#include "support.h"

#include "device/program_cache.h"
#include "util/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEY   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char binary[] = "\0binary\n\n\xff code";

struct fixture {
    char root[64];
    struct program_cache cache;
};

static int set_up(void **state)
{
    static struct fixture f;
    strcpy(f.root, "/tmp/attnbench-cache-XXXXXX");
    if (!mkdtemp(f.root))
        return -1;
    setenv("ATTNBENCH_CACHE_DIR", f.root, 1);
    unsetenv("ATTNBENCH_PROGRAM_CACHE");
    program_cache_open(&f.cache, "device", true);
    *state = &f;
    return f.cache.folder ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    program_cache_close(&f->cache);
    snprintf(command, sizeof command, "rm -r %s", f->root);
    return system(command);
}

static const char *path_of(const struct fixture *f, const char *key, const char *suffix)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s%s", f->cache.folder, key, suffix);
    return path;
}

static bool loads(const struct fixture *f, const char *key)
{
    struct text got = {0};
    const bool found = program_cache_load(&f->cache, key, &got);
    if (found) {
        assert_int_equal(got.length, sizeof binary);
        assert_memory_equal(got.data, binary, sizeof binary);
        program_safe(&f->cache, key);
    }
    text_free(&got);
    return found;
}

static int files(const struct fixture *f)
{
    int count = 0;
    DIR *folder = opendir(f->cache.folder);
    assert_non_null(folder);
    for (const struct dirent *item; (item = readdir(folder));)
        count += item->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void what_was_stored_comes_back(void **state)
{
    struct fixture *f = *state;
    assert_false(loads(f, KEY));
    program_cache_store(&f->cache, KEY, binary, sizeof binary);
    assert_true(loads(f, KEY));
    assert_true(loads(f, KEY));
    assert_false(loads(f, OTHER));
    assert_int_equal(files(f), 1);
    program_cache_forget(&f->cache, KEY);
    assert_false(loads(f, KEY));
    assert_int_equal(files(f), 0);
}

/* Each bit of the file matters, its end, and its name. */
static void a_damaged_file_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct text whole = {0};
    struct err err;
    program_cache_store(&f->cache, KEY, binary, sizeof binary);
    assert_int_equal(file_read(path_of(f, KEY, ".bin"), 1 << 20, &whole, &err), 0);
    for (size_t i = 0; i < 3 * whole.length; ++i) {
        struct text bad = {0};
        const size_t at = i % whole.length;
        text_add_bytes(&bad, whole.data, i < whole.length ? at : whole.length);
        if (i >= whole.length && i < 2 * whole.length)
            bad.data[at] ^= 1;
        else if (i >= 2 * whole.length)
            text_add_bytes(&bad, whole.data, at + 1);
        assert_int_equal(
            file_replace_quickly(path_of(f, KEY, ".bin"), text_get(&bad), bad.length, &err), 0);
        if (loads(f, KEY))
            fail_msg("damage %zu was not seen", i);
        assert_int_equal(files(f), 0);
        text_free(&bad);
    }
    assert_int_equal(
        file_replace_quickly(path_of(f, OTHER, ".bin"), whole.data, whole.length, &err), 0);
    assert_false(loads(f, OTHER)); /* another program's */
    text_free(&whole);
}

/* A child that dies with the binary in its hands, as a driver would take it down. */
static void die_while_using(const struct fixture *f, bool load)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct text got = {0};
        const bool ready =
            load ? program_cache_load(&f->cache, KEY, &got) : program_risk(&f->cache, KEY);
        _exit(ready ? 9 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static void a_binary_that_kills_is_not_offered_again(void **state)
{
    struct fixture *f = *state;
    for (int load = 0; load < 2; ++load) {
        if (load)
            program_cache_store(&f->cache, KEY, binary, sizeof binary);
        die_while_using(f, load);
        assert_false(loads(f, KEY));
        assert_false(program_risk(&f->cache, KEY)); /* so that it is not stored again either */
        program_cache_close(&f->cache);
        program_cache_open(&f->cache, "device", true);
        assert_false(loads(f, KEY));
        assert_false(program_risk(&f->cache, KEY));
        /* a week later it gets another chance */
        const struct timespec times[2] = {{.tv_sec = time(NULL) - 8 * 24 * 3600},
                                          {.tv_sec = time(NULL) - 8 * 24 * 3600}};
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, KEY, ".aside"), times, 0), 0);
        program_cache_close(&f->cache);
        program_cache_open(&f->cache, "device", true);
        assert_int_equal(files(f), 0);
        assert_true(program_risk(&f->cache, KEY));
        program_safe(&f->cache, KEY);
        assert_int_equal(files(f), 0);
    }
}

static void a_second_process_does_without(void **state)
{
    struct fixture *f = *state;
    struct text got = {0};
    program_cache_store(&f->cache, KEY, binary, sizeof binary);
    assert_true(program_cache_load(&f->cache, KEY, &got));
    assert_false(loads(f, KEY)); /* while the first is at it */
    program_safe(&f->cache, KEY);
    assert_true(loads(f, KEY));
    text_free(&got);
}

static void many_write_the_same(void **state)
{
    struct fixture *f = *state;
    enum { WRITERS = 8, TIMES = 50 };
    for (int i = 0; i < WRITERS; ++i)
        if (fork() == 0) {
            for (int k = 0; k < TIMES; ++k)
                program_cache_store(&f->cache, KEY, binary, sizeof binary);
            _exit(0);
        }
    int status = 0;
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
    assert_true(loads(f, KEY));
    assert_int_equal(files(f), 1); /* and no temporary is left */
}

static void the_oldest_go_first(void **state)
{
    struct fixture *f = *state;
    enum { MORE = 520 };
    for (int i = 0; i < MORE; ++i) {
        char key[65];
        snprintf(key, sizeof key, "%064d", i);
        program_cache_store(&f->cache, key, binary, sizeof binary);
        const struct timespec times[2] = {{.tv_sec = 1000000 + i}, {.tv_sec = 1000000 + i}};
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, key, ".bin"), times, 0), 0);
    }
    assert_true(loads(f, "0000000000000000000000000000000000000000000000000000000000000000"));
    program_cache_close(&f->cache);
    program_cache_open(&f->cache, "device", true);
    assert_int_equal(files(f), 500);
    /* the first was used just now */
    assert_true(loads(f, "0000000000000000000000000000000000000000000000000000000000000000"));
    assert_false(loads(f, "0000000000000000000000000000000000000000000000000000000000000001"));
    assert_true(loads(f, "0000000000000000000000000000000000000000000000000000000000000519"));
    const int fd = open(path_of(f, OTHER, ".bin"), O_CREAT | O_WRONLY, 0600);
    assert_int_equal(ftruncate(fd, (off_t)300 << 20), 0); /* sparse: over the limit alone */
    close(fd);
    program_cache_close(&f->cache);
    program_cache_open(&f->cache, "device", true);
    assert_int_equal(files(f), 0);
}

static void off_means_off(void **state)
{
    struct fixture *f = *state;
    program_cache_store(&f->cache, KEY, binary, sizeof binary);
    program_cache_close(&f->cache);
    setenv("ATTNBENCH_PROGRAM_CACHE", "off", 1);
    program_cache_open(&f->cache, "device", true);
    assert_null(f->cache.folder);
    assert_false(loads(f, KEY));
    assert_false(program_risk(&f->cache, KEY));
    program_safe(&f->cache, KEY);
    program_cache_store(&f->cache, KEY, binary, sizeof binary);
    program_cache_forget(&f->cache, KEY);
    static const struct {
        const char *wish;
        bool worthwhile, open;
    } cases[] = {{"off", true, false},
                 {"on", false, true},
                 {"on", true, true},
                 {"", false, false},
                 {"", true, true}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        setenv("ATTNBENCH_PROGRAM_CACHE", cases[i].wish, 1);
        program_cache_open(&f->cache, "device", cases[i].worthwhile);
        assert_int_equal(f->cache.folder != NULL, cases[i].open);
        program_cache_close(&f->cache);
    }
    program_cache_open(&f->cache, "device", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_stored_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_binary_that_kills_is_not_offered_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_second_process_does_without, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_write_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_go_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(off_means_off, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("program cache", tests, NULL, NULL);
}
