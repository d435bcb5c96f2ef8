/* effort.c - what the rows of a sampler's last call took. */
#include "lms_tuning.h"

#include "base/extent.h"
#include "base/status.h"
#include "sampler/sampler.h"

#include <stddef.h>

_Static_assert(sizeof(lms_row_effort) == sizeof(lms_outcome) - offsetof(lms_outcome, attempts),
               "the end of an outcome");

/* The end of each outcome, one behind the other. */
static lms_status read_rows(const lms_sampler *s, cl_command_queue queue, uint32_t rows,
                            lms_row_effort *effort)
{
    lms_status status = LMS_OK;
    const size_t from[3] = {offsetof(lms_outcome, attempts), 0, 0}, to[3] = {0, 0, 0};
    const size_t region[3] = {sizeof *effort, rows, 1};
    LMSI_CL(clEnqueueReadBufferRect(queue, s->op.mem[LMSI_SAMPLER_OUTCOMES], CL_TRUE, from, to,
                                    region, sizeof(lms_outcome), 0, sizeof *effort, 0, effort,
                                    0, NULL, NULL));
fail:
    return status;
}

lms_status lms_sampler_effort(lms_sampler *s, cl_command_queue queue, uint32_t rows,
                              lms_row_effort *effort)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(s == NULL, LMS_E_ARGUMENT, "sampler: is NULL");
    LMSI_TRY(lmsi_queue_check(s->op.ctx, queue));
    LMSI_FAIL_IF(rows > s->rows, LMS_E_ARGUMENT,
                 "rows: %u is above those of the last call (%u)", (unsigned)rows,
                 (unsigned)s->rows);
    LMSI_FAIL_IF(effort == NULL && rows > 0, LMS_E_ARGUMENT, "effort: is NULL");
    LMSI_TRY(lmsi_latest_wait(&s->op.latest));
    if (rows > 0) LMSI_TRY(read_rows(s, queue, rows, effort));
fail:
    return status;
}
