/* Compiled programs, kept from run to run in the user's cache folder, one file a program.
 *
 * Knows nothing of OpenCL: it stores bytes under a key. A file begins with the key, the size and
 * the SHA-256 of what follows, because some drivers crash when they are given a damaged binary:
 * nothing reaches the driver that is not bit for bit what a driver gave out. Files appear by
 * rename, so that processes may write the same one at the same time.
 *
 * While a program from the cache, or its binary, is in the driver's hands for the first time, its
 * file is set aside under another name (program_risk, program_safe). A driver that crashes or hangs
 * over it leaves it there, and for a week such a program is neither loaded nor stored: a bad binary
 * costs one cell, once. */
#ifndef ATTNBENCH_DEVICE_PROGRAM_CACHE_H
#define ATTNBENCH_DEVICE_PROGRAM_CACHE_H

#include "util/text.h"

#include <stdbool.h>

struct program_cache {
    char *folder; /* NULL: no cache */
};

/* The cache for a device and its driver (device_info_key). Deletes what was used longest ago until
 * at most 500 files of 256 MiB together are left. Without a place for it, or when it is not wanted,
 * a cache that holds and keeps nothing: ATTNBENCH_PROGRAM_CACHE says "on" or "off", else the driver
 * decides (worthwhile). */
void program_cache_open(struct program_cache *cache, const char *device_key, bool worthwhile);
void program_cache_close(struct program_cache *cache);

/* A key is a SHA-256 in hex over all that a binary depends on. True with the binary, whose file is
 * set aside until program_safe. */
bool program_cache_load(const struct program_cache *cache, const char *key, struct text *binary);

/* Sets the file aside and brings it back. program_risk may be called for a key that has no file:
 * before a driver is asked for a new program's binary. False: the program is set aside already, by
 * a process that died or is busy with it; then there is no cache for it. */
bool program_risk(const struct program_cache *cache, const char *key);
void program_safe(const struct program_cache *cache, const char *key);

/* A failure to write is none: then the program is built again next time. */
void program_cache_store(const struct program_cache *cache, const char *key, const void *binary,
                         size_t bytes);
void program_cache_forget(const struct program_cache *cache, const char *key);

#endif
