/* fields.c - the fields of each kind of result; bench/README.md says what they mean. */
#include "fields.h"

#include "cases.h"
#include "pool.h"
#include "shapes.h"

#include <math.h>
#include <string.h>

static void add_text(fields *f, const char *name, const char *text)
{
    f->list[f->count++] = (field){name, FIELD_TEXT, text, 0.0};
}

static void add_whole(fields *f, const char *name, size_t value)
{
    f->list[f->count++] = (field){name, FIELD_WHOLE, NULL, (double)value};
}

static void add_real(fields *f, const char *name, double value)
{
    f->list[f->count++] = (field){name, FIELD_REAL, NULL, value};
}

/* 0 where there is none. */
static void add_count(fields *f, const char *name, size_t value)
{
    if (value > 0) {
        add_whole(f, name, value);
    } else {
        add_real(f, name, NAN);
    }
}

void fields_of_case(fields *f, const result *r)
{
    const double bytes = (double)r->batch_bytes;
    f->count = 0;
    add_text(f, "strategy", subject_strategy(r->subject));
    add_text(f, "shape", shape_name(r->what.shape));
    add_whole(f, "rows", r->what.rows);
    add_whole(f, "vocab", r->what.vocab);
    add_text(f, "dtype", dtype_name(r->what.dtype));
    add_text(f, "who", subject_who(r->subject));
    add_whole(f, "repeats", r->repeats);
    add_whole(f, "batches", r->batches);
    add_whole(f, "batch_bytes", r->batch_bytes);
    f->list[f->count++] = (field){"rotated", FIELD_BOOL, NULL, r->what.rotated};
    add_text(f, "limit", r->reads_on_device ? "device read" : "plain C read");
    add_real(f, "ratio", r->ratio);
    add_real(f, "ratio_p5", r->ratio_p5);
    add_real(f, "ratio_p95", r->ratio_p95);
    add_real(f, "median_s", r->median_s);
    add_real(f, "mean_s", r->mean_s);
    add_real(f, "p95_s", r->p95_s);
    add_real(f, "p99_s", r->p99_s);
    add_real(f, "p99_over_median", r->p99_s / r->median_s);
    add_real(f, "rows_per_s", r->what.rows / r->median_s);
    add_real(f, "gb_per_s", 1e-9 * bytes / r->median_s);
    add_real(f, "read_median_s", r->read_median_s);
    add_real(f, "read_gb_per_s", 1e-9 * bytes / r->read_median_s);
    add_real(f, "device_s", r->device_s);
    add_real(f, "read_device_s", r->read_device_s);
    add_real(f, "device_ratio", r->read_device_s / r->device_s);
    add_count(f, "draws", r->draws);
    add_real(f, "attempts", r->draws > 0 ? r->attempts : NAN);
    add_real(f, "passes", r->draws > 0 ? r->passes : NAN);
    add_real(f, "pass_share", r->draws > 0 ? r->pass_share : NAN);
    add_count(f, "launches", r->launches);
    add_whole(f, "checked_rows", r->checked_rows);
}

void fields_of_beam(fields *f, const beam_result *r)
{
    const double bytes = (double)r->batch_bytes;
    const size_t rows = (size_t)r->what.requests * r->what.width;
    f->count = 0;
    add_text(f, "strategy", beam_strategy(r->mode));
    add_text(f, "shape", shape_name(r->what.shape));
    add_whole(f, "requests", r->what.requests);
    add_whole(f, "width", r->what.width);
    add_whole(f, "rows", rows);
    add_whole(f, "vocab", r->what.vocab);
    add_text(f, "dtype", dtype_name(r->what.dtype));
    add_text(f, "who", "lmsample");
    add_whole(f, "candidates", beam_candidates(r->what.width));
    add_whole(f, "repeats", r->repeats);
    add_whole(f, "batches", r->batches);
    add_whole(f, "batch_bytes", r->batch_bytes);
    add_text(f, "limit", r->reads_on_device ? "device read" : "plain C read");
    add_real(f, "ratio", r->ratio);
    add_real(f, "ratio_p5", r->ratio_p5);
    add_real(f, "ratio_p95", r->ratio_p95);
    add_real(f, "over_top_k", r->over_top_k);
    add_real(f, "over_top_k_p5", r->over_top_k_p5);
    add_real(f, "over_top_k_p95", r->over_top_k_p95);
    add_real(f, "median_s", r->median_s);
    add_real(f, "p95_s", r->p95_s);
    add_real(f, "p99_s", r->p99_s);
    add_real(f, "rows_per_s", (double)rows / r->median_s);
    add_real(f, "gb_per_s", 1e-9 * bytes / r->median_s);
    add_real(f, "top_k_median_s", r->top_k_median_s);
    add_real(f, "read_median_s", r->read_median_s);
    add_real(f, "read_gb_per_s", 1e-9 * bytes / r->read_median_s);
    add_real(f, "device_s", r->device_s);
    add_whole(f, "launches", r->launches);
    add_whole(f, "checked_rows", r->checked_rows);
}

