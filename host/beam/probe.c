/* probe.c - what a device computes for beams, and how it lays out their records. */
#include "beam/beam.h"

static const lmsi_answer answers[] = {
    LMS_BEAM_RECORDS(LMSI_RECORD){"gap", 0x00000004d55554c7u},
    {"rate, digits", 0x666be70b4c7fb9b0u},
    {"rate, octaves", 0xc0000015c000000du},
    {"rate of another penalty", 0x383d2cea8ae46c6du},
    {"rate in nats", 0xc4999419u},
    {"root", 0xe9ea2910c2c22ca3u},
    {"exp and ln", 0x0000000162e42eefu},
};

_Static_assert(sizeof answers / sizeof answers[0] <= LMSI_MOST_ANSWERS, "all have room");

const lmsi_probe lmsi_beam_probe = {"lms_beam_probe",
                                    "beams",
                                    {1.75f, 0.3f, 0.0f},
                                    answers,
                                    sizeof answers / sizeof answers[0]};
