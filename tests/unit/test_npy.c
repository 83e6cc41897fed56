#include "store/npy.h"

#include "support.h"
#include "util/file.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of the given version with this header and data. */
static struct text make_file(int version, const char *header, const void *data, size_t bytes)
{
    struct text file = {0};
    const size_t length = strlen(header);
    const unsigned char size[4] = {(unsigned char)(length & 0xff), (unsigned char)(length >> 8), 0,
                                   0};
    const unsigned char numbers[2] = {(unsigned char)version, 0};
    text_add_bytes(&file, "\x93NUMPY", 6);
    text_add_bytes(&file, numbers, 2);
    text_add_bytes(&file, size, version == 1 ? 2 : 4);
    text_add_bytes(&file, header, length);
    text_add_bytes(&file, data, bytes);
    return file;
}

static int load(struct npy *npy, int version, const char *header, const void *data, size_t bytes,
                struct arena *arena, struct err *err)
{
    struct text file = make_file(version, header, data, bytes);
    const int result = npy_load(npy, "x.npy", file.data, file.length, arena, err);
    text_free(&file);
    return result;
}

/* 1, -2, 3 in every element type and byte order. */
static void every_element_type_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        size_t bytes;
        unsigned char data[24];
    } cases[] = {
        {"<f2", 6, {0x00, 0x3c, 0x00, 0xc0, 0x00, 0x42}},
        {">f2", 6, {0x3c, 0x00, 0xc0, 0x00, 0x42, 0x00}},
        {"<f4", 12, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0x40, 0x40}},
        {">f4", 12, {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0, 0x40, 0x40, 0, 0}},
        {"<f8", 24, {0, 0, 0, 0,    0, 0, 0xf0, 0x3f, 0, 0, 0, 0,
                     0, 0, 0, 0xc0, 0, 0, 0,    0,    0, 0, 8, 0x40}},
        {"<i4", 12, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 3, 0, 0, 0}},
        {">i4", 12, {0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 3}},
        {"<i8", 24, {1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 3}},
        {"|i1", 3, {1, 0xfe, 3}},
        {"<i2", 6, {1, 0, 0xfe, 0xff, 3, 0}},
        {">i2", 6, {0, 1, 0xff, 0xfe, 0, 3}},
        {"|V2", 6, {0x80, 0x3f, 0x00, 0xc0, 0x40, 0x40}},
        {"<V2", 6, {0x80, 0x3f, 0x00, 0xc0, 0x40, 0x40}},
        {"|b1", 3, {1, 0, 1}},
    };
    for (size_t i = 0; i < COUNT(cases); ++i)
        for (int version = 1; version <= 3; ++version) {
            struct arena arena = {0};
            struct npy npy;
            struct err err = {""};
            char header[128];
            snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (3,), }\n", cases[i].type);
            if (load(&npy, version, header, cases[i].data, cases[i].bytes, &arena, &err))
                fail_msg("%s: %s", cases[i].type, err.message);
            const bool boolean = strcmp(cases[i].type, "|b1") == 0;
            assert_true(npy.rank == 1 && npy.shape[0] == 3 && npy.count == 3);
            assert_true(npy.values[0] == 1);
            assert_true(npy.values[1] == (boolean ? 0 : -2));
            assert_true(npy.values[2] == (boolean ? 1 : 3));
            arena_free(&arena);
        }
}

/* Element (a, b, c) of a 2 x 3 x 4 array in Fortran order lies at a + 2 b + 6 c. */
static void fortran_order_is_turned(void **state)
{
    (void)state;
    unsigned char data[24];
    for (size_t i = 0; i < sizeof data; ++i)
        data[i] = 0;
    data[1 + 2 * 2 + 6 * 3] = 1; /* the last element */
    data[1] = 1;                 /* (1, 0, 0) */
    struct arena arena = {0};
    struct npy npy;
    struct err err = {""};
    assert_int_equal(load(&npy, 1, "{\"descr\": '|b1', 'shape':(2, 3,4),'fortran_order':True}",
                          data, sizeof data, &arena, &err),
                     0);
    for (int i = 0; i < 24; ++i)
        assert_true(npy.values[i] == (i == 23 || i == 12));
    arena_free(&arena);
}

static void malformed_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", NULL}, /* right */
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "needs 8 bytes of data"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "needs 16 bytes of data"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "needs 4 bytes of data"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3037000500, 3037000500), }",
         "needs more data"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", "a size from 1"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "a size"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, }", "a size"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,3), }",
         "at most 8 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }",
         "a size"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", "element type '<c8'"},
        {"{'descr': 'O', 'fortran_order': False, 'shape': (3,), }", "element type 'O'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", "quoted string"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", "True or False"},
        {"{'descr': '<f4', 'shape': (3,), }", "descr, fortran_order and shape"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "once each"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", "once each"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } x", "nothing else"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (3,), }", "',' or '}'"},
        {"", "'{'"},
    };
    static const unsigned char data[12] = {0};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct arena arena = {0};
        struct npy npy;
        struct err err = {""};
        const int result = load(&npy, 1, cases[i].header, data, sizeof data, &arena, &err);
        if ((result == 0) != (cases[i].message == NULL) ||
            (cases[i].message &&
             (!strstr(err.message, cases[i].message) || strncmp(err.message, "x.npy: ", 7) != 0)))
            fail_msg("%s: %d '%s'", cases[i].header, result, err.message);
        arena_free(&arena);
    }
}

/* Cut off anywhere, a file is an error and never a crash. */
static void truncated_files_are_refused(void **state)
{
    (void)state;
    static const unsigned char data[12] = {0};
    struct text file =
        make_file(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", data, 12);
    for (size_t length = 0; length < file.length; ++length) {
        struct arena arena = {0};
        struct npy npy;
        char *exact = malloc(length + 1); /* so that a sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, file.data, length);
        char *fit = realloc(exact, length ? length : 1);
        assert_int_equal(npy_load(&npy, "x.npy", fit, length, &arena, NULL), -1);
        free(fit);
        arena_free(&arena);
    }
    text_free(&file);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char path[] = "/tmp/attnbench-npy-XXXXXX";
    const float values[6] = {1, -2.5F, 3e-30F, INFINITY, 0, 7};
    const int64_t shape[2] = {2, 3};
    struct arena arena = {0};
    struct text file = {0};
    struct npy npy;
    struct err err = {""};
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(npy_write(path, values, shape, 2, &err), 0);
    assert_int_equal(file_read(path, 1 << 20, &file, &err), 0);
    assert_int_equal(npy_load(&npy, path, file.data, file.length, &arena, &err), 0);
    assert_true(npy.rank == 2 && npy.shape[0] == 2 && npy.shape[1] == 3);
    for (int i = 0; i < 6; ++i)
        assert_true(npy.values[i] == (double)values[i]);
    assert_int_equal((file.length - 24) % 64, 0); /* data begins at a multiple of 64 */
    unlink(path);
    text_free(&file);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_type_is_read),
        cmocka_unit_test(fortran_order_is_turned),
        cmocka_unit_test(malformed_files_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
