/* probe.c - what a device computes for contexts, and how it lays out what they are told. */
#include "contrastive/contrastive.h"

static const lmsi_answer answers[] = {
    LMS_CONTEXT_RECORDS(LMSI_RECORD){"fma is fused", 0x33800000u},
    {"products are rounded on their own", 0},
    {"sums are not rearranged", 0x3f800000u},
    {"inverse norm", 0x3f13c89cu},
    {"score", 0xbf7fd800u},
    {"penalty", 0},
};

_Static_assert(sizeof answers / sizeof answers[0] <= LMSI_MOST_ANSWERS, "all have room");

const lmsi_probe lmsi_context_probe = {"lms_context_probe",
                                       "choices",
                                       {1.000244140625f, 0.999755859375f, -1.00048828125f},
                                       answers,
                                       sizeof answers / sizeof answers[0]};
