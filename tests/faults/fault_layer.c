/* An OpenCL layer that misbehaves as drivers do. The loader puts it between a program and the
 * driver: OPENCL_LAYERS=/path/libfault_layer.so (ocl-icd 2.3.1 or the Khronos loader).
 *
 * ATTNBENCH_FAULT holds one or more faults, separated by ";", each of words "key=value":
 *   call=NAME    the entry point, "clFinish"; absent: any of those that the layer knows
 *   kernel=NAME  only clEnqueueNDRangeKernel and clSetKernelArg on a kernel of that name
 *   param=N      only queries of that property (clGetDeviceInfo param=0x102b)
 *   k=N          at the N-th call that fits, from 1; "N+": at that and all later ones; absent: all
 *   do=WHAT      error:CODE      fail with this code
 *                nothing         return CL_SUCCESS and do nothing
 *                delay:MS, hang, deaf (a hang that ignores SIGTERM), crash, abort, exit
 *                orphan          start a process that stays, then be killed
 *                print           a line on stdout and one on stderr, then go on
 *                babble          print to stderr for ever
 *                corrupt:ARG     flip a bit of the middle element: of what is read or written, or,
 *                                after clEnqueueNDRangeKernel, of the buffer that is argument ARG
 *                value:N         a query's answer, in as many bytes as are asked for
 *                text:KIND       a query's answer: a megabyte of ansi, html, utf8 (invalid), plain
 *                                (no NUL at its end), or huge (a size of 2^62 and no text)
 *                time:LIE        of clGetEventProfilingInfo; see lies[]
 *
 * ATTNBENCH_FAULT_STATE names a file that all processes of a run map: how often each entry point
 * was called, each fault's "k", and how often each struck. A fault with k=N then strikes once in
 * the whole run, also when a worker is started again. Without the file a process counts for itself.
 */
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl_layer.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ---- entry points ---------------------------------------------------------------------------- */

/* Those that return a status. */
#define STATUS_CALLS(X)                                                                            \
    X(clGetPlatformIDs, (cl_uint a, cl_platform_id * b, cl_uint * c), (a, b, c))                   \
    X(clGetDeviceIDs,                                                                              \
      (cl_platform_id a, cl_device_type b, cl_uint c, cl_device_id * d, cl_uint * e),              \
      (a, b, c, d, e))                                                                             \
    X(clReleaseContext, (cl_context a), (a))                                                       \
    X(clGetContextInfo, (cl_context a, cl_context_info b, size_t c, void *d, size_t *e),           \
      (a, b, c, d, e))                                                                             \
    X(clReleaseCommandQueue, (cl_command_queue a), (a))                                            \
    X(clGetCommandQueueInfo,                                                                       \
      (cl_command_queue a, cl_command_queue_info b, size_t c, void *d, size_t *e),                 \
      (a, b, c, d, e))                                                                             \
    X(clReleaseMemObject, (cl_mem a), (a))                                                         \
    X(clGetMemObjectInfo, (cl_mem a, cl_mem_info b, size_t c, void *d, size_t *e),                 \
      (a, b, c, d, e))                                                                             \
    X(clReleaseProgram, (cl_program a), (a))                                                       \
    X(clBuildProgram,                                                                              \
      (cl_program a, cl_uint b, const cl_device_id *c, const char *d,                              \
       void(CL_CALLBACK * e)(cl_program, void *), void *f),                                        \
      (a, b, c, d, e, f))                                                                          \
    X(clGetProgramInfo, (cl_program a, cl_program_info b, size_t c, void *d, size_t *e),           \
      (a, b, c, d, e))                                                                             \
    X(clReleaseKernel, (cl_kernel a), (a))                                                         \
    X(clGetKernelInfo, (cl_kernel a, cl_kernel_info b, size_t c, void *d, size_t *e),              \
      (a, b, c, d, e))                                                                             \
    X(clGetKernelWorkGroupInfo,                                                                    \
      (cl_kernel a, cl_device_id b, cl_kernel_work_group_info c, size_t d, void *e, size_t *f),    \
      (a, b, c, d, e, f))                                                                          \
    X(clWaitForEvents, (cl_uint a, const cl_event *b), (a, b))                                     \
    X(clGetEventInfo, (cl_event a, cl_event_info b, size_t c, void *d, size_t *e),                 \
      (a, b, c, d, e))                                                                             \
    X(clReleaseEvent, (cl_event a), (a))                                                           \
    X(clFlush, (cl_command_queue a), (a))                                                          \
    X(clFinish, (cl_command_queue a), (a))                                                         \
    X(clEnqueueCopyBuffer,                                                                         \
      (cl_command_queue a, cl_mem b, cl_mem c, size_t d, size_t e, size_t f, cl_uint g,            \
       const cl_event *h, cl_event *i),                                                            \
      (a, b, c, d, e, f, g, h, i))                                                                 \
    X(clEnqueueFillBuffer,                                                                         \
      (cl_command_queue a, cl_mem b, const void *c, size_t d, size_t e, size_t f, cl_uint g,       \
       const cl_event *h, cl_event *i),                                                            \
      (a, b, c, d, e, f, g, h, i))                                                                 \
    X(clEnqueueMarkerWithWaitList,                                                                 \
      (cl_command_queue a, cl_uint b, const cl_event *c, cl_event *d), (a, b, c, d))

