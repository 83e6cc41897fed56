/* SHA-256 (FIPS 180-4): identifies suites and plans in results files.
 *
 * Ours because the one function does not justify a cryptography library on a bare GPU host. */
#ifndef ATTNBENCH_UTIL_SHA256_H
#define ATTNBENCH_UTIL_SHA256_H

#include <stddef.h>

/* Writes 64 hex digits and a NUL. */
void sha256_hex(const void *bytes, size_t count, char hex[65]);

#endif
