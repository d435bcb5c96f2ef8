#include "machine.h"
#include "summary.h"
#include "write.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The tables, which come behind the summary; standard output where they cannot be held. */
static FILE *held;

void table_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(held != NULL ? held : stdout, format, arguments);
    va_end(arguments);
}

/* Also at an end that nobody expected: what was measured is shown. */
static void release(void)
{
    char bytes[1 << 14];
    size_t got = 0;
    if (held == NULL || held == stdout) return;
    rewind(held);
    while ((got = fread(bytes, 1, sizeof bytes, held)) > 0) fwrite(bytes, 1, got, stdout);
    fclose(held);
    held = NULL;
    fflush(stdout);
}

void table_begin(const heading *h)
{
    char cpu[128];
    machine_cpu(cpu, sizeof cpu);
    printf("%s, %u cores\n", cpu, machine_cores());
    printf("%s: %s, %u compute units, driver %s\n", h->on->device.platform, h->on->device.name,
           h->on->device.compute_units, h->on->device.driver);
    if (!h->o->selected.requests && !h->o->selected.serve)
        printf("ratio: median of (time of one read / time of the step); the read is %s\n",
               h->on->reads_on_device ? "an OpenCL kernel's" : "plain C's, on as many threads");
    if (h->o->cpu_time) printf("all times are CPU time, of all threads together\n");
    if (h->o->selected.beam)
        printf(
            "/top-k: median of (time of the step / time of a top-k step of the same rows that "
            "returns\nlog-probabilities too, k = 2 x beams)\n");
    if (h->o->selected.requests)
        printf(
            "/temperature, /log-prob: median of (time of the step / time of a step of the same "
            "rows that\nhave no request), without and with the raw log-probability; by the "
            "wall "
            "clock and by CPU time;\n* above what is to be held\n");
    if (h->o->selected.contrastive)
        printf("the read is of the contexts, as they are stored; of propose, of the logits: "
               "width is the vocabulary\n");
    fflush(stdout);
    held = tmpfile();
    atexit(release);
}

static void print_seconds(double seconds)
{
    if (isnan(seconds)) {
        table_print(" %9s", "-");
    } else {
        table_print(" %9.*f", seconds < 0.01 ? 4 : seconds < 1 ? 3 : 2, 1e3 * seconds);
    }
}

static void print_case(const result *r)
{
    const double bytes = (double)r->batch_bytes;
    table_print("  %-25s %6.3f  %5.2f-%-5.2f", subject_name(r->subject), r->ratio, r->ratio_p5,
                r->ratio_p95);
    print_seconds(r->median_s);
    print_seconds(r->p95_s);
    print_seconds(r->p99_s);
    table_print(" %5.2f", r->p99_s / r->median_s);
    print_seconds(r->device_s);
    table_print(" %11.0f %8.2f", r->what.rows / r->median_s, 1e-9 * bytes / r->median_s);
    if (r->draws > 0) {
        table_print(" %8.1f %6.2f %6.1f", r->attempts, r->passes, 100 * r->pass_share);
    } else {
        table_print(" %8s %6s %6s", "-", "-", "-");
    }
    if (r->launches > 0) {
        table_print(" %8u\n", r->launches);
    } else {
        table_print(" %8s\n", "-");
    }
}

void table_setting(const results *all, size_t from)
{
    if (from >= all->count) return;
    const result *const first = &all->cases[from];
    const setting *const s = &first->what;
    table_print("\n%s: %u x %u %s, %.1f MB a batch, %s%zu; %u repeats, read %.2f GB/s\n",
                shape_name(s->shape), s->rows, s->vocab, dtype_name(s->dtype),
                1e-6 * (double)first->batch_bytes,
                s->rotated ? "batches " : "just written, batches ", first->batches,
                first->repeats, 1e-9 * (double)first->batch_bytes / first->read_median_s);
    table_print("  %-25s %6s  %-11s %9s %9s %9s %5s %9s %11s %8s %8s %6s %6s %8s\n", "",
                "ratio", "p5-p95", "median ms", "p95 ms", "p99 ms", "/med", "device ms",
                "rows/s", "GB/s", "attempts", "passes", "draws%", "launches");
    for (size_t i = from; i < all->count; ++i) print_case(&all->cases[i]);
}

static void print_beam(const beam_result *r)
{
    const double rows = (double)r->what.requests * r->what.width;
    table_print("  %-12s %6.3f  %5.2f-%-5.2f %6.3f  %5.2f-%-5.2f", beam_mode_name(r->mode),
                r->ratio, r->ratio_p5, r->ratio_p95, r->over_top_k, r->over_top_k_p5,
                r->over_top_k_p95);
    print_seconds(r->median_s);
    print_seconds(r->p95_s);
    print_seconds(r->p99_s);
    print_seconds(r->top_k_median_s);
    print_seconds(r->device_s);
    table_print(" %11.0f %8.2f %8u\n", rows / r->median_s,
                1e-9 * (double)r->batch_bytes / r->median_s, r->launches);
}

