/* Shared by the files that read a case; nothing else needs it. */
#ifndef ATTNBENCH_STORE_TEST_CASE_FILES_H
#define ATTNBENCH_STORE_TEST_CASE_FILES_H

#include "store/npy.h"
#include "store/test_case.h"
#include "util/json.h"

/* ---- test_case_files.c: the folder ---- */

/* Of a file of the case. */
const char *test_case_path(struct test_case *c, const char *file);
/* Does the folder list it? A link to nowhere is there, and cannot be read. */
bool test_case_has(struct test_case *c, const char *file);
int test_case_read(struct test_case *c, const char *file, struct npy *npy, struct err *err);
/* The same for values: floats, or u2 that are bfloat16's bits where that is the case's dtype. */
int test_case_read_floats(struct test_case *c, const char *file, struct npy *npy, struct err *err);
int test_case_need_shape(struct test_case *c, const char *file, const struct npy *npy, int rank,
                         const int64_t *shape, const char *meaning, struct err *err);
/* "[1, 2, 3]", for messages; from the case's arena. */
const char *test_case_shape(struct test_case *c, const int64_t *shape, int rank);
/* As f32, rounded to the dtype; what it cannot hold is infinite. */
float *test_case_round(struct test_case *c, const struct npy *npy, enum dtype dtype);
/* The same, where every value must be finite. */
int test_case_floats(struct test_case *c, const char *file, const struct npy *npy, enum dtype dtype,
                     const float **out, struct err *err);
/* Refuses files that a case of this operation does not have, with a suggestion. */
int test_case_only_known_files(struct test_case *c, struct err *err);

/* ---- test_case_keys.c: case.json ---- */

int test_case_attributes(struct test_case *c, const struct json *json, struct err *err);
/* A key's value in case.json; NULL: it is not there. */
const cJSON *test_case_key(const struct json *json, const char *key);
/* A size that a file's shape says; case.json may say the same, and nothing else. */
int test_case_set_size(struct test_case *c, const struct json *json, const char *key, int64_t size,
                       const char *file, struct err *err);
int test_case_set_text(struct test_case *c, const char *key, const char *text, struct err *err);

/* ---- test_case_tensors.c, test_case_bias.c, test_case_expect.c ---- */

/* Sizes of q, k and v to the problem, their values to npy[3]. */
int test_case_tensors(struct test_case *c, const struct json *json, struct npy npy[3],
                      struct err *err);
/* Their values to the inputs, when masks, biases and lengths are known: what no query looks at may
 * be anything, and is 0 from here on. */
int test_case_values(struct test_case *c, struct npy npy[3], struct err *err);
int test_case_lengths(struct test_case *c, const struct json *json, struct err *err);
/* bias.npy, mask.npy or both: then they are added up. */
int test_case_bias(struct test_case *c, const struct json *json, struct err *err);
int test_case_sinks(struct test_case *c, const struct json *json, struct err *err);
int test_case_expectations(struct test_case *c, struct err *err);
/* Scores and biases of a larger size cannot be judged: kernels compute in units of log2, and
 * FLT_MAX / log2(e) is 2.4e38. */
#define BIAS_MOST 1e38
/* Refuses numbers for which f32 can compute no attention: see kernels/README.md.
 * Biases below -BIAS_MOST that are no masks become that: they have no weight either way. */
int test_case_edges(struct test_case *c, struct err *err);

/* Does query row i of a head see key j, by mask, window, padding, boolean mask and bias? */
bool test_case_sees(const struct test_case *c, int64_t batch, int64_t head, int64_t row,
                    int64_t key);
/* Does it see any? */
bool test_case_sees_any(const struct test_case *c, int64_t batch, int64_t head, int64_t row);

/* Sizes and tensors of another operation than attention; resolves the problem. */
int test_case_operation(struct test_case *c, const struct json *json, struct err *err);

#endif
