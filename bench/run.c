#include "run.h"

#include "say.h"

static const effort quick = {101, 1.5, 11};
static const effort full = {101, 1.2, 15};

const effort *run_effort(const run *r) { return r->o.selected.full ? &full : &quick; }

pace run_pace(const run *r)
{
    const effort *const e = run_effort(r);
    return (pace){r->o.repeats > 0 ? r->o.repeats : e->repeats, r->o.repeats > 0,
                  r->o.case_seconds > 0.0 ? r->o.case_seconds : e->case_seconds};
}

bool make_logits(run *r, bench_shape shape, uint32_t vocab, lms_dtype dtype, size_t rows)
{
    const size_t rows_most = r->memory_most / (vocab * dtype_size(dtype));
    const size_t wanted = RUN_BATCHES_LEAST * rows;
    pool_wish wish = {shape, vocab, dtype, 0, 0, r->memory_most, false, r->o.model, &r->real};
    if (rows_most < RUN_BATCHES_NEEDED * rows) return false;
    wish.bytes = r->o.rotate_mib > 0 ? r->o.rotate_mib << 20 : RUN_CACHES * r->on.cache_bytes;
    wish.least_rows = wanted < rows_most ? wanted : rows_most;
    wish.huge_pages = r->o.huge_pages;
    pool_fill(&r->logits, r->on.all, &wish);
    return true;
}

void leave_out(const run *r, bench_shape shape, uint32_t rows, uint32_t vocab, lms_dtype dtype)
{
    progress_clear();
    table_print(
        "\n%s: %u x %u %s: left out, two batches are more than the %zu MiB that logits may "
        "take\n",
        shape_name(shape), rows, vocab, dtype_name(dtype), r->memory_most >> 20);
}
