#include "shape.h"

#include "context.h"

/* A CPU is fastest with one work-item and its own vectors, a GPU with whole work-groups. */
lmsi_shape lmsi_shape_for(const lms_context *ctx, uint32_t work_items)
{
    const lmsi_device *const d = &ctx->device;
    lmsi_shape shape = {LMSI_MAX_TEAM, 8, 32, 4 * d->units};
    if (work_items != 0) {
        shape.team = work_items;
    } else if (d->type & CL_DEVICE_TYPE_CPU) {
        shape.team = 1;
    }
    while (work_items == 0 && shape.team > d->max_work_items) shape.team /= 2;
    if (shape.team == 1 && d->native_floats >= 16) shape.lanes = 16;
    return shape;
}
