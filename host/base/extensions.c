/* extensions.c - the list of a device's extensions. */
#include "base/extensions.h"

#include <stdlib.h>
#include <string.h>

int lmsi_has_extension(cl_device_id device, const char *name)
{
    size_t bytes = 0;
    int found = 0;
    if (clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, NULL, &bytes) != CL_SUCCESS) return 0;
    char *const list = calloc(bytes + 1, 1);
    if (list == NULL) return 0;
    if (clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, bytes, list, NULL) == CL_SUCCESS) {
        const char *at = list;
        while (!found && *at != '\0') {
            const size_t length = strcspn(at, " ");
            found = length == strlen(name) && memcmp(at, name, length) == 0;
            at += length + (at[length] == ' ');
        }
    }
    free(list);
    return found;
}
