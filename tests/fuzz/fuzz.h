/* Fuzz targets: each feeds one loader with any bytes and looks at what it accepts.
 *
 * Built with the preset `fuzz` (clang) a target is a libFuzzer program; built with every compiler
 * and linked with replay.c it is a test that reads its corpus. What is accepted must also hold
 * together: what was read, written and read again is the same. A broken promise aborts. */
#ifndef ATTNBENCH_TESTS_FUZZ_H
#define ATTNBENCH_TESTS_FUZZ_H

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void promise(bool holds, const char *what, const char *detail)
{
    if (holds)
        return;
    fprintf(stderr, "broken promise: %s\n%s\n", what, detail);
    abort();
}

/* A refusal says where: its message begins with the file's name, and is one printable line. */
static inline void promise_refusal(const struct err *err)
{
    promise(strncmp(err->message, "fuzz", 4) == 0, "a refusal names the file", err->message);
    for (const char *c = err->message; *c; ++c)
        promise((unsigned char)*c >= 0x20 && *c != 0x7f, "a refusal is printable", err->message);
}

#endif
