/* tuning.h - shapes that were measured: by the user, in a file of his cache folder, and for
 * known devices, in the library.
 *
 * A tuning file is a few lines of text: what it was measured with (library, platform, device,
 * compute units, driver), the two shapes, a checksum. It counts only if every byte is as the
 * library would write it for this device now, so a new driver or a new library makes it void,
 * as damage does. `lmsample tune` writes it. */
#ifndef LMSI_TUNING_H
#define LMSI_TUNING_H

#include "base/context.h"
#include "op/shape.h"

#define LMSI_TUNING_BYTES 1536u /* more than a file can have */
#define LMSI_TUNING_PATH 4096u

typedef struct lmsi_tuning {
    lmsi_shape float32; /* for logits of this type, ...  */
    lmsi_shape bits16;  /* ... and of float16 or bfloat16 */
} lmsi_tuning;

/* The file for the context's device, which need not be there. Returns 0 if there is no folder
 * for it, or if its name is too long. */
int lmsi_tuning_path(const lms_context *ctx, char path[LMSI_TUNING_PATH]);

/* What the file has to hold. */
void lmsi_tuning_print(const lms_context *ctx, const lmsi_tuning *tuning,
                       char text[LMSI_TUNING_BYTES]);

/* Returns 0 if there is no such file, or if it is not as it would be written. Allocates
 * nothing: what cannot be read is never an error. */
int lmsi_tuning_load(const lms_context *ctx, lmsi_tuning *out);

/* From the table of known devices; 0 if this one is not in it. */
int lmsi_tuning_known(const lmsi_device *device, lmsi_tuning *out);

#endif
