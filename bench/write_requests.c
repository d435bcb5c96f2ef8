/* write_requests.c - the tables of requests and of serving. */
#include "say.h"
#include "write.h"

#include <math.h>

/* "  1.07* " */
static void print_ratio(double ratio, double at_most)
{
    if (isnan(ratio)) {
        table_print(" %6s ", "-");
    } else {
        table_print(" %6.3f%s", ratio, at_most > 0.0 && ratio > at_most ? "*" : " ");
    }
}

static void print_bound(double at_most)
{
    if (at_most > 0.0) {
        table_print(" %5.2f", at_most);
    } else {
        table_print(" %5s", "");
    }
}

static void print_paired(const paired *p, double at_most)
{
    print_ratio(p->ratio.wall, at_most);
    print_ratio(p->ratio.cpu, at_most);
    print_bound(at_most);
}

static void print_request(const request_result *r)
{
    const request_case *const c = &request_cases[r->which];
    table_print("  %-33s", c->name);
    print_paired(&r->over[0], c->over_temperature);
    print_paired(&r->over[1], c->over_logprob);
    table_print(" %9.3f %9.3f %8u %7u\n", 1e3 * r->median_s.wall, 1e3 * r->median_s.cpu,
                r->launches, r->checked_rows);
}

static void print_beside(const request_result *r)
{
    const request_case *const c = &request_cases[r->which];
    if (isnan(r->over_beside.ratio.wall)) return;
    table_print("  %s over %s:", c->name, request_name(c->beside - 1));
    print_paired(&r->over_beside, c->over_beside);
    table_print("\n");
}

void table_requests(const results *all, size_t from)
{
    if (from >= all->request_count) return;
    const request_result *const first = &all->requests[from];
    const request_setting *const s = &first->what;
    table_print(
        "\n%s: %u x %u %s, %.1f MB a batch, batches %zu; %u repeats; temperature %.3f ms",
        shape_name(s->shape), s->rows, s->vocab, dtype_name(s->dtype),
        1e-6 * (double)first->batch_bytes, first->batches, first->repeats,
        1e3 * first->base_median_s[0].wall);
    table_print(", %.3f of CPU\n", 1e3 * first->base_median_s[0].cpu);
    table_print("  %-33s %6s  %6s  %5s %6s  %6s  %5s %9s %9s %8s %7s\n", "", "/tempe", "CPU",
                "most", "/log-p", "CPU", "most", "median ms", "CPU ms", "launches", "checked");
    for (size_t i = from; i < all->request_count; ++i) print_request(&all->requests[i]);
    for (size_t i = from; i < all->request_count; ++i) print_beside(&all->requests[i]);
}

static double mib(size_t bytes) { return (double)bytes / (1 << 20); }

void table_serving(const serve_result *r)
{
    const setting *const s = &r->what;
    table_print("\nserving: %s, %u slots x %u %s, %.1f s, %zu steps\n", shape_name(s->shape),
                s->rows, s->vocab, dtype_name(s->dtype), r->seconds, r->steps);
    table_print("  sequences      %.1f in a step; %llu requests came, %llu sequences are over, "
                "%llu requests wait\n",
                r->rows_per_step, (unsigned long long)r->arrived,
                (unsigned long long)r->finished, (unsigned long long)r->waiting);
    table_print("  tokens/s       %.0f (%llu)\n", r->tokens_per_s,
                (unsigned long long)r->tokens);
    table_print("  step, ms       %.3f median, %.3f p99\n", 1e3 * r->median_s, 1e3 * r->p99_s);
    table_print(
        "    of it        %.3f slots and sampler, %.3f beams, %.3f contrastive search\n",
        1e3 * r->sampler_median_s, 1e3 * r->beam_median_s, 1e3 * r->contrastive_median_s);
    table_print("  calls          %.2f a step, %.2f launches\n", r->calls_per_step,
                r->launches_per_step);
    table_print(
        "  memory, MiB    resident %.1f at begin, %.1f at end; the device's %.1f, %.1f\n",
        mib(r->resident_begin), mib(r->resident_end), mib(r->device_begin), mib(r->device_end));
    table_print("  alone          %u sequences again, %llu tokens, all as they were\n",
                r->samples, (unsigned long long)r->compared);
}
