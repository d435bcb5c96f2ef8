/* device.c - what a device can do, and which one a caller means. */
#include "base/context.h"
#include "base/process.h"
#include "base/runtime.h"
#include "base/status.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LMSI_NO_PLATFORM (-1001) /* CL_PLATFORM_NOT_FOUND_KHR of cl_ext.h */

/* A text of a device, or of a platform where there is no device. */
static cl_int get_info(cl_platform_id platform, cl_device_id device, cl_uint what, size_t size,
                       char *text, size_t *needed)
{
    return device != NULL ? clGetDeviceInfo(device, what, size, text, needed)
                          : clGetPlatformInfo(platform, what, size, text, needed);
}

/* By way of memory of the text's own size: a longer one would be an error. */
static lms_status query_text(cl_platform_id platform, cl_device_id device, cl_uint what,
                             char *text, size_t size)
{
    lms_status status = LMS_OK;
    size_t needed = 0;
    char *all = NULL;
    const char *const call = device != NULL ? "clGetDeviceInfo" : "clGetPlatformInfo";
    LMSI_CL_NAMED(get_info(platform, device, what, 0, NULL, &needed), call);
    all = malloc(needed + 1);
    LMSI_FAIL_IF(all == NULL, LMS_E_MEMORY, "out of memory for %zu bytes of a name", needed);
    LMSI_CL_NAMED(get_info(platform, device, what, needed, all, NULL), call);
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
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof out->native_floats,
                            &out->native_floats, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof out->max_work_items,
                            &out->max_work_items, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof out->local_bytes,
                            &out->local_bytes, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof out->memory_bytes,
                            &out->memory_bytes, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof out->max_alloc_bytes,
                            &out->max_alloc_bytes, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof out->unified,
                            &out->unified, NULL));
    LMSI_CL(clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    LMSI_TRY(query_text(platform, NULL, CL_PLATFORM_NAME, out->platform, sizeof out->platform));
    LMSI_TRY(query_text(NULL, id, CL_DEVICE_NAME, out->name, sizeof out->name));
    LMSI_TRY(query_text(NULL, id, CL_DRIVER_VERSION, out->driver, sizeof out->driver));
    LMSI_TRY(query_text(NULL, id, CL_DEVICE_VERSION, out->version, sizeof out->version));
fail:
    return status;
}

