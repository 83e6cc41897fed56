/* OpenCL drivers that go wrong as they are looked for, one for each BAD_DRIVER: crash in a
 * constructor, in clIcdGetPlatformIDsKHR or later, hang, end the process, offer nothing. */
#include <CL/cl.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONSTRUCTOR = 1, PLATFORMS, HANG, LEAVE, EMPTY, HANG_CONSTRUCTOR };

static void crash(void)
{
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static void hang(void)
{
    while (1)
        pause();
}

__attribute__((constructor)) static void loaded(void)
{
    if (BAD_DRIVER == CONSTRUCTOR)
        crash();
    if (BAD_DRIVER == HANG_CONSTRUCTOR)
        hang();
}

__attribute__((visibility("default"))) cl_int
clIcdGetPlatformIDsKHR(cl_uint entries, cl_platform_id *platforms, cl_uint *count);

cl_int clIcdGetPlatformIDsKHR(cl_uint entries, cl_platform_id *platforms, cl_uint *count)
{
    (void)entries;
    (void)platforms;
    if (BAD_DRIVER == PLATFORMS)
        crash();
    if (BAD_DRIVER == HANG)
        hang();
    if (BAD_DRIVER == LEAVE)
        _exit(7);
    if (count)
        *count = 0;
    return -1001; /* CL_PLATFORM_NOT_FOUND_KHR */
}

/* A loader wants it to be there, and never comes to call it. */
CL_API_ENTRY cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id platform, cl_platform_info name,
                                                  size_t size, void *value, size_t *size_out)
{
    (void)platform;
    (void)name;
    (void)size;
    (void)value;
    (void)size_out;
    return CL_INVALID_PLATFORM;
}

/* Function pointers as the loader wants them, in C's own terms. */
static void *address_of(void (*function)(void))
{
    void *address = NULL;
    memcpy(&address, &function, sizeof address);
    return address;
}

CL_API_ENTRY void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
        return address_of((void (*)(void))clIcdGetPlatformIDsKHR);
    return strcmp(name, "clGetPlatformInfo") == 0 ? address_of((void (*)(void))clGetPlatformInfo)
                                                  : NULL;
}
