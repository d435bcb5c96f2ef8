#include "source.h"

/* What all programs begin with, and what each adds. */
/* clang-format off */
#define LMSI_ROW_LIST(X)                                                                   \
    X(lms_abi) X(params) X(sampler) X(lanes) X(dtype) X(order) X(philox) X(number) X(team) \
    X(row) X(select) X(list) X(alone) X(measure) X(pivot) X(filter) X(draw) X(tries)       \
    X(task) X(part) X(begin) X(next) X(whole) X(block) X(tile) X(probe)
#define LMSI_REPORT_LIST(X) X(report)
#define LMSI_SAMPLE_LIST(X) X(sample)
#define LMSI_BEAM_LIST(X)                                                                  \
    X(beam) X(score) X(rating) X(offer) X(gumbel) X(offer_next) X(beam_rows) X(advance)    \
    X(choose) X(pool) X(beam_advance) X(beam_results) X(beam_probe)
#define LMSI_PROPOSE_LIST(X) X(contrastive) X(propose) X(contrastive_rows)
/* On its own, without rows of logits. */
#define LMSI_CONTEXT_LIST(X)                                                               \
    X(lms_abi) X(params) X(lanes) X(dtype) X(contrastive) X(own) X(state) X(dots) X(halves)  \
    X(best) X(contrastive_append) X(contrastive_scan) X(contrastive_choose) X(contrastive_probe)
/* clang-format on */

#define LMSI_DECLARE(name) extern const lmsi_source lmsi_source_##name;
LMSI_ROW_LIST(LMSI_DECLARE)
LMSI_REPORT_LIST(LMSI_DECLARE)
LMSI_SAMPLE_LIST(LMSI_DECLARE)
LMSI_BEAM_LIST(LMSI_DECLARE)
LMSI_PROPOSE_LIST(LMSI_DECLARE)
LMSI_CONTEXT_LIST(LMSI_DECLARE) /* some are declared twice */
#undef LMSI_DECLARE

size_t lmsi_sources(lmsi_kind kind, const lmsi_source **files)
{
    size_t count = 0;
#define LMSI_ADD(name) files[count++] = &lmsi_source_##name;
    if (kind == LMSI_CONTEXT) {
        LMSI_CONTEXT_LIST(LMSI_ADD)
        return count;
    }
    LMSI_ROW_LIST(LMSI_ADD)
    if (kind == LMSI_BEAM) {
        LMSI_BEAM_LIST(LMSI_ADD)
    } else if (kind == LMSI_PROPOSE) {
        LMSI_PROPOSE_LIST(LMSI_ADD)
    } else {
        if (kind == LMSI_SAMPLE_AND_REPORT) {
            LMSI_REPORT_LIST(LMSI_ADD)
        }
        LMSI_SAMPLE_LIST(LMSI_ADD)
    }
#undef LMSI_ADD
    return count;
}
