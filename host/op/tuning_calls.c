/* tuning_calls.c - the calls of lms_tuning.h: what the tuning of a device is, for its users. */
#include "lms_tuning.h"

#include "base/cache.h"
#include "base/context.h"
#include "base/status.h"
#include "op/choice.h"
#include "op/desc.h"
#include "op/tuning.h"

#include <string.h>

lms_status lms_shape_in_use(const lms_context *ctx, lms_dtype logits, uint32_t vocab,
                            char shape[LMS_SHAPE_BYTES], const char **origin)
{
    lms_status status = LMS_OK;
    lmsi_shape found;
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(shape == NULL, LMS_E_ARGUMENT, "shape: is NULL");
    LMSI_TRY(lmsi_dtype_check("logits", logits));
    LMSI_FAIL_IF(vocab < 1 || vocab > LMS_MAX_VOCAB, LMS_E_ARGUMENT,
                 "vocab: is %u, must be 1 to %u", (unsigned)vocab, LMS_MAX_VOCAB);
    LMSI_TRY(lmsi_shape_for(ctx, logits, vocab, 0, &found, origin));
    lmsi_shape_print(&found, shape);
fail:
    return status;
}

lms_status lms_tuning_path(const lms_context *ctx, char path[LMS_TUNING_PATH_BYTES])
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(path == NULL, LMS_E_ARGUMENT, "path: is NULL");
    LMSI_FAIL_IF(!lmsi_tuning_path(ctx, path), LMS_E_ARGUMENT,
                 "there is no folder for tuning files: LMS_CACHE_DIR is empty, or neither "
                 "XDG_CACHE_HOME nor HOME names one, or the name is too long");
fail:
    return status;
}

lms_status lms_tuning_make_folder(const lms_context *ctx)
{
    lms_status status = LMS_OK;
    char folder[LMS_TUNING_PATH_BYTES];
    LMSI_TRY(lms_tuning_path(ctx, folder));
    *strrchr(folder, '/') = '\0';
    lmsi_cache_make_dirs(folder);
    const char *const problem = lmsi_cache_problem(folder);
    LMSI_FAIL_IF(problem != NULL, LMS_E_ARGUMENT,
                 "%s: %s, so nothing in it is used (chmod go-w, or another LMS_CACHE_DIR)",
                 folder, problem);
    lmsi_cache_sweep(folder);
fail:
    return status;
}

static lms_status read_shape(const lms_context *ctx, const char *name, const char *text,
                             lmsi_shape *out)
{
    lms_status status = LMS_OK;
    char problem[160];
    LMSI_FAIL_IF(text == NULL, LMS_E_ARGUMENT, "%s: is NULL", name);
    LMSI_FAIL_IF(!lmsi_shape_read(text, out, problem, sizeof problem), LMS_E_ARGUMENT,
                 "%s: is \"%.100s\": %s", name, text, problem);
    LMSI_FAIL_IF(
        !lmsi_shape_fits(ctx, out), LMS_E_ARGUMENT,
        "%s: is \"%.100s\": must have all four fields, and a team of at most %zu on %s", name,
        text, ctx->device.max_work_items, ctx->device.name);
fail:
    return status;
}

lms_status lms_tuning_text(const lms_context *ctx, const char *float32, const char *bits16,
                           char text[LMS_TUNING_BYTES])
{
    lms_status status = LMS_OK;
    lmsi_tuning tuning;
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(text == NULL, LMS_E_ARGUMENT, "text: is NULL");
    LMSI_TRY(read_shape(ctx, "float32", float32, &tuning.float32));
    LMSI_TRY(read_shape(ctx, "bits16", bits16, &tuning.bits16));
    lmsi_tuning_print(ctx, &tuning, text);
fail:
    return status;
}
