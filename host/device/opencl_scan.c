/* Payloads of buffers on the device: copied, compared, hashed. */
#include "device/opencl.h"

#include <stdlib.h>
#include <string.h>

/* What is found is added to counters, the last of which says how many words were looked at: a
 * driver that does not launch must not pass for one that found nothing. A work-item goes through
 * words next to one another on a CPU, whose caches want that, and through every so many-th
 * elsewhere, whose loads coalesce. */
static const char source[] =
    "#ifdef COALESCED\n"
    "#define FIRST get_global_id(0)\n"
    "#define END words\n"
    "#define STEP get_global_size(0)\n"
    "#else\n"
    "#define SHARE ((words + get_global_size(0) - 1) / get_global_size(0))\n"
    "#define FIRST (get_global_id(0) * SHARE)\n"
    "#define END min(words, FIRST + SHARE)\n"
    "#define STEP 1\n"
    "#endif\n"
    "#define COUNT (FIRST < end ? (uint)((end - FIRST + STEP - 1) / STEP) : 0)\n"
    "__kernel void differences(__global const uint *a, __global const uint *b, ulong words,\n"
    "                          uint last, __global uint *found)\n"
    "{\n"
    "    uint different = 0;\n"
    "    const ulong end = END;\n"
    "    for (ulong w = FIRST; w < end; w += STEP)\n"
    "        different |= (a[w] ^ b[w]) & (w + 1 == words ? last : 0xffffffffu);\n"
    "    if (different)\n"
    "        atomic_or(found, different);\n"
    "    atomic_add(found + 2, COUNT);\n"
    "}\n"
    "__kernel void digest(__global const uint *a, __global const uint *b, ulong words, uint last,\n"
    "                     __global uint *found)\n"
    "{\n"
    "    uint low = 0, high = 0;\n"
    "    const ulong end = END;\n"
    "    for (ulong w = FIRST; w < end; w += STEP) {\n"
    "        const uint word = a[w] & (w + 1 == words ? last : 0xffffffffu);\n"
    "        uint mixed = (word ^ (uint)w * 0x9e3779b9u) * 0x85ebca6bu;\n"
    "        mixed = (mixed ^ mixed >> 15) * 0xc2b2ae35u;\n"
    "        low += mixed;\n"
    "        high += (mixed ^ mixed >> 13) * 0x27d4eb2fu;\n"
    "    }\n"
    "    atomic_add(found, low);\n"
    "    atomic_add(found + 1, high);\n"
    "    atomic_add(found + 2, COUNT);\n"
    "}\n";

enum { COUNTERS = 3 };

struct scan {
    cl_kernel differences, digest;
    cl_mem found;
    size_t items;
};

void opencl_scan_free(struct session *session)
{
    struct scan *scan = session->scan;
    if (!scan)
        return;
    if (scan->differences)
        clReleaseKernel(scan->differences);
    if (scan->digest)
        clReleaseKernel(scan->digest);
    if (scan->found)
        clReleaseMemObject(scan->found);
    free(scan);
    session->scan = NULL;
}

