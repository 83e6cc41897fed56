/* The drivers that are installed: .icd files, which name a library each, as the loader finds them.
 *
 * Debian's loader (ocl-icd) and Khronos' one read *.icd in OCL_ICD_VENDORS, else in
 * OPENCL_VENDOR_PATH, else in /etc/OpenCL/vendors; OCL_ICD_VENDORS may be one file, too. Both load
 * all of them into the process that asks, where one that crashes takes the others along. A folder
 * with those that work, named by OCL_ICD_VENDORS, keeps it out: both loaders understand that.
 * Source: the README of ocl-icd 2.3.1; the Khronos OpenCL-ICD-Loader's README. */
#ifndef ATTNBENCH_DEVICE_ICD_H
#define ATTNBENCH_DEVICE_ICD_H

#include "util/arena.h"
#include "util/err.h"

#include <stdbool.h>

struct icd {
    const char *file;    /* path of the .icd file; or of the library, when the variable names one */
    const char *library; /* as its first line names it; "" when there is none */
    const char *problem; /* why it names none; NULL: it does */
};

struct icds {
    struct icd *items;
    int count;
    const char *place;    /* the folder or file that they come from */
    const char *variable; /* that says so; NULL: it is the usual place */
};

/* In the order of their names. A folder that cannot be read has none. */
void icds_find(struct icds *icds, struct arena *arena);

/* Why the library is not in this process, in which the loader has been asked for its platforms;
 * NULL: it is. */
const char *icd_missing(const struct icd *icd, struct arena *arena);

/* Whose clGetPlatformIDs this program calls: "ocl-icd", "Khronos' loader" or "another loader". */
const char *icd_loader(struct arena *arena);
/* The file that it is, links followed; "?" when the system does not tell. */
const char *icd_loader_path(struct arena *arena);

/* Makes a folder with these of the .icd files, to be named by OCL_ICD_VENDORS: in the user's cache,
 * where the same choice has the same folder, or else below TMPDIR. NULL: there is no place for it.
 */
const char *icds_folder(const struct icds *icds, const bool *keep, struct arena *arena);

#endif
