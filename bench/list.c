#include "list.h"

#include "pool.h"

#include <stdio.h>

void list_cases(const plan *p)
{
    printf("strategies:\n");
    for (unsigned i = 0; i < SUBJECTS; ++i) printf("  %s\n", subject_name(i));
    printf("settings:\n");
    for (size_t i = 0; i < p->count; ++i) {
        const setting *const s = &p->settings[i];
        printf("  %-9s %5u x %6u %-9s%s:", shape_name(s->shape), s->rows, s->vocab,
               dtype_name(s->dtype), s->rotated ? "" : " just written");
        for (unsigned k = 0, n = 0; k < SUBJECTS; ++k) {
            if (s->subjects >> k & 1u) printf("%s %s", n++ > 0 ? "," : "", subject_name(k));
        }
        printf("\n");
    }
}

void list_beams(const beam_plan *p)
{
    printf("modes:\n");
    for (unsigned i = 0; i < BEAM_MODES; ++i) printf("  %s\n", beam_mode_name(i));
    printf("settings:\n");
    for (size_t i = 0; i < p->count; ++i) {
        const beam_setting *const s = &p->settings[i];
        printf("  %-9s %3u x %-4u beams of %6u %-9s:", shape_name(s->shape), s->requests,
               s->width, s->vocab, dtype_name(s->dtype));
        for (unsigned k = 0, n = 0; k < BEAM_MODES; ++k) {
            if (s->modes >> k & 1u) printf("%s %s", n++ > 0 ? "," : "", beam_mode_name(k));
        }
        printf("\n");
    }
}

void list_requests(const request_plan *p)
{
    printf("cases:\n");
    for (unsigned i = 0; i < REQUEST_CASES; ++i) printf("  %s\n", request_name(i));
    printf("settings:\n");
    for (size_t i = 0; i < p->count; ++i) {
        const request_setting *const s = &p->settings[i];
        printf("  %-9s %5u x %6u %-9s:", shape_name(s->shape), s->rows, s->vocab,
               dtype_name(s->dtype));
        for (unsigned k = 0, n = 0; k < REQUEST_CASES; ++k) {
            if (s->cases >> k & 1u) printf("%s %s", n++ > 0 ? "," : "", request_name(k));
        }
        printf("\n");
    }
}

void list_contrasts(const contrastive_plan *p)
{
    printf("settings: requests x context x width, candidates\n");
    for (size_t i = 0; i < p->count; ++i) {
        const contrastive_size *const s = &p->settings[i].size;
        printf("  %3u x %5u x %5u, k %2u, %s\n", s->requests, s->context, s->width, s->k,
               dtype_name(p->settings[i].dtype));
    }
}