/* Those that return a handle and leave the status in their last argument, `status`. */
#define HANDLE_CALLS(X)                                                                            \
    X(cl_context, clCreateContext,                                                                 \
      (const cl_context_properties *a, cl_uint b, const cl_device_id *c,                           \
       void(CL_CALLBACK * d)(const char *, const void *, size_t, void *), void *e,                 \
       cl_int *status),                                                                            \
      (a, b, c, d, e, status))                                                                     \
    X(cl_command_queue, clCreateCommandQueue,                                                      \
      (cl_context a, cl_device_id b, cl_command_queue_properties c, cl_int * status),              \
      (a, b, c, status))                                                                           \
    X(cl_mem, clCreateBuffer, (cl_context a, cl_mem_flags b, size_t c, void *d, cl_int *status),   \
      (a, b, c, d, status))                                                                        \
    X(cl_mem, clCreateSubBuffer,                                                                   \
      (cl_mem a, cl_mem_flags b, cl_buffer_create_type c, const void *d, cl_int *status),          \
      (a, b, c, d, status))                                                                        \
    X(cl_program, clCreateProgramWithSource,                                                       \
      (cl_context a, cl_uint b, const char **c, const size_t *d, cl_int *status),                  \
      (a, b, c, d, status))                                                                        \
    X(cl_program, clCreateProgramWithBinary,                                                       \
      (cl_context a, cl_uint b, const cl_device_id *c, const size_t *d, const unsigned char **e,   \
       cl_int *f, cl_int *status),                                                                 \
      (a, b, c, d, e, f, status))                                                                  \
    X(cl_kernel, clCreateKernel, (cl_program a, const char *b, cl_int *status), (a, b, status))

/* Those with a fault of their own, further down. */
#define OTHER_CALLS(X)                                                                             \
    X(clGetPlatformInfo, )                                                                         \
    X(clGetDeviceInfo, )                                                                           \
    X(clGetProgramBuildInfo, )                                                                     \
    X(clSetKernelArg, )                                                                            \
    X(clGetEventProfilingInfo, )                                                                   \
    X(clEnqueueReadBuffer, )                                                                       \
    X(clEnqueueWriteBuffer, )                                                                      \
    X(clEnqueueNDRangeKernel, )

enum call {
#define NUMBER(name, ...)              CALL_##name,
#define NUMBER_HANDLE(type, name, ...) CALL_##name,
    STATUS_CALLS(NUMBER) HANDLE_CALLS(NUMBER_HANDLE) OTHER_CALLS(NUMBER) CALLS
};

static const char *const call_names[CALLS] = {
#define NAME(name, ...)              #name,
#define NAME_HANDLE(type, name, ...) #name,
    STATUS_CALLS(NAME) HANDLE_CALLS(NAME_HANDLE) OTHER_CALLS(NAME)};

static cl_icd_dispatch real, layer; /* the driver's functions, and ours */

/* ---- faults ---------------------------------------------------------------------------------- */

