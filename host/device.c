/* device.c - what a device can do, and which one a caller means. */
#include "context.h"
#include "status.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LMSI_NO_PLATFORM (-1001) /* CL_PLATFORM_NOT_FOUND_KHR of cl_ext.h */

static lms_status query_text(cl_device_id id, cl_device_info what, char *text, size_t size)
{
    lms_status status = LMS_OK;
    size_t needed = 0;
    char *all = NULL;
    LMSI_CL(clGetDeviceInfo(id, what, 0, NULL, &needed));
    all = malloc(needed + 1);
    LMSI_FAIL_IF(all == NULL, LMS_E_MEMORY, "out of memory for %zu bytes of device text",
                 needed);
    LMSI_CL(clGetDeviceInfo(id, what, needed, all, NULL));
    all[needed] = '\0';
    snprintf(text, size, "%s", all);
fail:
    free(all);
    return status;
}

/* By way of memory of the name's own size: a longer one would be an error. */
static lms_status query_platform(cl_platform_id id, char *text, size_t size)
{
    lms_status status = LMS_OK;
    size_t needed = 0;
    char *all = NULL;
    LMSI_CL(clGetPlatformInfo(id, CL_PLATFORM_NAME, 0, NULL, &needed));
    all = malloc(needed + 1);
    LMSI_FAIL_IF(all == NULL, LMS_E_MEMORY, "out of memory for %zu bytes of platform name",
                 needed);
    LMSI_CL(clGetPlatformInfo(id, CL_PLATFORM_NAME, needed, all, NULL));
    all[needed] = '\0';
    snprintf(text, size, "%s", all);
fail:
    free(all);
    return status;
}

lms_status lmsi_device_query(cl_device_id id, lmsi_device *out)
{
    lms_status status = LMS_OK;
    cl_platform_id platform = NULL;
    memset(out, 0, sizeof *out);
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof out->type, &out->type, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_VENDOR_ID, sizeof out->vendor, &out->vendor, NULL));
    LMSI_CL(
        clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof out->units, &out->units, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof out->max_work_items,
                            &out->max_work_items, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof out->local_bytes,
                            &out->local_bytes, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof out->max_alloc_bytes,
                            &out->max_alloc_bytes, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof out->unified,
                            &out->unified, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    LMSI_TRY(query_platform(platform, out->platform, sizeof out->platform));
    LMSI_TRY(query_text(id, CL_DEVICE_NAME, out->name, sizeof out->name));
    LMSI_TRY(query_text(id, CL_DRIVER_VERSION, out->driver, sizeof out->driver));
    LMSI_TRY(query_text(id, CL_DEVICE_VERSION, out->version, sizeof out->version));
fail:
    return status;
}

static int contains_ignoring_case(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; *text; ++text) {
        size_t i = 0;
        while (i < length &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) {
            ++i;
        }
        if (i == length) return 1;
    }
    return length == 0;
}

/* How much a device is wanted; 0 = not at all. Without a name: GPU, accelerator, CPU. */
static int rank_of(const lmsi_device *device, const char *wanted)
{
    char full[260];
    if (wanted != NULL && *wanted != '\0') {
        snprintf(full, sizeof full, "%s: %s", device->platform, device->name);
        return contains_ignoring_case(full, wanted);
    }
    if (device->type & CL_DEVICE_TYPE_GPU) return 3;
    return device->type & CL_DEVICE_TYPE_ACCELERATOR ? 2 : 1;
}

/* Best device of one platform. A platform without devices is no error, nor is a device that
 * does not answer: others may. */
static lms_status pick_from(cl_platform_id platform, const char *wanted, cl_device_id *best,
                            int *rank)
{
    cl_device_id ids[64];
    cl_uint count = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 64, ids, &count) != CL_SUCCESS) {
        return LMS_OK;
    }
    for (cl_uint i = 0; i < count && i < 64; ++i) {
        lmsi_device device;
        cl_bool available = CL_FALSE;
        clGetDeviceInfo(ids[i], CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
        if (!available) continue;
        const lms_status status = lmsi_device_query(ids[i], &device);
        if (status == LMS_E_MEMORY) return status;
        if (status != LMS_OK) continue;
        const int r = rank_of(&device, wanted);
        if (r > *rank) {
            *rank = r;
            *best = ids[i];
        }
    }
    return LMS_OK;
}

lms_status lmsi_device_pick(const char *wanted, cl_device_id *out)
{
    cl_platform_id platforms[64];
    cl_uint count = 0;
    int rank = 0;
    *out = NULL;
    const cl_int code = clGetPlatformIDs(64, platforms, &count);
    /* The ICD loader's way to say that there is none. */
    if (code == LMSI_NO_PLATFORM)
        count = 0;
    else if (code != CL_SUCCESS)
        return lmsi_cl_fail(code, "clGetPlatformIDs");
    for (cl_uint i = 0; i < count && i < 64; ++i) {
        const lms_status status = pick_from(platforms[i], wanted, out, &rank);
        if (status != LMS_OK) return status;
    }
    if (*out != NULL) return LMS_OK;
    if (wanted != NULL && *wanted != '\0') {
        return lmsi_fail(LMS_E_NO_DEVICE, "no device among %u OpenCL platforms is named \"%s\"",
                         (unsigned)count, wanted);
    }
    return lmsi_fail(LMS_E_NO_DEVICE, "no device on %u OpenCL platforms", (unsigned)count);
}
