#include "request_run.h"

#include "machine.h"
#include "request_measure.h"
#include "say.h"

#include <math.h>
#include <stdio.h>

/* As many as the largest setting of these logits needs, so that they are made once. */
static size_t rows_of_alike(const request_plan *p, const request_setting *s)
{
    size_t most = 0;
    for (size_t i = 0; i < p->count; ++i) {
        const request_setting *const t = &p->settings[i];
        if (t->shape == s->shape && t->vocab == s->vocab && t->dtype == s->dtype &&
            t->rows > most)
            most = t->rows;
    }
    return most;
}

static void measure_one(run *r, const request_setting *s, size_t number)
{
    const pace tempo = run_pace(r);
    const size_t from = r->all.request_count;
    char label[64];
    if (!make_logits(r, s->shape, s->vocab, s->dtype, rows_of_alike(&r->requests, s)) &&
        !make_logits(r, s->shape, s->vocab, s->dtype, s->rows)) {
        leave_out(r, s->shape, s->rows, s->vocab, s->dtype);
        return;
    }
    snprintf(label, sizeof label, "%zu/%zu %s %u x %u %s", number, r->requests.count,
             shape_name(s->shape), s->rows, s->vocab, dtype_name(s->dtype));
    measure_requests(&r->on, &r->logits, s, &tempo, label, &r->all);
    progress_clear();
    table_requests(&r->all, from);
}

void measure_all_requests(run *r)
{
    r->all.cold_s = r->all.warm_s = NAN;
    r->memory_most = machine_available_bytes() / RUN_MEMORY_SHARE;
    for (size_t i = 0; i < r->requests.count && !is_stopped(); ++i)
        measure_one(r, &r->requests.settings[i], i + 1);
    r->all.is_interrupted = is_stopped();
    progress_clear();
}