int lmsi_device_is_of(cl_device_id device, cl_device_id whole)
{
    for (int depth = 0; depth < 16; ++depth) { /* nobody's are deeper */
        cl_device_id parent = NULL;
        if (device == whole) return 1;
        if (clGetDeviceInfo(device, CL_DEVICE_PARENT_DEVICE, sizeof parent, &parent, NULL) ||
            parent == NULL) {
            return 0;
        }
        device = parent;
    }
    return 0;
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

/* "OpenCL <major>.<minor> ...", 1.2 or later. */
static int is_new_enough(const char *version)
{
    static const char begin[] = "OpenCL ";
    char *end = NULL;
    if (strncmp(version, begin, sizeof begin - 1) != 0) return 0;
    const unsigned long major = strtoul(version + sizeof begin - 1, &end, 10);
    const unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return major > 1 || (major == 1 && minor >= 2);
}

/* Why the library cannot use a device, or nothing. */
static void find_problem(cl_device_id id, const lmsi_device *device, lms_device *out)
{
    cl_bool available = CL_FALSE, compiler = CL_FALSE, little = CL_FALSE;
    clGetDeviceInfo(id, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    clGetDeviceInfo(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    clGetDeviceInfo(id, CL_DEVICE_ENDIAN_LITTLE, sizeof little, &little, NULL);
    if (!available) {
        snprintf(out->problem, sizeof out->problem, "is not available");
    } else if (!compiler) {
        snprintf(out->problem, sizeof out->problem, "has no compiler for OpenCL C");
    } else if (!little) {
        snprintf(out->problem, sizeof out->problem, "is not little-endian");
    } else if (!is_new_enough(device->version)) {
        snprintf(out->problem, sizeof out->problem, "has \"%.40s\", needs OpenCL 1.2",
                 device->version);
    }
}

/* A device that does not answer is in the list too, with that as its problem. */
static lms_status describe(cl_device_id id, lms_device *out)
{
    lmsi_device device;
    char message[LMSI_MESSAGE_BYTES];
    memset(out, 0, sizeof *out);
    out->id = id;
    snprintf(message, sizeof message, "%s", lms_error_message());
    const lms_status status = lmsi_device_query(id, &device);
    if (status == LMS_E_MEMORY) return status;
    out->type = device.type;
    out->memory_bytes = device.memory_bytes;
    out->max_alloc_bytes = device.max_alloc_bytes;
    out->compute_units = device.units;
    out->unified = device.unified != CL_FALSE;
    memcpy(out->platform, device.platform, sizeof out->platform);
    memcpy(out->name, device.name, sizeof out->name);
    memcpy(out->driver, device.driver, sizeof out->driver);
    memcpy(out->version, device.version, sizeof out->version);
    if (status != LMS_OK) {
        snprintf(out->problem, sizeof out->problem, "does not answer: %.100s",
                 lms_error_message());
        /* The thread's message is of calls that failed; this one has not. */
        (void)lmsi_fail(status, "%s", message);
    } else {
        find_problem(id, &device, out);
    }
    return LMS_OK;
}

typedef struct device_list {
    lms_device *devices;
    uint32_t count;
    uint32_t platforms;
    char causes[640]; /* what platforms without devices answered */
} device_list;

/* A platform without devices is no error; what it says may be why there is no device at all. */
static void note_cause(device_list *list, cl_platform_id platform, cl_int code)
{
    char name[128] = "a platform", hint[LMSI_HINT_BYTES] = "";
    const size_t used = strlen(list->causes);
    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL)) {
        snprintf(name, sizeof name, "a platform without a name");
    }
    if (lmsi_is_pocl(name)) lmsi_pocl_hint(0, hint);
    snprintf(list->causes + used, sizeof list->causes - used, "; %s has none: %s (%d)%s", name,
             lms_status_text(code), (int)code, hint);
}

static lms_status list_platform(cl_platform_id platform, device_list *list)
{
    lms_status status = LMS_OK;
    cl_device_id *ids = NULL;
    lms_device *devices = NULL;
    cl_uint count = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
    if (code != CL_SUCCESS || count == 0) goto none;
    ids = calloc(count, sizeof *ids);
    LMSI_FAIL_IF(ids == NULL, LMS_E_MEMORY, "out of memory for a list of devices");
    code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids, NULL);
    if (code != CL_SUCCESS) goto none;
    devices = realloc(list->devices, (list->count + count) * sizeof *devices);
    LMSI_FAIL_IF(devices == NULL, LMS_E_MEMORY, "out of memory for a list of devices");
    list->devices = devices;
    for (cl_uint i = 0; i < count; ++i) LMSI_TRY(describe(ids[i], &devices[list->count++]));
fail:
    free(ids);
    return status;

none:
    note_cause(list, platform, code);
    free(ids);
    return LMS_OK;
}

/* The caller frees list->devices, on failure too. */
static lms_status list_devices(device_list *list)
{
    lms_status status = LMS_OK;
    cl_platform_id *platforms = NULL;
    cl_uint count = 0;
    const cl_int code = clGetPlatformIDs(0, NULL, &count);
    /* The ICD loader's way to say that there is none. */
    if (code == LMSI_NO_PLATFORM || (code == CL_SUCCESS && count == 0)) return LMS_OK;
    LMSI_CL_NAMED(code, "clGetPlatformIDs");
    platforms = calloc(count, sizeof *platforms);
    LMSI_FAIL_IF(platforms == NULL, LMS_E_MEMORY, "out of memory for a list of platforms");
    LMSI_CL(clGetPlatformIDs(count, platforms, NULL));
    list->platforms = count;
    for (cl_uint i = 0; i < count; ++i) LMSI_TRY(list_platform(platforms[i], list));
fail:
    free(platforms);
    return status;
}

