/* status.h - how a function fails: a status, and a message that names argument, value and
 * rule. */
#ifndef LMSI_STATUS_H
#define LMSI_STATUS_H

#include "lmsample.h"

#if defined(__GNUC__)
#define LMSI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define LMSI_PRINTF(text, first)
#endif

/* A message has at most that, with its end. */
#define LMSI_MESSAGE_BYTES 1024

/* Stores the calling thread's message and returns `status`. */
lms_status lmsi_fail(lms_status status, const char *format, ...) LMSI_PRINTF(2, 3);

/* Keeps the calling thread's last build log, with whose it is; "": there is none. */
void lmsi_log_keep(uint64_t context, const char *log);
const char *lmsi_log_of(uint64_t context);

/* Stores what an OpenCL call has returned, and returns that. */
lms_status lmsi_cl_fail(cl_int code, const char *call);

/* How to leave for the label `fail` of a function that has a variable `status`, with what is to
 * be returned in it. Behind the label the function gives back what it has taken. */
#define LMSI_TRY(call)                                                                         \
    do {                                                                                       \
        status = (call);                                                                       \
        if (status != LMS_OK) goto fail;                                                       \
    } while (0)
#define LMSI_FAIL_IF(condition, code, ...)                                                     \
    do {                                                                                       \
        if (condition) {                                                                       \
            status = lmsi_fail((code), __VA_ARGS__);                                           \
            goto fail;                                                                         \
        }                                                                                      \
    } while (0)
#define LMSI_CL(call) LMSI_CL_NAMED(call, #call)
/* For a code that came through a pointer or through a helper. */
#define LMSI_CL_NAMED(code, name)                                                              \
    do {                                                                                       \
        const cl_int lmsi_code = (code);                                                       \
        if (lmsi_code != CL_SUCCESS) {                                                         \
            status = lmsi_cl_fail(lmsi_code, name);                                            \
            goto fail;                                                                         \
        }                                                                                      \
    } while (0)

#endif