enum what {
    ERROR,
    NOTHING,
    DELAY,
    HANG,
    DEAF,
    CRASH,
    ABORT,
    EXIT,
    ORPHAN,
    PRINT,
    BABBLE,
    CORRUPT,
    VALUE,
    TEXT,
    TIME,
    WHATS
};
static const char *const whats[WHATS] = {"error",  "nothing", "delay", "hang",   "deaf",
                                         "crash",  "abort",   "exit",  "orphan", "print",
                                         "babble", "corrupt", "value", "text",   "time"};

struct fault {
    int call; /* -1: any */
    char kernel[64];
    bool has_param;
    unsigned long long param;
    unsigned long first, last; /* the calls at which it strikes */
    enum what what;
    char argument[32];
};

enum { FAULTS_MAX = 16 };
static struct fault faults[FAULTS_MAX];
static int fault_count;

/* In the file: records of 64 bytes, one an entry point, two a fault, and when (milliseconds of the
 * monotonic clock) a fault struck first and when the next process began after that. */
struct record {
    char name[56];
    _Atomic uint64_t count;
};
enum { STRUCK_AT = CALLS + 2 * FAULTS_MAX, BEGAN_AGAIN, RECORDS };
static struct record own_records[RECORDS], *records = own_records;

static void refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("fault layer: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(99);
}

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; ++i)
        if (strcmp(name, names[i]) == 0)
            return i;
    refuse("unknown word '%s'", name);
}

static void parse_word(struct fault *fault, const char *key, const char *value)
{
    char *end = NULL;
    if (strcmp(key, "call") == 0) {
        fault->call = index_of(value, call_names, CALLS);
    } else if (strcmp(key, "kernel") == 0) {
        snprintf(fault->kernel, sizeof fault->kernel, "%s", value);
    } else if (strcmp(key, "param") == 0) {
        fault->has_param = true;
        fault->param = strtoull(value, NULL, 0);
    } else if (strcmp(key, "k") == 0) {
        fault->first = strtoul(value, &end, 10);
        fault->last = *end == '+' ? UINT32_MAX : fault->first;
    } else if (strcmp(key, "do") == 0) {
        char what[16] = "";
        snprintf(what, sizeof what, "%.*s", (int)strcspn(value, ":"), value);
        fault->what = (enum what)index_of(what, whats, WHATS);
        if (strchr(value, ':'))
            snprintf(fault->argument, sizeof fault->argument, "%s", strchr(value, ':') + 1);
    } else {
        refuse("unknown key '%s'", key);
    }
}

static void parse_faults(const char *text)
{
    char *copy = strdup(text), *rest = copy, *part;
    while (copy && (part = strsep(&rest, ";"))) {
        struct fault fault = {.call = -1, .first = 1, .last = UINT32_MAX, .what = WHATS};
        char *word;
        while ((word = strsep(&part, " "))) {
            char *equals = strchr(word, '=');
            if (equals) {
                *equals = '\0';
                parse_word(&fault, word, equals + 1);
            }
        }
        if (fault.what == WHATS || fault_count == FAULTS_MAX)
            refuse("a fault without do=, or more than %d faults", FAULTS_MAX);
        faults[fault_count++] = fault;
    }
    free(copy);
}

/* Notes the present time, unless there is one. */
static void note_time(int record)
{
    struct timespec now;
    uint64_t none = 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    atomic_compare_exchange_strong(&records[record].count, &none, ms);
}

static void share_records(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof own_records))
        refuse("cannot write '%s'", path);
    records = mmap(NULL, sizeof own_records, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (records == MAP_FAILED)
        refuse("cannot map '%s'", path);
    close(fd);
    for (int i = 0; i < CALLS; ++i)
        snprintf(records[i].name, sizeof records[i].name, "%s", call_names[i]);
    for (int i = 0; i < 2 * FAULTS_MAX; ++i)
        snprintf(records[CALLS + i].name, sizeof records[i].name, "%s %d",
                 i % 2 ? "struck" : "fits", i / 2);
    strcpy(records[STRUCK_AT].name, "ms of strike");
    strcpy(records[BEGAN_AGAIN].name, "ms of next process");
    if (records[STRUCK_AT].count)
        note_time(BEGAN_AGAIN);
}

static uint64_t count_up(int record)
{
    return atomic_fetch_add(&records[record].count, 1) + 1;
}

