/* probe.c - how a device lays out what is known of slots. */
#include "slots/sequences.h"

static const lmsi_answer answers[] = {LMS_SLOT_RECORDS(LMSI_RECORD){"hash", 437}};

_Static_assert(sizeof answers / sizeof answers[0] <= LMSI_MOST_ANSWERS, "all have room");

const lmsi_probe lmsi_slots_probe = {"lms_slots_probe",
                                     "sequences",
                                     {0.0f, 0.0f, 0.0f},
                                     answers,
                                     sizeof answers / sizeof answers[0]};
