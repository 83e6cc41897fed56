#include "device/opencl.h"

const char *opencl_error_name(cl_int code)
{
#define NAME(symbol)                                                                               \
    case symbol:                                                                                   \
        return #symbol;
    switch (code) {
        NAME(CL_DEVICE_NOT_FOUND)
        NAME(CL_DEVICE_NOT_AVAILABLE)
        NAME(CL_COMPILER_NOT_AVAILABLE)
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE)
        NAME(CL_OUT_OF_RESOURCES)
        NAME(CL_OUT_OF_HOST_MEMORY)
        NAME(CL_PROFILING_INFO_NOT_AVAILABLE)
        NAME(CL_BUILD_PROGRAM_FAILURE)
        NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET)
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
        NAME(CL_COMPILE_PROGRAM_FAILURE)
        NAME(CL_LINK_PROGRAM_FAILURE)
        NAME(CL_INVALID_VALUE)
        NAME(CL_INVALID_PLATFORM)
        NAME(CL_INVALID_DEVICE)
        NAME(CL_INVALID_CONTEXT)
        NAME(CL_INVALID_QUEUE_PROPERTIES)
        NAME(CL_INVALID_COMMAND_QUEUE)
        NAME(CL_INVALID_MEM_OBJECT)
        NAME(CL_INVALID_BINARY)
        NAME(CL_INVALID_BUILD_OPTIONS)
        NAME(CL_INVALID_PROGRAM)
        NAME(CL_INVALID_PROGRAM_EXECUTABLE)
        NAME(CL_INVALID_KERNEL_NAME)
        NAME(CL_INVALID_KERNEL)
        NAME(CL_INVALID_ARG_INDEX)
        NAME(CL_INVALID_ARG_VALUE)
        NAME(CL_INVALID_ARG_SIZE)
        NAME(CL_INVALID_KERNEL_ARGS)
        NAME(CL_INVALID_WORK_DIMENSION)
        NAME(CL_INVALID_WORK_GROUP_SIZE)
        NAME(CL_INVALID_WORK_ITEM_SIZE)
        NAME(CL_INVALID_GLOBAL_WORK_SIZE)
        NAME(CL_INVALID_EVENT)
        NAME(CL_INVALID_OPERATION)
        NAME(CL_INVALID_BUFFER_SIZE)
    default:
        return "an unknown OpenCL error";
    }
#undef NAME
}

int opencl_failed(struct failure *failure, cl_int code, const char *call)
{
    const bool oom = code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY ||
                     code == CL_MEM_OBJECT_ALLOCATION_FAILURE;
    failure_set(failure,
                oom                                ? FAILURE_OOM
                : code == CL_BUILD_PROGRAM_FAILURE ? FAILURE_BUILD
                                                   : FAILURE_ERROR,
                "%s returned %s (%d)", call, opencl_error_name(code), (int)code);
    /* After these any further call on the context may hang or crash. */
    failure->fatal = code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY ||
                     code == CL_DEVICE_NOT_AVAILABLE || code == CL_INVALID_COMMAND_QUEUE ||
                     code == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    return -1;
}
