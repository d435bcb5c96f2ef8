/* choice.h - which shape a device gets, for the type of its logits.
 *
 * Who says it, the first one that does: lms_sampler_desc.work_items (the team); LMS_SHAPE in
 * the environment (any of the fields); the user's tuning file (tuning.h); the table of known
 * devices (tuning_table.c); the device's facts. */
#ifndef LMSI_CHOICE_H
#define LMSI_CHOICE_H

#include "op/shape.h"

/* Shorter rows, of at most this many logits, are always fused, unless LMS_SHAPE has a
 * fuse_from: a work-item has read one before another one has woken up to help. What was
 * measured for fuse_from was measured with longer ones. */
#define LMSI_SHORT_ROW 65536u

/* The shape for a context's device and rows of `vocab` logits of a type; `work_items` > 0 asks
 * for that team. *origin (may be NULL) is who says it, as text. */
lms_status lmsi_shape_for(const lms_context *ctx, lms_dtype logits, uint32_t vocab,
                          uint32_t work_items, lmsi_shape *out, const char **origin);

#endif
