/* contrastive_requests.h - what a contrastive search's requests read. */
#ifndef LMS_TEST_CONTRASTIVE_REQUESTS_H
#define LMS_TEST_CONTRASTIVE_REQUESTS_H

#include "object.h"

void contrastive_fill(object_rig *base);
void contrastive_release(object_rig *base);
void contrastive_other_requests(object_rig *base);

#endif
