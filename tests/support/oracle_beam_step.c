/* A step of a request: the candidates of section 14 and what becomes of them. */
#include "oracle_beam.h"
#include "oracle_beam_state.h"

#include <stdlib.h>

__extension__ typedef __int128 i128;

typedef struct list {
    oracle_candidate *at;
    size_t count;
    size_t room;
} list;

static void add(list *l, const oracle_candidate *c)
{
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 256;
        l->at = realloc(l->at, l->room * sizeof *l->at);
        if (!l->at) {
            abort();
        }
    }
    l->at[l->count++] = *c;
}

static int by_place(const void *left, const void *right)
{
    const oracle_candidate *const a = left;
    const oracle_candidate *const b = right;
    if (a->beam != b->beam) {
        return a->beam < b->beam ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static int by_value(const void *left, const void *right)
{
    const oracle_candidate *const a = left;
    const oracle_candidate *const b = right;
    if (a->value != b->value) {
        return a->value > b->value ? -1 : 1;
    }
    return by_place(left, right);
}

static int64_t not_below_floor(i128 x)
{
    return x < ORACLE_BEAM_FLOOR ? ORACLE_BEAM_FLOOR : (int64_t)x;
}

static int64_t penalty_of_one(float diversity_penalty)
{
    const double units = (double)diversity_penalty * 0x1p32;
    return units >= 0x1p61 ? INT64_C(1) << 61 : (int64_t)units;
}

/* Of SEARCH: all that beam n offers; `taken` are the tokens of earlier groups in this step. */
static void offer_all(const oracle_beam *b, uint32_t n, const oracle_offers *offers,
                      const list *taken, list *out)
{
    const int64_t one = penalty_of_one(b->params.diversity_penalty);
    int64_t *const times = oracle_allocate(b->vocab, sizeof *times);
    for (size_t i = 0; i < taken->count; i++) {
        times[taken->at[i].token]++;
    }
    for (uint32_t token = 0; token < b->vocab; token++) {
        if (!offers->eligible[token]) {
            continue;
        }
        const int64_t logprob = oracle_offers_logprob(offers, token);
        const int64_t score = not_below_floor((i128)oracle_beam_score(b, n) + logprob);
        const int64_t value = not_below_floor(score - (i128)times[token] * one);
        add(out, &(oracle_candidate){n, token, token, logprob, value, value});
    }
    free(times);
}

/* Of STOCHASTIC and SAMPLE. */
static void offer_drawn(const oracle_beam *b, uint32_t n, const oracle_offers *offers,
                        list *out)
{
    const int64_t before = oracle_beam_score(b, n);
    const oracle_draw_place place = {b->params.seed, b->params.mode, n,
                                     b->t,           before,         oracle_beam_value(b, n)};
    oracle_drawn *const drawn = oracle_allocate(b->most, sizeof *drawn);
    const uint32_t count = oracle_offers_draw(offers, &place, b->most, drawn);
    for (uint32_t j = 0; j < count; j++) {
        const int64_t logprob = oracle_offers_logprob(offers, drawn[j].token);
        const int64_t score = not_below_floor((i128)before + logprob);
        add(out, &(oracle_candidate){n, j, drawn[j].token, logprob, score, drawn[j].value});
    }
    free(drawn);
}

/* What all live beams of a group offer, by falling value. */
static list gather(oracle_beam *b, uint32_t g, const float *logits, size_t stride,
                   const list *taken)
{
    list all = {0};
    for (uint32_t i = 0; i < b->groups[g].live; i++) {
        const uint32_t n = g * b->per_group + i;
        const float *const row = b->t == 0 ? logits : logits + n * stride;
        oracle_offers offers;
        if (!oracle_offers_make(&offers, &b->params, b->ends, b->t, row, b->vocab)) {
            abort();
        }
        b->status |= offers.seen;
        if (b->params.mode == LMS_BEAM_SEARCH) {
            offer_all(b, n, &offers, taken, &all);
        } else {
            offer_drawn(b, n, &offers, &all);
        }
        oracle_offers_free(&offers);
    }
    if (all.count) {
        qsort(all.at, all.count, sizeof *all.at, by_value);
    }
    return all;
}

/* Whether every candidate of this step is final. */
static bool is_last(const oracle_beam *b)
{
    return b->t + 1 == b->params.max_length && !(b->params.flags & LMS_BEAM_KEEP_LIVE);
}

static bool is_final(const oracle_beam *b, const oracle_candidate *c)
{
    return is_last(b) || oracle_is_end(b, c->token);
}

/* The finished ones of the step, by parent and place. */
static void enter_finished(oracle_beam *b, oracle_group *group, const list *all)
{
    uint32_t *const earlier = oracle_allocate(b->params.width, sizeof *earlier);
    const bool any_rank = b->params.flags & LMS_BEAM_END_ANY_RANK;
    list finished = {0};
    for (size_t rank = 0; rank < all->count; rank++) {
        const oracle_candidate *const c = &all->at[rank];
        const bool in_reach = earlier[c->beam]++ < b->most;
        if ((rank < b->per_group && is_final(b, c)) ||
            (any_rank && in_reach && oracle_is_end(b, c->token))) {
            add(&finished, c);
        }
    }
    if (finished.count) {
        qsort(finished.at, finished.count, sizeof *finished.at, by_place);
    }
    for (size_t i = 0; i < finished.count; i++) {
        oracle_enter(b, group, &finished.at[i]);
    }
    free(finished.at);
    free(earlier);
}

/* The rank of the best that has not been taken: in the order of ranks or, for SAMPLE, of
 * scores. */
static size_t next_live(const oracle_beam *b, const list *all, const bool *used, size_t count)
{
    size_t best = count;
    for (size_t rank = 0; rank < count; rank++) {
        if (used[rank] || oracle_is_end(b, all->at[rank].token)) {
            continue;
        }
        if (b->params.mode != LMS_BEAM_SAMPLE) {
            return rank;
        }
        if (best == count || all->at[rank].score > all->at[best].score) {
            best = rank;
        }
    }
    return best;
}

/* The candidates that take a beam. */
static list choose_takers(const oracle_beam *b, const list *all)
{
    const size_t count = all->count < b->most ? all->count : b->most;
    bool *const used = oracle_allocate(count, sizeof *used);
    list takers = {0};
    while (takers.count < b->per_group) {
        const size_t rank = next_live(b, all, used, count);
        if (rank == count) {
            break;
        }
        used[rank] = true;
        add(&takers, &all->at[rank]);
    }
    free(used);
    return takers;
}

/* All of them do, or none. */
static void go_on(oracle_beam *b, uint32_t g, const list *takers, oracle_beam_move *moves)
{
    oracle_group *const group = &b->groups[g];
    oracle_hypothesis *const beams = oracle_allocate(b->per_group, sizeof *beams);
    const uint32_t live = is_last(b) ? 0 : (uint32_t)takers->count;
    for (uint32_t i = 0; i < live; i++) {
        const oracle_candidate *const c = &takers->at[i];
        beams[i] = oracle_follow(b, c);
        moves[g * b->per_group + i].parent = b->t == 0 ? 0 : (int32_t)c->beam;
        moves[g * b->per_group + i].token = (int32_t)c->token;
    }
    free(group->beams);
    group->beams = beams;
    group->live = live;
    group->t++;
}

/* What early stopping may look at: the largest score, or value, of the group's candidates. */
static int64_t best_of(const oracle_beam *b, const list *all)
{
    int64_t best = ORACLE_BEAM_NONE;
    for (size_t rank = 0; rank < all->count && rank < b->most; rank++) {
        const oracle_candidate *const c = &all->at[rank];
        const int64_t own = b->params.mode == LMS_BEAM_STOCHASTIC ? c->value : c->score;
        best = own > best ? own : best;
    }
    return best;
}

static void step_group(oracle_beam *b, uint32_t g, const float *logits, size_t stride,
                       list *taken, oracle_beam_move *moves)
{
    oracle_group *const group = &b->groups[g];
    list all = gather(b, g, logits, stride, taken);
    if (all.count == 0) {
        group->end = ORACLE_DONE_EMPTY;
        return;
    }
    list takers = choose_takers(b, &all);
    enter_finished(b, group, &all);
    go_on(b, g, &takers, moves);
    oracle_judge(b, group, best_of(b, &all));
    for (size_t i = 0; i < takers.count; i++) {
        add(taken, &takers.at[i]);
    }
    free(takers.at);
    free(all.at);
}

static uint32_t status_of(const oracle_beam *b)
{
    uint32_t status = LMS_BEAM_DONE | LMS_BEAM_EARLY;
    for (uint32_t g = 0; g < b->params.groups; g++) {
        const oracle_end end = b->groups[g].end;
        if (end == ORACLE_GOES_ON) {
            status &= ~(LMS_BEAM_DONE | LMS_BEAM_EARLY);
        }
        if (end != ORACLE_DONE_EARLY) {
            status &= ~LMS_BEAM_EARLY;
        }
        if (end == ORACLE_DONE_EMPTY) {
            status |= LMS_BEAM_EMPTY;
        }
    }
    return status;
}

uint32_t oracle_beam_step(oracle_beam *b, const float *logits, size_t stride,
                          oracle_beam_move *moves)
{
    list taken = {0};
    b->status = 0;
    for (uint32_t n = 0; n < b->params.width; n++) {
        moves[n] = (oracle_beam_move){(int32_t)n, LMS_NO_TOKEN, 0};
    }
    for (uint32_t g = 0; g < b->params.groups; g++) {
        if (b->groups[g].end == ORACLE_GOES_ON) {
            step_group(b, g, logits, stride, &taken, moves);
        }
    }
    for (uint32_t n = 0; n < b->params.width; n++) {
        moves[n].score = oracle_beam_score(b, n);
    }
    free(taken.at);
    b->t++;
    b->status |= status_of(b);
    return b->status;
}
