/* What is prepared for a row, against the oracle. */
#ifndef LMSAMPLE_TESTS_PREPARE_CHECK_H
#define LMSAMPLE_TESTS_PREPARE_CHECK_H

#include "prepare_call.h"

static oracle_params oracle_params_of(const lms_row_params *p)
{
    oracle_params o;
    _Static_assert(sizeof o == sizeof *p, "the oracle's record is laid out as the library's");
    memcpy(&o, p, sizeof o);
    return o;
}

static bool is_out(const oracle_request *q, uint32_t token)
{
    if (q->edits != NULL && q->edits->forced > 0) return token != q->edits->forced - 1;
    return oracle_is_banned(q, token);
}

static void check_bans(const prepare_call *c, uint32_t row, const oracle_request *q)
{
    /* A mask of bits that is all that bans tokens is read where it is. */
    const bool is_mask = c->prepared[row].mask != 0;
    const uint32_t *const words = is_mask ? q->mask : c->bans + (size_t)row * c->groups;
    if (is_mask) assert_int_equal(q->mask_type, LMS_MASK_BITS);
    for (uint32_t t = 0; t < c->vocab; ++t) {
        const bool allowed = !c->prepared[row].has_bans || (words[t / 32] >> t % 32 & 1u);
        if (allowed == is_out(q, t)) fail_msg("row %u, token %u: %d", row, t, (int)allowed);
    }
    /* Beyond the vocabulary all is allowed, but where so little is that it would not help. */
    if (is_mask || !c->prepared[row].has_bans ||
        (q->edits && (q->edits->allowed || q->edits->forced))) {
        return;
    }
    for (uint32_t t = c->vocab; t < 32 * c->groups; ++t) {
        assert_true(words[t / 32] >> t % 32 & 1u);
    }
}

/* The number of each token in the order of first appearance. */
static void check_repeats(const prepare_call *c, uint32_t row, const oracle_request *q)
{
    const oracle_sequence *const s = &q->sequence;
    const uint32_t *const repeats = c->repeats + (size_t)row * c->max_length;
    const bool on = q->edits != NULL && oracle_tidy(q->edits->dry_multiplier) != 0.0f;
    bool *const seen = memory_zeroed(c->vocab, sizeof *seen);
    uint32_t entry = 0;
    if (!on) assert_int_equal(c->prepared[row].has_dry, 0);
    for (uint32_t i = 0; on && i < s->length; ++i) {
        const uint32_t token = (uint32_t)s->tokens[i];
        if (seen[token]) continue;
        seen[token] = true;
        const int64_t n = oracle_dry_length(q, token);
        const int64_t right = n < 0 ? 0 : 1 + n - q->edits->dry_allowed_length;
        const uint32_t got = c->prepared[row].has_dry ? repeats[entry] : 0;
        if (got != right) fail_msg("row %u, token %u: %u, not %d", row, token, got, (int)right);
        ++entry;
    }
    free(seen);
}

/* What is not told to have values has none. */
static void check_values(const prepare_call *c, uint32_t row, oracle_request q,
                         const float *logits)
{
    float *const edited = memory_zeroed(c->vocab, sizeof *edited);
    if (c->prepared[row].has_values || q.edits == NULL) goto done;
    oracle_edit(&q, logits, c->vocab, edited);
    for (uint32_t t = 0; t < c->vocab; ++t) {
        if (!is_out(&q, t)) assert_memory_equal(&edited[t], &logits[t], sizeof *edited);
    }
done:
    free(edited);
}

static void check_row(const prepare_call *c, uint32_t row, const float *logits)
{
    const oracle_tables tables = requests_tables(c->requests, c->logits_rows);
    const oracle_params o = oracle_params_of(&c->params[row]);
    const lms_prepared *const p = &c->prepared[row];
    const uint32_t status = oracle_check_request(&o, c->vocab, &tables);
    if (p->status != status) fail_msg("row %u: %#x, not %#x", row, p->status, status);
    if (status != LMS_ROW_OK) return;
    const oracle_request q = oracle_request_of(&o, c->vocab, logits, &tables);
    const float top_p = oracle_edited_top_p(&q, o.top_p);
    assert_true(p->step == oracle_edited_step(&q, o.step));
    assert_int_equal(p->generated, q.sequence.length - q.sequence.prompt);
    assert_memory_equal(&p->top_p, &top_p, sizeof top_p);
    assert_int_equal(p->slot != 0, o.slot != 0);
    check_bans(c, row, &q);
    check_repeats(c, row, &q);
    check_values(c, row, q, logits);
}

#endif
