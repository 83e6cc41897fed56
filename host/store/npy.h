/* NumPy's .npy files: versions 1 to 3, either byte order, C and Fortran order.
 *
 * Source: the NumPy enhancement proposal 1, "A Simple File Format for NumPy Arrays". */
#ifndef ATTNBENCH_STORE_NPY_H
#define ATTNBENCH_STORE_NPY_H

#include "util/arena.h"
#include "util/err.h"

#include <stddef.h>
#include <stdint.h>

enum { NPY_RANK_MAX = 8 };

struct npy {
    int rank;
    int64_t shape[NPY_RANK_MAX];
    int64_t count;
    char kind;      /* 'f', 'i', 'u', 'b', or 'V': bfloat16, as ml_dtypes saves it */
    int item_bytes; /* of an element in the file */
    double *values; /* in C order, whatever the file's */
};

/* Parses a whole file: element types f2 f4 f8, b1, i1 ... i8, u1 ... u8, and V2, which is taken for
 * bfloat16. `name` is for messages. Refuses a header that does not fit the length of the data. */
int npy_load(struct npy *npy, const char *name, const void *bytes, size_t length,
             struct arena *arena, struct err *err);

/* "f4": the element type, as NumPy writes it without the byte order. */
struct npy_type {
    char text[4];
};
struct npy_type npy_type(const struct npy *npy);

/* The lowest finite value of a float type, which frameworks write where they mean -infinity. */
double npy_lowest(const struct npy *npy);

/* Elements of u2 are bfloat16's bits from now on. */
void npy_take_bf16(struct npy *npy);

/* Writes version 1, little-endian f4, C order, atomically. */
int npy_write(const char *path, const float *values, const int64_t *shape, int rank,
              struct err *err);

#endif
