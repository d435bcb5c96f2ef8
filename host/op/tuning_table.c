/* tuning_table.c - the shapes of known devices: only what `lmsample tune` has measured. No GPU
 * has been measured yet. */
#include "op/tuning.h"

#include <string.h>

typedef struct lmsi_known {
    const char *platform; /* part of the platform's name */
    const char *device;   /* part of the device's name   */
    cl_device_type type;
    cl_uint vendor;     /* 0: any */
    lmsi_tuning tuning; /* fuse_from: for each compute unit */
} lmsi_known;

/* clang-format off: laid out by hand */
static const lmsi_known known[] = {
    /* platform, device, type, vendor, {float32, 16-bit}: {team, lanes, chunk, fuse_from} */
    /* pocl 3.1, two cores of a Xeon (Sapphire Rapids) */
    {"Portable Computing Language",
     "skylake-avx512",
     CL_DEVICE_TYPE_CPU,
     0x8086,
     {{1, 16, 32, 4}, {1, 16, 32, 4}}},
};
/* clang-format on */

static uint32_t times(uint32_t rows, uint32_t units)
{
    const uint64_t all = (uint64_t)rows * units;
    return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

int lmsi_tuning_known(const lmsi_device *device, lmsi_tuning *out)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i) {
        const lmsi_known *const k = &known[i];
        if (strstr(device->platform, k->platform) == NULL ||
            strstr(device->name, k->device) == NULL || !(device->type & k->type) ||
            (k->vendor != 0 && device->vendor != k->vendor)) {
            continue;
        }
        *out = k->tuning;
        out->float32.fuse_from = times(out->float32.fuse_from, device->units);
        out->bits16.fuse_from = times(out->bits16.fuse_from, device->units);
        return 1;
    }
    return 0;
}
