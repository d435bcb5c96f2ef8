#include "device.h"

#include <stdio.h>
#include <stdlib.h>

void device_require(int32_t code, const char *what)
{
    if (code == 0) return;
    fprintf(stderr, "%s: %s (%d); %s\n", what, lms_status_text(code), (int)code,
            lms_error_message());
    exit(EXIT_FAILURE);
}

lms_context *device_open(void)
{
    lms_context *ctx = NULL;
    device_require(lms_context_open(getenv("LMS_TEST_DEVICE"), &ctx), "lms_context_open");
    return ctx;
}

size_t device_work_items(const lms_context *ctx)
{
    size_t most = 0;
    device_require(clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_MAX_WORK_GROUP_SIZE,
                                   sizeof most, &most, NULL),
                   "CL_DEVICE_MAX_WORK_GROUP_SIZE");
    return most;
}
