/* contrastive/choose.cl - penalties, scores and the choice (specification, sections 22 and 23).
 *
 *   in   turns lms_context_turn[turns]; proposals ulong[slots], each slot's latest; inverses,
 *        best and piece_status from the kernels before; tokens int or long[candidate rows],
 *        probs float[candidate rows]
 *   out  chosen int[turns], the row for lms_context_append; next int or long, rows int, scores,
 *        penalties float, status uint [turns]; row_scores, row_penalties float[candidate rows];
 *        where `wanted` has its bit, next and rows always
 *   run  a work-group of LMS_TEAM for each turn
 */
#pragma once
#include "contrastive/best.cl"

#define LMS_PENALTY_LEAST 0x1p-60f
#define LMS_ALPHA_LEAST 0x1p-60f
#define LMS_PROB_LEAST 0x1p-64f

typedef struct lms_choose_shared {
    float best[LMS_TEAM];
    float penalties[LMS_MAX_CONTRASTIVE_K]; /* NaN: a bad state */
    uint status;
} lms_choose_shared;

/* Where the outputs go, but for the rows that lms_context_append takes. */
typedef struct lms_choice_outputs {
    uint wanted; /* LMS_WANT_... */
    __global lms_token *next;
    __global int *rows;
    __global float *scores;
    __global float *penalties;
    __global float *row_scores;
    __global float *row_penalties;
    __global uint *status;
} lms_choice_outputs;

/* The largest of what the own share of the pieces has for a candidate. */
float lms_best_own(__global const float *best, uint pieces)
{
    float m = -INFINITY;
    for (uint p = lms_dot_lane(); p < pieces; p += LMS_CREW_ITEMS) {
        if (best[p] > m) m = best[p];
    }
    return m;
}

float lms_penalty_of(float m, float inverse)
{
    if (lms_is_nan(inverse)) return LMS_NAN;
    if (m == -INFINITY) return 0.0f;
    const float penalty = m * inverse;
    if (fabs(penalty) < LMS_PENALTY_LEAST) return 0.0f;
    return penalty > 1.0f ? 1.0f : (penalty < -1.0f ? -1.0f : penalty);
}

/* All penalties, into shared; each candidate is the work of a crew. */
void lms_penalties(__local lms_choose_shared *shared, const lms_context_turn *turn,
                   __global const float *inverses, __global const float *best, uint max_pieces)
{
    const uint item = lms_item();
    for (uint from = 0; from < turn->k; from += LMS_CREWS) {
        const uint c = from + lms_crew(), state = turn->first_state + c;
        const uint pieces = c < turn->k ? turn->pieces : 0;
        shared->best[item] = lms_best_own(best + (ulong)state * max_pieces, pieces);
        lms_crews_meet();
        if (c < turn->k && lms_dot_lane() == 0) {
            float m = shared->best[item];
            for (uint i = 1; i < LMS_CREW_ITEMS; ++i) {
                if (shared->best[item + i] > m) m = shared->best[item + i];
            }
            shared->penalties[c] = lms_penalty_of(m, inverses[state]);
        }
        lms_crews_meet();
    }
}

float lms_choice_score(float alpha, float prob, float penalty)
{
    const float a = alpha < LMS_ALPHA_LEAST ? 0.0f : alpha;
    const float p = prob < LMS_PROB_LEAST ? 0.0f : prob;
    return (1.0f - a) * p - a * penalty;
}

/* The choice of one work-item, from the penalties: the candidate, or -1. Adds to *status. */
int lms_choose(__local const lms_choose_shared *shared, const lms_context_turn *turn,
               bool proposed, __global const lms_token *tokens, __global const float *probs,
               const lms_choice_outputs *out, float *top, uint *status)
{
    int choice = -1;
    *top = LMS_NAN;
    for (uint c = 0; c < turn->k; ++c) {
        const ulong row = (ulong)turn->first_row + c;
        const bool there = proposed && tokens[row] >= 0;
        const float prob = probs[row], penalty = shared->penalties[c];
        const bool good = !lms_is_nan(penalty) && prob >= 0.0f && prob <= 1.0f;
        const float score = lms_choice_score(turn->alpha, prob, penalty);
        if (there && !good) *status |= LMS_CHOICE_BAD_CANDIDATE;
        if (out->wanted & LMS_WANT_ROW_SCORES) {
            out->row_scores[row] = there && good ? score : LMS_NAN;
        }
        if (out->wanted & LMS_WANT_ROW_PENALTIES) {
            out->row_penalties[row] = there && good ? penalty : LMS_NAN;
        }
        if (there && good && (choice < 0 || score > *top)) {
            choice = (int)c;
            *top = score;
        }
    }
    return choice;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_choose(__global const lms_context_turn *turns,
                        __global const ulong *proposals, __global const float *inverses,
                        __global const float *best, uint max_pieces,
                        __global const uint *piece_status, __global const lms_token *tokens,
                        ulong tokens_offset, __global const float *probs, ulong probs_offset,
                        uint wanted, __global int *chosen, __global lms_token *next,
                        ulong next_offset, __global int *rows, ulong rows_offset,
                        __global float *scores, ulong scores_offset,
                        __global float *penalties, ulong penalties_offset,
                        __global float *row_scores, ulong row_scores_offset,
                        __global float *row_penalties, ulong row_penalties_offset,
                        __global uint *status, ulong status_offset)
{
    __local lms_choose_shared shared;
    const uint r = (uint)get_group_id(0), item = lms_item();
    const lms_context_turn turn = turns[r];
    lms_choice_outputs out;
    uint own_status = 0;
    out.wanted = wanted;
    out.next = next + next_offset;
    out.rows = rows + rows_offset;
    out.scores = scores + scores_offset;
    out.penalties = penalties + penalties_offset;
    out.row_scores = row_scores + row_scores_offset;
    out.row_penalties = row_penalties + row_penalties_offset;
    out.status = status + status_offset;
    if (item == 0) shared.status = 0;
    lms_penalties(&shared, &turn, inverses, best, max_pieces);
    for (uint p = item; p < turn.pieces; p += LMS_TEAM) {
        own_status |= piece_status[turn.first_piece + p];
    }
    if (own_status) atomic_or(&shared.status, own_status);
    lms_crews_meet();
    if (item != 0) return;
    own_status = shared.status;
    const bool proposed = proposals[turn.slot] == turn.proposal;
    if (!proposed) own_status |= LMS_CHOICE_NOT_PROPOSED;
    float top;
    const int choice = lms_choose(&shared, &turn, proposed, tokens + tokens_offset,
                                  probs + probs_offset, &out, &top, &own_status);
    const int row = choice < 0 ? LMS_SKIP_ROW : (int)(turn.first_row + (uint)choice);
    if (choice < 0) own_status |= LMS_CHOICE_NONE;
    chosen[r] = row;
    out.rows[r] = row;
    out.next[r] = choice < 0 ? (lms_token)LMS_NO_TOKEN : tokens[tokens_offset + row];
    if (wanted & LMS_WANT_CHOICE_SCORES) out.scores[r] = top;
    if (wanted & LMS_WANT_CHOICE_PENALTIES) {
        out.penalties[r] = choice < 0 ? LMS_NAN : shared.penalties[choice];
    }
    if (wanted & LMS_WANT_CHOICE_STATUS) out.status[r] = own_status;
}
