/* Shared by the files that read a case; nothing else needs it. */
#ifndef ATTNBENCH_STORE_TEST_CASE_FILES_H
#define ATTNBENCH_STORE_TEST_CASE_FILES_H

#include "store/npy.h"
#include "store/test_case.h"
#include "util/json.h"

/* Of a file of the case. */
const char *test_case_path(struct test_case *c, const char *file);
bool test_case_has(struct test_case *c, const char *file);
int test_case_read(struct test_case *c, const char *file, struct npy *npy, struct err *err);
int test_case_need_shape(struct test_case *c, const char *file, const struct npy *npy, int rank,
                         const int64_t *shape, const char *meaning, struct err *err);
/* A size that a file's shape says; case.json may say the same, and nothing else. */
int test_case_set_size(struct test_case *c, const struct json *json, const char *key, int64_t size,
                       const char *file, struct err *err);
/* As f32, rounded to the dtype. */
int test_case_floats(struct test_case *c, const char *file, const struct npy *npy, enum dtype dtype,
                     const float **out, struct err *err);

/* Sizes and tensors of another operation than attention; resolves the problem. */
int test_case_operation(struct test_case *c, const struct json *json, struct err *err);

#endif
