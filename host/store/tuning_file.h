/* Writing a tuning file, entry by entry; problem/tunings.h reads it and says what is in it. */
#ifndef ATTNBENCH_STORE_TUNING_FILE_H
#define ATTNBENCH_STORE_TUNING_FILE_H

#include "problem/tunings.h"

/* What was found for a variant on one problem of a class. */
struct tuning_entry {
    const struct variant *variant;
    const struct problem *problem;
    const struct tuning *tuning;
    double default_s, tuned_s; /* medians, side by side; NaN: the default does not run */
    int candidates, failed, wrong;
};

/* May entries of the device be added to `path`? A file that is there must be a tuning file, and the
 * device's: anything else is not ours to replace. */
int tuning_file_check(const char *path, const struct device_info *device, struct err *err);

/* Adds an entry, in place of one for the same variant and class; all others stay as they are. The
 * file is read again and replaced atomically. */
int tuning_file_add(const char *path, const struct device_info *device,
                    const struct tuning_entry *entry, struct err *err);

/* A tuning that crashed, hung or was slow with this driver. */
struct tuning_avoided {
    const struct variant *variant;
    const struct problem *problem;
    const struct tuning *tuning;
    const char *status, *reason; /* "crash", "timeout", "slow" */
};

/* Adds to the file's list "avoid", in place of what it says of the same; made if it is not there.
 */
int tuning_file_avoid(const char *path, const struct device_info *device,
                      const struct tuning_avoided *avoided, int count, struct err *err);

/* What to avoid for this version of the variant and problems of this class: what crashed with any
 * problem, and what hung or was slow with one of the class. A file that cannot be read avoids
 * nothing. */
int tuning_file_avoided(const char *path, const struct variant *variant,
                        const struct problem *problem, struct tuning **avoid, struct arena *arena);

#endif