static bool on_kernel(const struct fault *fault, cl_kernel kernel)
{
    char name[64] = "";
    if (!*fault->kernel)
        return true;
    return kernel &&
           real.clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL) ==
               CL_SUCCESS &&
           strcmp(name, fault->kernel) == 0;
}

static void pause_forever(void)
{
    while (true)
        pause();
}

static void babble(void)
{
    static const char line[] = "the driver has a lot to say about nothing in particular\n";
    while (write(STDERR_FILENO, line, sizeof line - 1) >= 0)
        ;
    pause_forever();
}

/* What a fault does before or instead of the call. */
static void strike(const struct fault *fault)
{
    const long ms = strtol(fault->argument, NULL, 10);
    switch (fault->what) {
    case DELAY:
        nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
        break;
    case DEAF:
        signal(SIGTERM, SIG_IGN);
        pause_forever();
        break;
    case HANG:
        pause_forever();
        break;
    case CRASH:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case ABORT:
        abort();
    case EXIT:
        exit(0);
    case ORPHAN:
        if (fork() == 0)
            pause_forever();
        raise(SIGKILL);
        break;
    case PRINT:
        puts("driver says hello on stdout");
        fflush(stdout);
        fputs("driver says hello on stderr\n", stderr);
        break;
    case BABBLE:
        babble();
        break;
    default:
        break;
    }
}

/* Counts the call; returns the fault that changes it (error, nothing, corrupt, an answer), or NULL.
 * Faults that end or stop the process do so in here. */
static const struct fault *meet(enum call call, cl_kernel kernel, cl_uint param)
{
    const struct fault *found = NULL;
    count_up((int)call);
    for (int i = 0; i < fault_count; ++i) {
        const struct fault *fault = &faults[i];
        if ((fault->call >= 0 && fault->call != (int)call) ||
            (fault->has_param && fault->param != param) || !on_kernel(fault, kernel))
            continue;
        const uint64_t k = count_up(CALLS + 2 * i);
        if (k < fault->first || k > fault->last)
            continue;
        count_up(CALLS + 2 * i + 1);
        note_time(STRUCK_AT);
        strike(fault);
        found = fault;
    }
    return found;
}

/* True when the call is not to be made; its status then. */
static bool instead(const struct fault *fault, cl_int *status)
{
    if (!fault || fault->what > NOTHING)
        return false;
    *status = fault->what == ERROR ? (cl_int)strtol(fault->argument, NULL, 10) : CL_SUCCESS;
    return true;
}

/* ---- calls that fail, hang or crash, no more ---------------------------------------------------
 */

