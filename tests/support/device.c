#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void device_require(int32_t code, const char *what)
{
    if (code == 0) return;
    fprintf(stderr, "%s: %s (%d); %s\n", what, lms_status_text(code), (int)code,
            lms_error_message());
    exit(EXIT_FAILURE);
}

/* Tests of without_avx512.cmake say nothing new where the runtime has not been told so. */
static void skip_if_not_without_avx512(const lms_context *ctx)
{
    char name[256] = "";
    if (getenv("LMS_TEST_WITHOUT_AVX512") == NULL) return;
    clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_NAME, sizeof name - 1, name, NULL);
    if (strstr(name, "avx512") == NULL) return;
    printf("skipped: still %s\n", name);
    exit(DEVICE_SKIPPED);
}

lms_context *device_open(void)
{
    lms_context *ctx = NULL;
    device_require(lms_context_open(getenv("LMS_TEST_DEVICE"), &ctx), "lms_context_open");
    skip_if_not_without_avx512(ctx);
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
