/* probe.cl - does the device lay out the records of requests as the host does?
 *
 *   in   nothing that counts
 *   out  results ulong[]; host/requests/probe.c knows the right ones
 *   run  one work-item
 */
#pragma once
#include "edits/records.h"
#include "numeric/tell.cl"
#include "row/records.h"

__kernel void lms_prepare_probe(__global const float *in, __global ulong *results)
{
    uint n = 0;
    (void)in;
    LMS_SAMPLER_RECORDS(LMS_TELL)
    LMS_REQUEST_RECORDS(LMS_TELL)
}
