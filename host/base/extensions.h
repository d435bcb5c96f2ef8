/* extensions.h - does a device have an extension? */
#ifndef LMSI_EXTENSIONS_H
#define LMSI_EXTENSIONS_H

#include "lms_opencl.h"

int lmsi_has_extension(cl_device_id device, const char *name);

#endif
