#include "device/opencl.h"

#include "util/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLATFORMS_MAX = 32, DEVICES_MAX = 64, TEXT_BYTES_MAX = 1 << 20 };
enum { NAME_SHOWN = 200, EXTENSIONS_SHOWN = 32 << 10 };

/* A string property with control characters and invalid UTF-8 replaced. The size is asked first; an
 * absurd one counts as unknown, a long one is cut. */
static const char *text_property(struct arena *arena, cl_device_id device, cl_platform_id platform,
                                 cl_uint property)
{
    size_t size = 0;
    cl_int status = device ? clGetDeviceInfo(device, property, 0, NULL, &size)
                           : clGetPlatformInfo(platform, property, 0, NULL, &size);
    if (status != CL_SUCCESS || size == 0 || size > TEXT_BYTES_MAX)
        return "";
    char *raw = calloc(1, size + 1);
    if (!raw)
        return "";
    status = device ? clGetDeviceInfo(device, property, size, raw, NULL)
                    : clGetPlatformInfo(platform, property, size, raw, NULL);
    struct text clean = {0};
    const size_t shown = property == CL_DEVICE_EXTENSIONS ? EXTENSIONS_SHOWN : NAME_SHOWN;
    raw[shown < size ? shown : size] = '\0';
    if (status == CL_SUCCESS)
        text_add_printable(&clean, raw, false);
    while (clean.length && clean.data[clean.length - 1] == ' ')
        clean.data[--clean.length] = '\0';
    const char *copy = arena_copy(arena, text_get(&clean));
    text_free(&clean);
    free(raw);
    return copy;
}

static int64_t integer_property(cl_device_id device, cl_uint property, size_t bytes)
{
    union {
        cl_uint u32;
        cl_ulong u64;
    } value = {.u64 = 0};
    if (clGetDeviceInfo(device, property, bytes, &value, NULL) != CL_SUCCESS)
        return 0;
    const cl_ulong x = bytes == sizeof(cl_uint) ? value.u32 : value.u64;
    return x > INT64_C(1) << 53 ? INT64_C(1) << 53 : (int64_t)x; /* JSON numbers are doubles */
}

/* cl_khr_device_uuid; the constant is newer than some headers. NULL: unknown, or all zero. */
static const char *uuid_property(struct arena *arena, cl_device_id device,
                                 const struct device_info *info)
{
    enum { DEVICE_UUID_KHR = 0x106A, UUID_BYTES = 16 };
    unsigned char bytes[UUID_BYTES] = {0}, any = 0;
    char hex[2 * UUID_BYTES + 1] = "";
    if (!device_has_extension(info, "cl_khr_device_uuid") ||
        clGetDeviceInfo(device, DEVICE_UUID_KHR, sizeof bytes, bytes, NULL) != CL_SUCCESS)
        return NULL;
    for (int i = 0; i < UUID_BYTES; ++i) {
        snprintf(hex + (size_t)2 * (size_t)i, 3, "%02x", bytes[i]);
        any |= bytes[i];
    }
    return any ? arena_copy(arena, hex) : NULL;
}