/* How much a device is wanted; 0 = not at all. Without a name: GPU, accelerator, CPU. */
static int rank_of(const lms_device *device, const char *wanted)
{
    char full[260];
    if (wanted != NULL && *wanted != '\0') {
        snprintf(full, sizeof full, "%s: %s", device->platform, device->name);
        return contains_ignoring_case(full, wanted);
    }
    if (device->type & CL_DEVICE_TYPE_GPU) return 3;
    return device->type & CL_DEVICE_TYPE_ACCELERATOR ? 2 : 1;
}

/* The first of the most wanted ones, or NULL. */
static lms_device *best_of(const device_list *list, const char *wanted, int with_problem)
{
    lms_device *best = NULL;
    for (uint32_t i = 0, rank = 0; i < list->count; ++i) {
        lms_device *const device = &list->devices[i];
        const uint32_t r = (uint32_t)rank_of(device, wanted);
        if (r > rank && (device->problem[0] != '\0') == (with_problem != 0)) {
            rank = r;
            best = device;
        }
    }
    return best;
}

static lms_status no_device_fail(const device_list *list, const char *wanted)
{
    const lms_device *const best = best_of(list, wanted, 1);
    const char *const vendors = getenv("OCL_ICD_VENDORS");
    const char *const many = list->platforms == 1 ? "" : "s";
    if (list->platforms == 0) {
        return lmsi_fail(LMS_E_NO_DEVICE,
                         "there is no OpenCL platform%s%.300s%s: install a runtime, the driver "
                         "of a GPU or pocl for a CPU (Debian, Ubuntu: pocl-opencl-icd); what "
                         "the loader finds, clinfo lists",
                         vendors == NULL ? "" : " in ", vendors == NULL ? "" : vendors,
                         vendors == NULL ? "" : ", where OCL_ICD_VENDORS says");
    }
    if (best != NULL) {
        return lmsi_fail(LMS_E_NO_DEVICE, "device \"%s\" of %u OpenCL platform%s %s%s",
                         best->name, (unsigned)list->platforms, many, best->problem,
                         list->causes);
    }
    if (wanted != NULL && *wanted != '\0') {
        return lmsi_fail(LMS_E_NO_DEVICE,
                         "no device among %u OpenCL platform%s is named \"%.200s\"%s",
                         (unsigned)list->platforms, many, wanted, list->causes);
    }
    return lmsi_fail(LMS_E_NO_DEVICE, "there is no OpenCL device on %u platform%s%s",
                     (unsigned)list->platforms, many, list->causes);
}

lms_status lms_devices(lms_device *devices, uint32_t capacity, uint32_t *count)
{
    lms_status status = LMS_OK;
    device_list list = {NULL, 0, 0, ""};
    LMSI_FAIL_IF(count == NULL, LMS_E_ARGUMENT, "count: is NULL");
    *count = 0;
    LMSI_FAIL_IF(devices == NULL && capacity != 0, LMS_E_ARGUMENT,
                 "devices: is NULL, and capacity (%u) is not 0", (unsigned)capacity);
    LMSI_TRY(lmsi_runtime_enter());
    status = list_devices(&list);
    lmsi_runtime_leave();
    if (status != LMS_OK) goto fail;
    lms_device *const chosen = best_of(&list, NULL, 0);
    if (chosen != NULL) chosen->chosen = 1;
    for (uint32_t i = 0; i < list.count && i < capacity; ++i) devices[i] = list.devices[i];
    *count = list.count;
    if (list.count == 0) (void)no_device_fail(&list, NULL);
fail:
    free(list.devices);
    return status;
}

lms_status lmsi_device_pick(const char *wanted, cl_device_id *out)
{
    lms_status status = LMS_OK;
    device_list list = {NULL, 0, 0, ""};
    *out = NULL;
    LMSI_TRY(list_devices(&list));
    const lms_device *const best = best_of(&list, wanted, 0);
    if (best != NULL) {
        *out = best->id;
        goto fail;
    }
    status = no_device_fail(&list, wanted);
fail:
    free(list.devices);
    return status;
}
