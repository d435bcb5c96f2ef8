/* beam/outputs.cl - what a step tells its caller of each beam and each request. */
#pragma once
#include "beam/candidates.cl"
#include "numeric/types.cl"

/* Where the outputs go. */
typedef struct lms_beam_outputs {
    __global int *parents;
    __global lms_token *tokens;
    __global float *scores;
    uint has_scores;
    __global long *scores_fixed;
    uint has_scores_fixed;
    __global uint *done;
    __global uint *status;
    uint has_status;
} lms_beam_outputs;
typedef LMS_KNOWN const lms_beam_outputs lms_known_outputs;

/* Its fields as arguments of a kernel, and a record from those. */
#define LMS_BEAM_OUTPUTS_ARGUMENTS                                                             \
    __global int *parents, ulong parents_offset, __global lms_token *tokens,                   \
        ulong tokens_offset, __global float *scores, ulong scores_offset, uint has_scores,     \
        __global long *scores_fixed, ulong scores_fixed_offset, uint has_scores_fixed,         \
        __global uint *done, ulong done_offset, __global uint *status, ulong status_offset,    \
        uint has_status
#define LMS_BEAM_OUTPUTS                                                                       \
    lms_beam_outputs_of(parents + parents_offset, tokens + tokens_offset,                      \
                        scores + scores_offset, has_scores,                                    \
                        scores_fixed + scores_fixed_offset, has_scores_fixed,                  \
                        done + done_offset, status + status_offset, has_status)

lms_beam_outputs lms_beam_outputs_of(__global int *parents, __global lms_token *tokens,
                                     __global float *scores, uint has_scores,
                                     __global long *scores_fixed, uint has_scores_fixed,
                                     __global uint *done, __global uint *status,
                                     uint has_status)
{
    lms_beam_outputs out;
    out.parents = parents;
    out.tokens = tokens;
    out.scores = scores;
    out.has_scores = has_scores;
    out.scores_fixed = scores_fixed;
    out.has_scores_fixed = has_scores_fixed;
    out.done = done;
    out.status = status;
    out.has_status = has_status;
    return out;
}

void lms_put_beam(lms_known_outputs *out, uint row, uint parent_row, int token, long score)
{
    out->parents[row] = (int)parent_row;
    out->tokens[row] = (lms_token)token;
    if (out->has_scores) out->scores[row] = lms_score_or_none(score);
    if (out->has_scores_fixed) out->scores_fixed[row] = score;
}

/* Beams from `first` on that stay as they are, each live one with its score. */
void lms_put_unchanged(lms_known *req, lms_known_outputs *out, uint first,
                       uint end)
{
    for (uint beam = first + lms_item(); beam < end; beam += LMS_TEAM) {
        const lms_beam_group group = req->groups[beam / req->group_width];
        const bool is_live = beam % req->group_width < group.live;
        const uint row = req->turn.row + beam;
        const long score = is_live ? req->live[beam].score : LMS_NO_SCORE;
        lms_put_beam(out, row, row, LMS_NO_TOKEN, score);
    }
}

/* Rows from `first` on, of beams that nothing goes on in. */
void lms_put_none(lms_known_outputs *out, uint first, uint end)
{
    for (uint row = first + lms_item(); row < end; row += LMS_TEAM) {
        lms_put_beam(out, row, row, LMS_NO_TOKEN, LMS_NO_SCORE);
    }
}

/* Request r of the call, its state's status and what was seen in its rows; by one work-item. */
void lms_put_request(lms_known_outputs *out, ulong r, uint status, uint seen)
{
    out->done[r] = status & LMS_BEAM_DONE ? 1 : 0;
    if (out->has_status) out->status[r] = status | seen;
}
