/* The user's cache folder: what is expensive to find out again (peaks, tunings, compiled programs).
 *
 * $ATTNBENCH_CACHE_DIR, else $XDG_CACHE_HOME/attnbench, else $HOME/.cache/attnbench. Nothing there
 * is needed: it may be deleted at any time. */
#ifndef ATTNBENCH_UTIL_CACHE_H
#define ATTNBENCH_UTIL_CACHE_H

#include "util/arena.h"

#include <stdbool.h>

/* The path of the file `name` of a kind ("peaks", "tuning", "programs"); neither it nor its folders
 * need exist. NULL when there is no place for a cache: then do without. */
const char *cache_path(struct arena *arena, const char *kind, const char *name);

/* Makes the folders of such a path before the file is written. False: that cannot be, do without.
 */
bool cache_make_folders(const char *path);

#endif
