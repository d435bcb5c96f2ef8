/* beam_probe.c - the device's answers to kernels/beam_probe.cl, against the right ones. */
#include "beam.h"
#include "probe.h"
#include "status.h"

#define LMSI_BEAM_PROBES 12

static const struct {
    const char *what;
    uint64_t answer;
} expected[LMSI_BEAM_PROBES] = {
    {"sizeof lms_beam_params", sizeof(lms_beam_params)},
    {"offset of end_tokens", offsetof(lms_beam_params, end_tokens)},
    {"sizeof lms_beam_state", sizeof(lms_beam_state)},
    {"sizeof lms_beam_live", sizeof(lms_beam_live)},
    {"sizeof lms_hypothesis", sizeof(lms_hypothesis)},
    {"sizeof lms_candidate", sizeof(lms_candidate)},
    {"sizeof lms_choice", sizeof(lms_choice)},
    {"sizeof lms_beam_link", sizeof(lms_beam_link)},
    {"gap", 0x00000004d55554c7u},
    {"rate", 0xfffffb335f385a64u},
    {"root", 0xe9ea2910c2c22ca3u},
    {"exp and ln", 0x0000000162e42eefu},
};

lms_status lmsi_beam_probe(lms_context *ctx, cl_program program)
{
    static const float operands[2] = {1.75f, 0.3f};
    lms_status status = LMS_OK;
    uint64_t results[LMSI_BEAM_PROBES] = {0};
    LMSI_TRY(lmsi_ask(ctx, program, "lms_beam_probe", operands, sizeof operands, results,
                      sizeof results));
    for (size_t i = 0; i < LMSI_BEAM_PROBES; ++i) {
        LMSI_FAIL_IF(results[i] != expected[i].answer, LMS_E_UNSUPPORTED,
                     "device %s: %s gives 0x%016llx, not 0x%016llx, so its beams would differ",
                     ctx->device.name, expected[i].what, (unsigned long long)results[i],
                     (unsigned long long)expected[i].answer);
    }
fail:
    return status;
}
