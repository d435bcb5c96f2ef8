#include "source.h"

/* clang-format off */
#define LMSI_SOURCE_LIST(X)                                                                \
    X(lms_abi) X(params) X(lanes) X(dtype) X(order) X(philox) X(number) X(team) X(row)      \
    X(select) X(list) X(alone) X(measure) X(pivot) X(filter) X(draw) X(tries) X(task)       \
    X(part) X(begin) X(next) X(block) X(tile) X(sample) X(probe)
/* clang-format on */

#define LMSI_DECLARE(name) extern const lmsi_source lmsi_source_##name;
LMSI_SOURCE_LIST(LMSI_DECLARE)
LMSI_DECLARE(report)
#undef LMSI_DECLARE

size_t lmsi_sources(int with_report, const lmsi_source **files)
{
    size_t count = 0;
#define LMSI_ADD(name) files[count++] = &lmsi_source_##name;
    LMSI_SOURCE_LIST(LMSI_ADD)
    if (with_report) {
        LMSI_ADD(report)
    }
#undef LMSI_ADD
    return count;
}
