/* stages.h - memory on the host for what calls bring, as much as may be in flight. */
#ifndef LMSI_STAGES_H
#define LMSI_STAGES_H

#include "op/operator.h"

/* For the operator's buffers, as its table has them. What was made before a failure is there to
 * be freed. */
lms_status lmsi_stages_make(lmsi_operator *op);

/* Waits for the writes. */
void lmsi_stages_free(lmsi_operator *op);

#endif
