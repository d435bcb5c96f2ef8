/* choice.c - which shape a device gets. */
#include "op/choice.h"

#include "base/status.h"
#include "op/tuning.h"

#include <stdlib.h>
#include <string.h>

/* A CPU is fastest with one work-item and its own vectors, a GPU with whole work-groups. */
static lmsi_shape shape_of_facts(const lmsi_device *d, uint32_t team)
{
    lmsi_shape shape = {LMSI_MAX_TEAM, 8, 32, 4 * d->units};
    if (team != 0) {
        shape.team = team;
    } else if (d->type & CL_DEVICE_TYPE_CPU) {
        shape.team = 1;
    }
    while (team == 0 && shape.team > d->max_work_items) shape.team /= 2;
    if (shape.team >= LMSI_LARGE_TEAM) shape.chunk = 128; /* at most */
    if (shape.team == 1 && d->native_floats >= 16) shape.lanes = 16;
    return shape;
}

/* What was measured holds for the team it was measured with. */
static int takes(const lms_context *ctx, const lmsi_tuning *tuning, lms_dtype logits,
                 uint32_t team, lmsi_shape *out)
{
    *out = logits == LMS_FLOAT32 ? tuning->float32 : tuning->bits16;
    return (team == 0 || team == out->team) && lmsi_shape_fits(ctx, out);
}

static const char *choose(const lms_context *ctx, lms_dtype logits, uint32_t team,
                          lmsi_shape *out)
{
    lmsi_tuning tuning;
    if (lmsi_tuning_load(ctx, &tuning) && takes(ctx, &tuning, logits, team, out)) {
        return "tuning file";
    }
    if (lmsi_tuning_known(&ctx->device, &tuning) && takes(ctx, &tuning, logits, team, out)) {
        return "table of known devices";
    }
    *out = shape_of_facts(&ctx->device, team);
    return "facts of the device";
}

static lms_status read_environment(const lms_context *ctx, lmsi_shape *asked)
{
    lms_status status = LMS_OK;
    char problem[160];
    const char *const text = getenv("LMS_SHAPE");
    memset(asked, 0, sizeof *asked);
    if (text == NULL || *text == '\0') return LMS_OK;
    LMSI_FAIL_IF(!lmsi_shape_read(text, asked, problem, sizeof problem), LMS_E_ARGUMENT,
                 "LMS_SHAPE: is \"%.100s\": %s", text, problem);
    LMSI_FAIL_IF(asked->team > ctx->device.max_work_items, LMS_E_ARGUMENT,
                 "LMS_SHAPE: is \"%.100s\": team must be at most %zu on %s", text,
                 ctx->device.max_work_items, ctx->device.name);
fail:
    return status;
}

lms_status lmsi_shape_for(const lms_context *ctx, lms_dtype logits, uint32_t vocab,
                          uint32_t work_items, lmsi_shape *out, const char **origin)
{
    lms_status status = LMS_OK;
    lmsi_shape asked;
    LMSI_TRY(read_environment(ctx, &asked));
    if (work_items != 0) asked.team = work_items;
    const char *const chosen = choose(ctx, logits, asked.team, out);
    if (vocab <= LMSI_SHORT_ROW) out->fuse_from = 1;
    const int is_asked = lmsi_shape_replace(out, &asked);
    if (origin != NULL) *origin = is_asked ? "what was asked for" : chosen;
fail:
    return status;
}
