/* contrastive_probe.c - the device's answers to kernels/contrastive_probe.cl, against the right
 * ones. */
#include "contrastive/contrastive.h"
#include "op/probe.h"
#include "base/status.h"

static const struct {
    const char *what;
    uint32_t answer;
} expected[] = {
    LMS_CONTEXT_RECORDS(LMSI_RECORD){"fma is fused", 0x33800000u},
    {"products are rounded on their own", 0},
    {"sums are not rearranged", 0x3f800000u},
    {"inverse norm", 0x3f13c89cu},
    {"score", 0xbf7fd800u},
    {"penalty", 0},
};

#define LMSI_CONTEXT_PROBES (sizeof expected / sizeof expected[0])

lms_status lmsi_contrastive_probe(lms_context *ctx, cl_program program)
{
    static const float operands[3] = {1.000244140625f, 0.999755859375f, -1.00048828125f};
    lms_status status = LMS_OK;
    uint32_t results[LMSI_CONTEXT_PROBES] = {0};
    LMSI_TRY(lmsi_ask(ctx, program, "lms_context_probe", operands, sizeof operands, results,
                      sizeof results));
    for (size_t i = 0; i < LMSI_CONTEXT_PROBES; ++i) {
        LMSI_FAIL_IF(results[i] != expected[i].answer, LMS_E_UNSUPPORTED,
                     "device %s: %s gives 0x%08x, not 0x%08x, so its choices would differ",
                     ctx->device.name, expected[i].what, (unsigned)results[i],
                     (unsigned)expected[i].answer);
    }
fail:
    return status;
}