void fields_of_contrast(fields *f, const contrastive_result *r)
{
    const double bytes = (double)r->bytes;
    const bool of_logits = r->call == CALL_PROPOSE;
    f->count = 0;
    add_text(f, "strategy", "contrastive search");
    add_text(f, "call", contrastive_call_name(r->call));
    add_whole(f, "requests", r->what.size.requests);
    add_count(f, "context", of_logits ? 0 : r->what.size.context);
    add_count(f, "width", of_logits ? 0 : r->what.size.width);
    add_whole(f, "k", r->what.size.k);
    add_count(f, "vocab", r->vocab);
    add_text(f, "dtype", dtype_name(r->what.dtype));
    add_text(f, "who", "lmsample");
    add_whole(f, "repeats", r->repeats);
    add_whole(f, "batches", r->batches);
    add_whole(f, "batch_bytes", r->bytes);
    add_text(f, "limit", r->reads_on_device ? "device read" : "plain C read");
    add_real(f, "ratio", r->ratio);
    add_real(f, "ratio_p5", r->ratio_p5);
    add_real(f, "ratio_p95", r->ratio_p95);
    add_real(f, "median_s", r->median_s);
    add_real(f, "p95_s", r->p95_s);
    add_real(f, "p99_s", r->p99_s);
    add_real(f, "gb_per_s", 1e-9 * bytes / r->median_s);
    add_real(f, "read_median_s", r->read_median_s);
    add_real(f, "read_gb_per_s", 1e-9 * bytes / r->read_median_s);
    add_real(f, "device_s", r->device_s);
    add_whole(f, "launches", r->launches);
    add_whole(f, "checked_rows", r->checked_rows);
}

/* Names are literals that live as long as the program. */
static void add_paired(fields *f, const char *const names[4], const paired *p)
{
    add_real(f, names[0], p->ratio.wall);
    add_real(f, names[1], p->wall_p5);
    add_real(f, names[2], p->wall_p95);
    add_real(f, names[3], p->ratio.cpu);
}

static double bound(double value) { return value > 0.0 ? value : NAN; }

void fields_of_request(fields *f, const request_result *r)
{
    static const char *const temperature[4] = {"over_temperature", "over_temperature_p5",
                                               "over_temperature_p95", "over_temperature_cpu"};
    static const char *const logprob[4] = {"over_logprob", "over_logprob_p5",
                                           "over_logprob_p95", "over_logprob_cpu"};
    static const char *const beside[4] = {"over_beside", "over_beside_p5", "over_beside_p95",
                                          "over_beside_cpu"};
    const request_case *const c = &request_cases[r->which];
    f->count = 0;
    add_text(f, "strategy", c->name);
    add_text(f, "shape", shape_name(r->what.shape));
    add_whole(f, "rows", r->what.rows);
    add_whole(f, "vocab", r->what.vocab);
    add_text(f, "dtype", dtype_name(r->what.dtype));
    add_text(f, "who", "lmsample");
    add_whole(f, "repeats", r->repeats);
    add_whole(f, "batches", r->batches);
    add_whole(f, "batch_bytes", r->batch_bytes);
    add_paired(f, temperature, &r->over[0]);
    add_real(f, "over_temperature_at_most", bound(c->over_temperature));
    add_paired(f, logprob, &r->over[1]);
    add_real(f, "over_logprob_at_most", bound(c->over_logprob));
    if (c->beside > 0) {
        add_text(f, "beside", request_name(c->beside - 1));
    } else {
        add_real(f, "beside", NAN);
    }
    add_paired(f, beside, &r->over_beside);
    add_real(f, "over_beside_at_most", bound(c->over_beside));
    add_real(f, "median_s", r->median_s.wall);
    add_real(f, "cpu_median_s", r->median_s.cpu);
    add_real(f, "temperature_median_s", r->base_median_s[0].wall);
    add_real(f, "temperature_cpu_median_s", r->base_median_s[0].cpu);
    add_real(f, "logprob_median_s", r->base_median_s[1].wall);
    add_real(f, "logprob_cpu_median_s", r->base_median_s[1].cpu);
    add_whole(f, "launches", r->launches);
    add_whole(f, "checked_rows", r->checked_rows);
}

