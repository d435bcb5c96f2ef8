/* probe.c - how a device lays out the records of requests. */
#include "requests/requests.h"

#include "kernels/edits/records.h"

static const lmsi_answer answers[] = {LMS_SAMPLER_RECORDS(LMSI_RECORD)
                                          LMS_REQUEST_RECORDS(LMSI_RECORD)};

_Static_assert(sizeof answers / sizeof answers[0] <= LMSI_MOST_ANSWERS, "all have room");

const lmsi_probe lmsi_prepare_probe = {"lms_prepare_probe",
                                       "edits",
                                       {0.0f, 0.0f, 0.0f},
                                       answers,
                                       sizeof answers / sizeof answers[0]};
