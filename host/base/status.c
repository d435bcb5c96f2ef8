/* status.c - the calling thread's message and build log. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[LMSI_MESSAGE_BYTES];

static _Thread_local struct {
    uint64_t context; /* its serial */
    char text[16384];
} last_log;

void lmsi_log_keep(uint64_t context, const char *log)
{
    last_log.context = context;
    snprintf(last_log.text, sizeof last_log.text, "%s", log);
}

const char *lmsi_log_of(uint64_t context)
{
    return last_log.context == context ? last_log.text : "";
}

lms_status lmsi_fail(lms_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return status;
}

lms_status lmsi_cl_fail(cl_int code, const char *call)
{
    return lmsi_fail(code, "%s (%d) from %.300s", lms_status_text(code), (int)code, call);
}

const char *lms_error_message(void) { return message; }

uint32_t lms_version(void) { return LMS_VERSION; }

uint32_t lms_specification(void) { return LMS_SPECIFICATION; }

const char *lms_status_text(lms_status status)
{
    switch (status) {
#define LMSI_CASE(name, value, text)                                                           \
    case name: return text;
        LMS_STATUS_MAP(LMSI_CASE)
#undef LMSI_CASE
    case CL_DEVICE_NOT_FOUND: return "OpenCL: device not found";
    case CL_DEVICE_NOT_AVAILABLE: return "OpenCL: device not available";
    case CL_COMPILER_NOT_AVAILABLE: return "OpenCL: no compiler";
    case CL_MEM_OBJECT_ALLOCATION_FAILURE: return "OpenCL: buffer allocation failed";
    case CL_OUT_OF_RESOURCES: return "OpenCL: out of resources";
    case CL_OUT_OF_HOST_MEMORY: return "OpenCL: out of host memory";
    case CL_BUILD_PROGRAM_FAILURE: return "OpenCL: program build failed";
    case CL_INVALID_VALUE: return "OpenCL: invalid value";
    case CL_INVALID_DEVICE: return "OpenCL: invalid device";
    case CL_INVALID_CONTEXT: return "OpenCL: invalid context";
    case CL_INVALID_COMMAND_QUEUE: return "OpenCL: invalid command queue";
    case CL_INVALID_MEM_OBJECT: return "OpenCL: invalid memory object";
    case CL_INVALID_BUFFER_SIZE: return "OpenCL: invalid buffer size";
    case CL_INVALID_EVENT_WAIT_LIST: return "OpenCL: invalid event wait list";
    case CL_INVALID_EVENT: return "OpenCL: invalid event";
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
        return "OpenCL: an event of the wait list failed";
    case CL_MISALIGNED_SUB_BUFFER_OFFSET: return "OpenCL: misaligned sub-buffer";
    case CL_INVALID_WORK_GROUP_SIZE: return "OpenCL: invalid work-group size";
    default: return status < 0 ? "OpenCL: error" : "unknown status";
    }
}