void table_beams(const results *all, size_t from)
{
    if (from >= all->beam_count) return;
    const beam_result *const first = &all->beams[from];
    const beam_setting *const s = &first->what;
    table_print(
        "\n%s: %u requests x %u beams, %u %s, %.1f MB a batch, batches %zu; %u repeats, read "
        "%.2f GB/s\n",
        shape_name(s->shape), s->requests, s->width, s->vocab, dtype_name(s->dtype),
        1e-6 * (double)first->batch_bytes, first->batches, first->repeats,
        1e-9 * (double)first->batch_bytes / first->read_median_s);
    table_print("  %-12s %6s  %-11s %6s  %-11s %9s %9s %9s %9s %9s %11s %8s %8s\n", "", "ratio",
                "p5-p95", "/top-k", "p5-p95", "median ms", "p95 ms", "p99 ms", "top-k ms",
                "device ms", "rows/s", "GB/s", "launches");
    for (size_t i = from; i < all->beam_count; ++i) print_beam(&all->beams[i]);
}

static void print_beam_parts(const results *all)
{
    if (all->beam_part_count == 0) return;
    const beam_setting *const s = &all->beam_parts[0].what;
    table_print(
        "\nrequests that are done, or narrow: steps over steps of the live beams alone, %s, "
        "%u %s\n",
        shape_name(s->shape), s->vocab, dtype_name(s->dtype));
    table_print("  %8s %5s %5s %8s %6s  %-11s %9s %9s\n", "requests", "live", "width",
                "made for", "over", "p5-p95", "median ms", "alone ms");
    for (size_t i = 0; i < all->beam_part_count; ++i) {
        const beam_part *const p = &all->beam_parts[i];
        table_print("  %8u %5u %5u %8u %6.3f  %5.2f-%-5.2f", p->what.requests, p->live,
                    p->what.width, p->max_width, p->over_alone, p->over_alone_p5,
                    p->over_alone_p95);
        print_seconds(p->median_s);
        print_seconds(p->alone_median_s);
        table_print("\n");
    }
}

void table_contrasts(const results *all, size_t from)
{
    if (from == 0 && all->contrast_count > 0)
        table_print("\n  %-7s %8s %7s %6s %3s %-8s %6s  %-11s %9s %9s %9s %9s %8s %8s %8s\n",
                    "", "requests", "context", "width", "k", "type", "ratio", "p5-p95",
                    "median ms", "p95 ms", "p99 ms", "device ms", "GB/s", "read", "launches");
    for (size_t i = from; i < all->contrast_count; ++i) {
        const contrastive_result *const r = &all->contrasts[i];
        const contrastive_size *const s = &r->what.size;
        const bool of_logits = r->call == CALL_PROPOSE;
        table_print("  %-7s %8u %7u %6u %3u %-8s %6.3f  %5.2f-%-5.2f",
                    contrastive_call_name(r->call), s->requests, of_logits ? 1 : s->context,
                    of_logits ? r->vocab : s->width, s->k, dtype_name(r->what.dtype), r->ratio,
                    r->ratio_p5, r->ratio_p95);
        print_seconds(r->median_s);
        print_seconds(r->p95_s);
        print_seconds(r->p99_s);
        print_seconds(r->device_s);
        table_print(" %8.2f %8.2f %8u\n", 1e-9 * (double)r->bytes / r->median_s,
                    1e-9 * (double)r->bytes / r->read_median_s, r->launches);
    }
}

static void print_mixed(const results *all)
{
    if (all->mixed_count > 0) table_print("\n");
    for (size_t i = 0; i < all->mixed_count; ++i) {
        const mixed *const m = &all->mixed[i];
        table_print(
            "every row different, %s %u x %u %s: %.2f of the mean of its uniform batches\n",
            shape_name(m->what.shape), m->what.rows, m->what.vocab, dtype_name(m->what.dtype),
            m->over_mean);
    }
}

static void print_heavy(const results *all)
{
    if (all->heavy_count > 0) table_print("\n");
    for (size_t i = 0; i < all->heavy_count; ++i) {
        const heavy *const h = &all->heavy[i];
        table_print(
            "%s, %u x %u %s, one row flat and the others peaked: %.2f (%.2f-%.2f) of the "
            "mean of uniform batches, by rows\n",
            subject_name(HEAVY_STRATEGY), h->rows, h->vocab, dtype_name(h->dtype), h->over_mean,
            h->over_mean_p5, h->over_mean_p95);
    }
}

static void print_lines(const results *all)
{
    if (all->linear_count > 0) table_print("\ntime = fixed + slope x rows x vocabulary\n");
    for (size_t i = 0; i < all->linear_count; ++i) {
        const linear *const l = &all->linear[i];
        if (!line_fits(l)) {
            table_print("  %-25s %-9s %-9s no line: the %u sizes are up to %.0f %% off it%s\n",
                        subject_name(l->subject), shape_name(l->shape), dtype_name(l->dtype),
                        l->points, 100 * l->worst_relative_residual,
                        l->fixed_s < 0 ? ", which begins below 0" : "");
            continue;
        }
        table_print("  %-25s %-9s %-9s %8.1f us + %7.4f ns; %2u sizes, at most %3.0f %% off\n",
                    subject_name(l->subject), shape_name(l->shape), dtype_name(l->dtype),
                    1e6 * l->fixed_s, 1e9 * l->s_per_logit, l->points,
                    100 * l->worst_relative_residual);
    }
}

void table_end(const results *all)
{
    print_summary(all);
    print_mixed(all);
    print_heavy(all);
    print_lines(all);
    print_beam_parts(all);
    if (!isnan(all->cold_s)) {
        table_print(
            "\nstart, to the first token: %.2f s cold, %.2f s with the kernels compiled\n",
            all->cold_s, all->warm_s);
    }
    if (all->is_interrupted) table_print("\ninterrupted: not all was measured\n");
    release();
}