static int fill_scan(struct session *session, struct scan *scan, struct failure *failure)
{
    enum { ITEMS_CPU = 4, ITEMS_GPU = 512 }; /* a compute unit */
    enum build_origin origin;
    cl_device_type type = 0;
    cl_uint units = 1;
    clGetDeviceInfo(session->device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    clGetDeviceInfo(session->device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    const bool cpu = type == CL_DEVICE_TYPE_CPU;
    scan->items = (size_t)units * (cpu ? ITEMS_CPU : ITEMS_GPU);
    struct program *program =
        opencl_program(session, "scan", source, cpu ? "" : "-DCOALESCED=1", &origin, failure);
    if (!program)
        return -1;
    scan->differences = opencl_kernel(session, program->handle, "differences", 1, failure);
    if (scan->differences)
        scan->digest = opencl_kernel(session, program->handle, "digest", 1, failure);
    if (!scan->digest)
        return -1;
    cl_int status = CL_SUCCESS;
    scan->found = clCreateBuffer(session->context, CL_MEM_READ_WRITE, COUNTERS * sizeof(cl_uint),
                                 NULL, &status);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "clCreateBuffer");
    opencl_program_safe(session, program);
    return 0;
}

static struct scan *make_scan(struct session *session, struct failure *failure)
{
    if (session->scan)
        return session->scan;
    session->scan = calloc(1, sizeof *session->scan);
    if (!session->scan) {
        failure_set(failure, FAILURE_OOM, "out of memory on the host");
        return NULL;
    }
    if (fill_scan(session, session->scan, failure) == 0)
        return session->scan;
    if (!failure->fatal)
        opencl_scan_free(session);
    session->scan = NULL;
    return NULL;
}

/* Runs one of the kernels over two payloads of the same size. */
static int run(struct session *session, const struct scan *scan, cl_kernel kernel, struct buffer *a,
               struct buffer *b, cl_uint found[COUNTERS], struct failure *failure)
{
    static const cl_uint zeros[COUNTERS];
    const cl_mem first = opencl_payload(a), second = opencl_payload(b);
    const cl_ulong words = (a->bytes + 3) / 4;
    const size_t rest = a->bytes % 4, items = scan->items;
    const unsigned char bytes[4] = {0xff, rest == 1 ? 0 : 0xff, rest && rest < 3 ? 0 : 0xff,
                                    rest ? 0 : 0xff};
    cl_uint last;
    memcpy(&last, bytes, sizeof last);
    const struct {
        size_t size;
        const void *value;
    } args[] = {{sizeof first, &first},
                {sizeof second, &second},
                {sizeof words, &words},
                {sizeof last, &last},
                {sizeof scan->found, &scan->found}};
    memset(found, 0xff, COUNTERS * sizeof *found);
    cl_int status = clEnqueueWriteBuffer(session->queue, scan->found, CL_FALSE, 0, sizeof zeros,
                                         zeros, 0, NULL, NULL);
    for (cl_uint i = 0; i < sizeof args / sizeof *args && status == CL_SUCCESS; ++i)
        status = clSetKernelArg(kernel, i, args[i].size, args[i].value);
    if (status == CL_SUCCESS)
        status =
            clEnqueueNDRangeKernel(session->queue, kernel, 1, NULL, &items, NULL, 0, NULL, NULL);
    if (status == CL_SUCCESS)
        status = clEnqueueReadBuffer(session->queue, scan->found, CL_TRUE, 0,
                                     COUNTERS * sizeof *found, found, 0, NULL, NULL);
    if (status != CL_SUCCESS)
        return opencl_failed(failure, status, "looking through a buffer");
    if (found[COUNTERS - 1] != (cl_uint)words)
        return failure_set(failure, FAILURE_ERROR,
                           "the driver looked through %u of %llu words of a buffer",
                           found[COUNTERS - 1], (unsigned long long)words);
    return 0;
}

int opencl_copy(struct session *session, struct buffer *from, struct buffer *to,
                struct failure *failure)
{
    cl_int status = clEnqueueCopyBuffer(session->queue, opencl_payload(from), opencl_payload(to), 0,
                                        0, (from->bytes + 3) / 4 * 4, 0, NULL, NULL);
    if (status == CL_SUCCESS)
        status = clFinish(session->queue);
    return status == CL_SUCCESS ? 0 : opencl_failed(failure, status, "clEnqueueCopyBuffer");
}

/* All variants are looked at with the same kernels and the same buffer: what went wrong with them
 * would meet the next variant too, so that another worker makes new ones. */
static int give_up(struct failure *failure)
{
    failure->fatal = true;
    return -1;
}

int opencl_compare(struct session *session, struct buffer *a, struct buffer *b, bool *same,
                   struct failure *failure)
{
    cl_uint found[COUNTERS];
    const struct scan *scan = make_scan(session, failure);
    if (!scan || run(session, scan, scan->differences, a, b, found, failure))
        return give_up(failure);
    *same = found[0] == 0;
    return 0;
}

int opencl_digest(struct session *session, struct buffer *buffer, uint64_t *digest,
                  struct failure *failure)
{
    cl_uint found[COUNTERS];
    const struct scan *scan = make_scan(session, failure);
    if (!scan || run(session, scan, scan->digest, buffer, buffer, found, failure))
        return give_up(failure);
    *digest = (uint64_t)found[1] << 32 | found[0];
    return 0;
}