void fields_of_serving(fields *f, const serve_result *r)
{
    f->count = 0;
    add_text(f, "strategy", "serving");
    add_text(f, "shape", shape_name(r->what.shape));
    add_whole(f, "slots", r->what.rows);
    add_whole(f, "vocab", r->what.vocab);
    add_text(f, "dtype", dtype_name(r->what.dtype));
    add_text(f, "who", "lmsample");
    add_real(f, "seconds", r->seconds);
    add_whole(f, "steps", r->steps);
    add_real(f, "rows_per_step", r->rows_per_step);
    add_whole(f, "tokens", r->tokens);
    add_real(f, "tokens_per_s", r->tokens_per_s);
    add_whole(f, "arrived", r->arrived);
    add_whole(f, "finished", r->finished);
    add_whole(f, "waiting", r->waiting);
    add_real(f, "calls_per_step", r->calls_per_step);
    add_real(f, "launches_per_step", r->launches_per_step);
    add_real(f, "median_s", r->median_s);
    add_real(f, "p99_s", r->p99_s);
    add_real(f, "sampler_median_s", r->sampler_median_s);
    add_real(f, "beam_median_s", r->beam_median_s);
    add_real(f, "contrastive_median_s", r->contrastive_median_s);
    add_whole(f, "resident_begin_bytes", r->resident_begin);
    add_whole(f, "resident_end_bytes", r->resident_end);
    add_whole(f, "device_begin_bytes", r->device_begin);
    add_whole(f, "device_end_bytes", r->device_end);
    add_whole(f, "samples", r->samples);
    add_whole(f, "compared_tokens", r->compared);
}

void fields_of_part(fields *f, const beam_part *p)
{
    f->count = 0;
    add_text(f, "shape", shape_name(p->what.shape));
    add_whole(f, "vocab", p->what.vocab);
    add_text(f, "dtype", dtype_name(p->what.dtype));
    add_whole(f, "requests", p->what.requests);
    add_whole(f, "live", p->live);
    add_whole(f, "width", p->what.width);
    add_whole(f, "max_width", p->max_width);
    add_whole(f, "repeats", p->repeats);
    add_real(f, "over_alone", p->over_alone);
    add_real(f, "over_alone_p5", p->over_alone_p5);
    add_real(f, "over_alone_p95", p->over_alone_p95);
    add_real(f, "median_s", p->median_s);
    add_real(f, "alone_median_s", p->alone_median_s);
}

void fields_of_heavy(fields *f, const heavy *h)
{
    f->count = 0;
    add_text(f, "strategy", subject_strategy(HEAVY_STRATEGY));
    add_whole(f, "rows", h->rows);
    add_whole(f, "vocab", h->vocab);
    add_text(f, "dtype", dtype_name(h->dtype));
    add_whole(f, "repeats", h->repeats);
    add_real(f, "over_mean", h->over_mean);
    add_real(f, "over_mean_p5", h->over_mean_p5);
    add_real(f, "over_mean_p95", h->over_mean_p95);
    add_real(f, "median_s", h->median_s);
    add_real(f, "peaked_median_s", h->peaked_median_s);
    add_real(f, "flat_median_s", h->flat_median_s);
}

void fields_of_heading(fields *f, const selection *s)
{
    result none;
    beam_result no_beam;
    contrastive_result no_contrast;
    request_result no_request;
    serve_result no_serving;
    memset(&none, 0, sizeof none);
    memset(&no_beam, 0, sizeof no_beam);
    memset(&no_contrast, 0, sizeof no_contrast);
    if (s->beam) {
        fields_of_beam(f, &no_beam);
    } else if (s->contrastive) {
        fields_of_contrast(f, &no_contrast);
    } else if (s->requests) {
        memset(&no_request, 0, sizeof no_request);
        fields_of_request(f, &no_request);
    } else if (s->serve) {
        memset(&no_serving, 0, sizeof no_serving);
        fields_of_serving(f, &no_serving);
    } else {
        fields_of_case(f, &none);
    }
}
