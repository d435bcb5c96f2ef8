/* beam_probe.c - the device's answers to kernels/beam_probe.cl, against the right ones. */
#include "beam/beam.h"
#include "op/probe.h"
#include "base/status.h"

#define LMSI_BEAM_RECORD(type, field)                                                          \
    {"sizeof " #type ", offset of " #field,                                                    \
     (uint64_t)sizeof(type) << 32 | offsetof(type, field)},

static const struct {
    const char *what;
    uint64_t answer;
} expected[] = {
    LMS_BEAM_RECORDS(LMSI_BEAM_RECORD){"gap", 0x00000004d55554c7u},
    {"rate, digits", 0x666be70b4c7fb9b0u},
    {"rate, octaves", 0xc0000015c000000du},
    {"rate of another penalty", 0x383d2cea8ae46c6du},
    {"rate in nats", 0xc4999419u},
    {"root", 0xe9ea2910c2c22ca3u},
    {"exp and ln", 0x0000000162e42eefu},
};

#define LMSI_BEAM_PROBES (sizeof expected / sizeof expected[0])

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