/* A short name for a platform: known vendors first, otherwise its first word. */
static const char *platform_slug(struct arena *arena, const char *name)
{
    static const char *const known[][2] = {{"Portable Computing Language", "pocl"},
                                           {"rusticl", "rusticl"},
                                           {"Clover", "clover"},
                                           {"Oclgrind", "oclgrind"},
                                           {"NVIDIA", "nvidia"},
                                           {"Intel", "intel"},
                                           {"AMD", "amd"},
                                           {"Apple", "apple"},
                                           {"ARM", "arm"},
                                           {"QUALCOMM", "qualcomm"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i)
        if (text_contains(name, known[i][0]))
            return known[i][1];
    char slug[24];
    size_t length = 0;
    for (; *name && *name != ' ' && length + 1 < sizeof slug; ++name)
        if (isalnum((unsigned char)*name))
            slug[length++] = (char)tolower((unsigned char)*name);
    slug[length] = '\0';
    return arena_copy(arena, length ? slug : "device");
}

static void describe(struct arena *arena, cl_device_id device, const char *platform,
                     struct device_info *info)
{
    cl_device_type type = 0;
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    /* Oclgrind says that it is all of them. */
    type &= CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_ACCELERATOR;
    info->type = type == CL_DEVICE_TYPE_GPU           ? "gpu"
                 : type == CL_DEVICE_TYPE_CPU         ? "cpu"
                 : type == CL_DEVICE_TYPE_ACCELERATOR ? "accelerator"
                                                      : "other";
    info->platform = platform;
    info->name = text_property(arena, device, NULL, CL_DEVICE_NAME);
    info->vendor = text_property(arena, device, NULL, CL_DEVICE_VENDOR);
    info->driver = text_property(arena, device, NULL, CL_DRIVER_VERSION);
    info->opencl_c = text_property(arena, device, NULL, CL_DEVICE_OPENCL_C_VERSION);
    info->extensions = text_property(arena, device, NULL, CL_DEVICE_EXTENSIONS);
    info->compute_units = integer_property(device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint));
    info->clock_mhz = integer_property(device, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof(cl_uint));
    info->global_bytes = integer_property(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
    info->local_bytes = integer_property(device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
    info->max_alloc_bytes =
        integer_property(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
    info->max_work_group = integer_property(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    info->vector_width =
        integer_property(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(cl_uint));
    size_t sizes[16] = {0};
    if (clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, NULL) ==
        CL_SUCCESS)
        for (int i = 0; i < 3; ++i)
            info->max_work_item[i] = sizes[i] > 1u << 30 ? 1 << 30 : (int64_t)sizes[i];
    info->has_clblast = clblast_available();
    info->uuid = uuid_property(arena, device, info);
}

struct found {
    struct device_info info;
    cl_device_id handle;
};

static int add_platform(struct arena *arena, cl_platform_id platform, int platform_index,
                        struct found *found, int count)
{
    cl_device_id handles[DEVICES_MAX];
    cl_uint devices = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, handles, &devices) != CL_SUCCESS)
        return count;
    const char *name = text_property(arena, NULL, platform, CL_PLATFORM_NAME);
    const char *slug = platform_slug(arena, name);
    for (cl_uint d = 0; d < devices && d < DEVICES_MAX && count < DEVICES_MAX; ++d) {
        struct found *new = &found[count];
        *new = (struct found){.handle = handles[d]};
        describe(arena, handles[d], name, &new->info);
        const char *prefix = arena_print(arena, "%s-%s-", slug, new->info.type);
        int same = 0;
        for (int i = 0; i < count; ++i)
            same += text_starts(found[i].info.id, prefix);
        new->info.id = arena_print(arena, "%s%d", prefix, same);
        new->info.index = arena_print(arena, "%d:%u", platform_index, d);
        ++count;
    }
    return count;
}

static int find_all(struct arena *arena, struct found *found, struct failure *failure)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint count = 0;
    const cl_int status = clGetPlatformIDs(PLATFORMS_MAX, platforms, &count);
    enum { PLATFORM_NOT_FOUND_KHR = -1001 }; /* the loader's answer when no driver is installed */
    if (status == PLATFORM_NOT_FOUND_KHR)
        return 0;
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clGetPlatformIDs");
    int devices = 0;
    for (cl_uint p = 0; p < count && p < PLATFORMS_MAX; ++p)
        devices = add_platform(arena, platforms[p], (int)p, found, devices);
    return devices;
}

int opencl_enumerate(struct arena *arena, struct device_info **devices, int *count,
                     struct failure *failure)
{
    struct found *found = arena_array(arena, DEVICES_MAX, sizeof *found);
    const int n = find_all(arena, found, failure);
    if (n < 0)
        return -1;
    *devices = arena_array(arena, (size_t)n + 1, sizeof **devices);
    for (int i = 0; i < n; ++i)
        (*devices)[i] = found[i].info;
    *count = n;
    return 0;
}

cl_device_id opencl_find_device(const char *id, struct failure *failure)
{
    struct arena arena = {0};
    struct found *found = arena_array(&arena, DEVICES_MAX, sizeof *found);
    const int n = find_all(&arena, found, failure);
    cl_device_id handle = NULL;
    for (int i = 0; i < n && !handle; ++i)
        if (found[i].info.id && strcmp(found[i].info.id, id) == 0)
            handle = found[i].handle;
    if (n >= 0 && !handle)
        failure_set(failure, FAILURE_ERROR, "the device %s is not there any more", id);
    arena_free(&arena);
    return handle;
}
