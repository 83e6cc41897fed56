#include "device/icd.h"

#include "util/cache.h"
#include "util/file.h"
#include "util/sha256.h"
#include "util/text.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ICDS_MAX = 64, ICD_BYTES_MAX = 4096, LOADER_BYTES_MAX = 16 << 20 };

/* ---- finding --------------------------------------------------------------------------------- */

/* The library that the first line names, without white space around it. */
static void read_icd(struct icd *icd, struct arena *arena)
{
    struct text text = {0};
    struct err err;
    icd->library = "";
    if (file_read(icd->file, ICD_BYTES_MAX, &text, &err)) {
        icd->problem = arena_copy(arena, err.message);
        text_free(&text);
        return;
    }
    const char *line = text_get(&text);
    line += strspn(line, " \t\r\n");
    size_t length = strcspn(line, "\r\n");
    while (length && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        --length;
    struct text clean = {0};
    text_add_printable(&clean, arena_copy_bytes(arena, line, length), false);
    icd->library = arena_copy(arena, text_get(&clean));
    if (!length)
        icd->problem = "the file names no library";
    text_free(&clean);
    text_free(&text);
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct icd *)a)->file, ((const struct icd *)b)->file);
}

static void list_folder(struct icds *icds, struct arena *arena)
{
    DIR *folder = opendir(icds->place);
    if (!folder)
        return;
    for (const struct dirent *entry; icds->count < ICDS_MAX && (entry = readdir(folder));)
        if (text_ends(entry->d_name, ".icd"))
            icds->items[icds->count++].file =
                arena_print(arena, "%s/%s", icds->place, entry->d_name);
    closedir(folder);
    qsort(icds->items, (size_t)icds->count, sizeof *icds->items, by_file);
}

void icds_find(struct icds *icds, struct arena *arena)
{
    static const char *const variables[] = {"OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH"};
    struct stat status;
    *icds = (struct icds){.items = arena_array(arena, ICDS_MAX, sizeof *icds->items),
                          .place = "/etc/OpenCL/vendors"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables && !icds->variable; ++i) {
        const char *value = getenv(variables[i]);
        if (value && *value) {
            icds->place = arena_copy(arena, value);
            icds->variable = variables[i];
        }
    }
    if (stat(icds->place, &status) == 0 && S_ISDIR(status.st_mode)) {
        list_folder(icds, arena);
    } else if (icds->variable && !text_ends(icds->place, ".icd")) {
        icds->items[icds->count++] = (struct icd){.file = icds->place, .library = icds->place};
        return;
    } else if (icds->variable) {
        icds->items[icds->count++].file = icds->place;
    }
    for (int i = 0; i < icds->count; ++i)
        read_icd(&icds->items[i], arena);
}

/* ---- is it loaded? --------------------------------------------------------------------------- */

const char *icd_missing(const struct icd *icd, struct arena *arena)
{
    if (icd->problem)
        return icd->problem;
    void *handle = dlopen(icd->library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle) {
        dlclose(handle);
        return NULL;
    }
    /* The loader has tried it already: it fails again, and this time says why. */
    handle = dlopen(icd->library, RTLD_LAZY | RTLD_LOCAL);
    const char *why = handle ? NULL : dlerror();
    struct text clean = {0};
    text_add_printable(&clean, why ? why : "the loader does not keep it", false);
    const char *copy = arena_copy(arena, text_get(&clean));
    text_free(&clean);
    if (handle)
        dlclose(handle);
    return copy;
}

const char *icd_loader_path(struct arena *arena)
{
    Dl_info info;
    char path[4096];
    void *symbol = dlsym(RTLD_DEFAULT, "clGetPlatformIDs");
    return symbol && dladdr(symbol, &info) && info.dli_fname && realpath(info.dli_fname, path)
               ? arena_copy(arena, path)
               : "?";
}

/* By a word that only its file holds: asking it would take its drivers into this process. */
const char *icd_loader(struct arena *arena)
{
    static const char ocl_icd[] = "OCL_ICD_PLATFORM_SORT", khronos[] = "OCL_ICD_FILENAMES";
    struct text file = {0};
    const char *name = "another loader";
    if (file_read(icd_loader_path(arena), LOADER_BYTES_MAX, &file, NULL) == 0 && file.length)
        name = memmem(file.data, file.length, ocl_icd, sizeof ocl_icd)   ? "ocl-icd"
               : memmem(file.data, file.length, khronos, sizeof khronos) ? "Khronos' loader"
                                                                         : name;
    text_free(&file);
    return name;
}

/* ---- a folder of some ------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int write_icds(const struct icds *icds, const bool *keep, const char *folder,
                      struct arena *arena)
{
    if (!cache_make_folders(arena_print(arena, "%s/x", folder)))
        return -1;
    for (int i = 0; i < icds->count; ++i) {
        const struct icd *icd = &icds->items[i];
        const char *path = arena_print(arena, "%s/%s%s", folder, base_name(icd->file),
                                       text_ends(icd->file, ".icd") ? "" : ".icd");
        const char *line = arena_print(arena, "%s\n", icd->library);
        if (keep[i] && file_replace_quickly(path, line, strlen(line), NULL))
            return -1;
    }
    return 0;
}

const char *icds_folder(const struct icds *icds, const bool *keep, struct arena *arena)
{
    const char *choice = "", *temporary = getenv("TMPDIR");
    for (int i = 0; i < icds->count; ++i)
        if (keep[i])
            choice = arena_print(arena, "%s%s=%s\n", choice, icds->items[i].file,
                                 icds->items[i].library);
    char hex[65];
    sha256_hex(choice, strlen(choice), hex);
    hex[12] = '\0';
    const char *folder = cache_path(arena, "drivers", hex);
    if (folder && write_icds(icds, keep, folder, arena) == 0)
        return folder;
    char *made = arena_print(arena, "%s/attnbench-drivers-XXXXXX",
                             temporary && *temporary ? temporary : "/tmp");
    return mkdtemp(made) && write_icds(icds, keep, made, arena) == 0 ? made : NULL;
}