#define STATUS_CALL(name, parameters, arguments)                                                   \
    static cl_int CL_API_CALL fault_##name parameters                                              \
    {                                                                                              \
        cl_int status;                                                                             \
        if (instead(meet(CALL_##name, NULL, 0), &status))                                          \
            return status;                                                                         \
        return real.name arguments;                                                                \
    }
STATUS_CALLS(STATUS_CALL)

#define HANDLE_CALL(type, name, parameters, arguments)                                             \
    static type CL_API_CALL fault_##name parameters                                                \
    {                                                                                              \
        cl_int ours;                                                                               \
        if (!instead(meet(CALL_##name, NULL, 0), &ours))                                           \
            return real.name arguments;                                                            \
        if (status)                                                                                \
            *status = ours;                                                                        \
        return NULL;                                                                               \
    }
HANDLE_CALLS(HANDLE_CALL)

/* ---- queries -----------------------------------------------------------------------------------
 */

enum { TEXT_BYTES = 1 << 20 };

static void fill_text(const char *kind, char *out, size_t size)
{
    static const char *const words[][2] = {
        {"ansi", "\033[2J\033]0;owned\007\033[31m \b\r"},
        {"html", "</script><script>alert(1)</script>&<img src=x onerror=alert(2)>\"'=1+1|"},
        {"utf8", "\xff\xfe\xc0\xaf\xed\xa0\x80\xf5\xe2\x80\xae"},
        {"plain", "x"},
    };
    const char *word = "?";
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
        if (strcmp(kind, words[i][0]) == 0)
            word = words[i][1];
    const size_t length = strlen(word);
    for (size_t i = 0; i < size; ++i)
        out[i] = word[i % length];
    if (size && strcmp(kind, "plain") != 0)
        out[size - 1] = '\0';
}

/* A property's answer, if the fault gives one. */
static bool answer(const struct fault *fault, size_t size, void *value, size_t *size_ret,
                   cl_int *status)
{
    if (instead(fault, status))
        return true;
    if (!fault || (fault->what != VALUE && fault->what != TEXT))
        return false;
    *status = CL_SUCCESS;
    if (fault->what == VALUE) {
        const uint64_t number = strtoull(fault->argument, NULL, 0);
        for (size_t i = 0; value && i < size; i += sizeof number)
            memcpy((char *)value + i, &number, size - i < sizeof number ? size - i : sizeof number);
    } else {
        if (value)
            fill_text(fault->argument, value, size < TEXT_BYTES ? size : TEXT_BYTES);
        if (size_ret)
            *size_ret = strcmp(fault->argument, "huge") == 0 ? (size_t)1 << 62 : TEXT_BYTES;
    }
    return true;
}

static cl_int CL_API_CALL fault_clGetPlatformInfo(cl_platform_id platform, cl_platform_info param,
                                                  size_t size, void *value, size_t *size_ret)
{
    cl_int status;
    if (answer(meet(CALL_clGetPlatformInfo, NULL, param), size, value, size_ret, &status))
        return status;
    return real.clGetPlatformInfo(platform, param, size, value, size_ret);
}

static cl_int CL_API_CALL fault_clGetDeviceInfo(cl_device_id device, cl_device_info param,
                                                size_t size, void *value, size_t *size_ret)
{
    cl_int status;
    if (answer(meet(CALL_clGetDeviceInfo, NULL, param), size, value, size_ret, &status))
        return status;
    return real.clGetDeviceInfo(device, param, size, value, size_ret);
}

static cl_int CL_API_CALL fault_clGetProgramBuildInfo(cl_program program, cl_device_id device,
                                                      cl_program_build_info param, size_t size,
                                                      void *value, size_t *size_ret)
{
    cl_int status;
    if (answer(meet(CALL_clGetProgramBuildInfo, NULL, param), size, value, size_ret, &status))
        return status;
    return real.clGetProgramBuildInfo(program, device, param, size, value, size_ret);
}

/* ---- timers ------------------------------------------------------------------------------------
 */

enum { QUEUED, SUBMIT, START, END };

/* The four times of an event, honest, as they are to be told; `n` counts events. "clock" lies scale
 * the whole clock, "span" lies only the time from start to end. */
static void tell(const char *lie, uint64_t t[4], uint64_t n)
{
    const uint64_t span = t[END] - t[START], wait = t[START] - t[QUEUED];
    if (strcmp(lie, "zero") == 0) {
        memset(t, 0, 4 * sizeof *t);
    } else if (strcmp(lie, "equal") == 0) {
        t[QUEUED] = t[SUBMIT] = t[START] = t[END];
    } else if (strcmp(lie, "constant") == 0) { /* a plausible event, the same each time */
        const uint64_t same[4] = {1000000, 1001000, 1002000, 1102000};
        memcpy(t, same, sizeof same);
    } else if (strcmp(lie, "backwards") == 0) { /* end before start */
        t[END] = t[START] - span;
    } else if (strcmp(lie, "swapped") == 0) { /* queued after end */
        t[QUEUED] = t[END] + 1000;
    } else if (strcmp(lie, "early") == 0) { /* start before queued */
        t[START] = t[QUEUED] - 1000;
        t[END] = t[START] + span;
    } else if (strcmp(lie, "unsubmitted") == 0) {
        t[SUBMIT] = 0;
    } else if (strcmp(lie, "decreasing") == 0) { /* each event lies before the one before */
        t[QUEUED] = (UINT64_C(1) << 60) - n * 1000000000;
        t[SUBMIT] = t[START] = t[QUEUED] + wait;
        t[END] = t[START] + span;
    } else if (strcmp(lie, "span1000") == 0) {
        t[END] = t[START] + span / 1000;
    } else if (strcmp(lie, "span20") == 0) {
        t[END] = t[START] + span / 20;
    } else if (strcmp(lie, "long20") == 0) {
        t[END] = t[START] + span * 20;
    } else if (strcmp(lie, "eternal") == 0) {
        t[END] = t[START] + UINT64_C(7400000000000000000);
    } else if (strcmp(lie, "clock1000") == 0) { /* microseconds instead of nanoseconds */
        for (int i = 0; i < 4; ++i)
            t[i] /= 1000;
    } else if (strcmp(lie, "clock20") == 0) {
        for (int i = 0; i < 4; ++i)
            t[i] /= 20;
    } else if (strcmp(lie, "fast1000") == 0) { /* picoseconds */
        for (int i = 0; i < 4; ++i)
            t[i] *= 1000;
    } else if (strcmp(lie, "random") == 0) {
        for (int i = 0; i < 4; ++i)
            t[i] = (n * 4 + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    } else if (strcmp(lie, "overflow") == 0) { /* wraps around 2^64 between start and end */
        const uint64_t shift = UINT64_MAX - t[START] - span / 2;
        for (int i = 0; i < 4; ++i)
            t[i] += shift;
    } else if (strcmp(lie, "coarse") == 0) { /* a clock that ticks once in 10 ms */
        for (int i = 0; i < 4; ++i)
            t[i] -= t[i] % 10000000;
    } else if (strcmp(lie, "honest") != 0) {
        refuse("unknown lie '%s'", lie);
    }
}

static cl_int CL_API_CALL fault_clGetEventProfilingInfo(cl_event event, cl_profiling_info param,
                                                        size_t size, void *value, size_t *size_ret)
{
    static uint64_t events;
    const struct fault *fault = meet(CALL_clGetEventProfilingInfo, NULL, param);
    cl_int status = CL_SUCCESS;
    uint64_t times[4] = {0};
    if (answer(fault, size, value, size_ret, &status))
        return status;
    if (!fault || fault->what != TIME || !value || size < sizeof *times)
        return real.clGetEventProfilingInfo(event, param, size, value, size_ret);
    for (cl_uint i = 0; i < 4 && status == CL_SUCCESS; ++i)
        status = real.clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_QUEUED + i, sizeof *times,
                                              &times[i], NULL);
    tell(fault->argument, times, events);
    events += param == CL_PROFILING_COMMAND_END;
    memcpy(value, &times[param - CL_PROFILING_COMMAND_QUEUED], sizeof *times);
    return status;
}

/* ---- data --------------------------------------------------------------------------------------
 */

/* The bit below the exponent of a float: a quarter to a half of its value. */
static void flip(void *data, size_t bytes)
{
    if (bytes >= sizeof(uint32_t)) {
        uint32_t word;
        char *at = (char *)data + bytes / 2 / sizeof word * sizeof word;
        memcpy(&word, at, sizeof word);
        word ^= UINT32_C(1) << 22;
        memcpy(at, &word, sizeof word);
    }
}

static cl_int CL_API_CALL fault_clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer,
                                                    cl_bool blocking, size_t offset, size_t bytes,
                                                    void *data, cl_uint waits,
                                                    const cl_event *wait_list, cl_event *event)
{
    const struct fault *fault = meet(CALL_clEnqueueReadBuffer, NULL, 0);
    cl_int status;
    if (instead(fault, &status))
        return status;
    const bool corrupt = fault && fault->what == CORRUPT;
    status = real.clEnqueueReadBuffer(queue, buffer, corrupt ? CL_TRUE : blocking, offset, bytes,
                                      data, waits, wait_list, event);
    if (corrupt)
        flip(data, bytes);
    return status;
}

static cl_int CL_API_CALL fault_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer,
                                                     cl_bool blocking, size_t offset, size_t bytes,
                                                     const void *data, cl_uint waits,
                                                     const cl_event *wait_list, cl_event *event)
{
    const struct fault *fault = meet(CALL_clEnqueueWriteBuffer, NULL, 0);
    cl_int status;
    if (instead(fault, &status))
        return status;
    void *copy = fault && fault->what == CORRUPT ? malloc(bytes) : NULL;
    if (copy) {
        memcpy(copy, data, bytes);
        flip(copy, bytes);
    }
    status = real.clEnqueueWriteBuffer(queue, buffer, copy ? CL_TRUE : blocking, offset, bytes,
                                       copy ? copy : data, waits, wait_list, event);
    free(copy);
    return status;
}

/* The buffers that kernels were given last, by argument. */
enum { BINDINGS_MAX = 1024 };
static struct {
    cl_kernel kernel;
    cl_uint index;
    cl_mem buffer;
} bindings[BINDINGS_MAX];
static unsigned binding_count;

static cl_int CL_API_CALL fault_clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size,
                                               const void *value)
{
    cl_int status;
    if (instead(meet(CALL_clSetKernelArg, kernel, 0), &status))
        return status;
    if (size == sizeof(cl_mem) && value) {
        const unsigned at = binding_count++ % BINDINGS_MAX;
        bindings[at].kernel = kernel;
        bindings[at].index = index;
        memcpy(&bindings[at].buffer, value, sizeof(cl_mem));
    }
    return real.clSetKernelArg(kernel, index, size, value);
}

static void corrupt_argument(cl_command_queue queue, cl_kernel kernel, cl_uint index)
{
    for (unsigned i = binding_count; i-- > 0 && binding_count - i <= BINDINGS_MAX;) {
        const unsigned at = i % BINDINGS_MAX;
        if (bindings[at].kernel != kernel || bindings[at].index != index)
            continue;
        size_t bytes = 0;
        uint32_t word = 0;
        real.clGetMemObjectInfo(bindings[at].buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
        const size_t middle = bytes / 2 / sizeof word * sizeof word;
        real.clEnqueueReadBuffer(queue, bindings[at].buffer, CL_TRUE, middle, sizeof word, &word, 0,
                                 NULL, NULL);
        flip(&word, sizeof word);
        real.clEnqueueWriteBuffer(queue, bindings[at].buffer, CL_TRUE, middle, sizeof word, &word,
                                  0, NULL, NULL);
        return;
    }
    refuse("argument %u of a kernel was never set", index);
}

/* A launch that does nothing still has an event, that of a marker. */
static cl_int CL_API_CALL fault_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel,
                                                       cl_uint dimensions, const size_t *offset,
                                                       const size_t *global, const size_t *local,
                                                       cl_uint waits, const cl_event *wait_list,
                                                       cl_event *event)
{
    const struct fault *fault = meet(CALL_clEnqueueNDRangeKernel, kernel, 0);
    cl_int status;
    if (instead(fault, &status)) {
        if (fault->what == NOTHING && event)
            status = real.clEnqueueMarkerWithWaitList(queue, waits, wait_list, event);
        return status;
    }
    status = real.clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, waits,
                                         wait_list, event);
    if (fault && fault->what == CORRUPT && status == CL_SUCCESS) {
        real.clFinish(queue);
        corrupt_argument(queue, kernel, (cl_uint)strtoul(fault->argument, NULL, 10));
    }
    return status;
}

/* ---- the loader's side
 * --------------------------------------------------------------------------- */

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info param, size_t size, void *value,
                                               size_t *size_ret)
{
    static const char name[] = "attnbench fault layer";
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    const void *source = param == CL_LAYER_NAME ? (const void *)name : &version;
    const size_t bytes = param == CL_LAYER_NAME ? sizeof name : sizeof version;
    if (param != CL_LAYER_NAME && param != CL_LAYER_API_VERSION)
        return CL_INVALID_VALUE;
    if (size_ret)
        *size_ret = bytes;
    if (value && size < bytes)
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, source, bytes);
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target,
                                            cl_uint *entries_ret,
                                            const cl_icd_dispatch **dispatch_ret)
{
    const char *what = getenv("ATTNBENCH_FAULT"), *state = getenv("ATTNBENCH_FAULT_STATE");
    const cl_uint known = sizeof real / sizeof(void *);
    const size_t bytes = (entries < known ? entries : known) * sizeof(void *);
    memcpy(&real, target, bytes);
    memcpy(&layer, target, bytes);
#define INSTALL(name, ...)              layer.name = fault_##name;
#define INSTALL_HANDLE(type, name, ...) layer.name = fault_##name;
    STATUS_CALLS(INSTALL)
    HANDLE_CALLS(INSTALL_HANDLE) OTHER_CALLS(INSTALL) if (state && *state) share_records(state);
    if (what && *what)
        parse_faults(what);
    *entries_ret = (cl_uint)(bytes / sizeof(void *));
    *dispatch_ret = &layer;
    return CL_SUCCESS;
}
