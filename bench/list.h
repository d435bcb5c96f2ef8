/* list.h - what would be measured, in print: strategies or modes, and settings. */
#ifndef BENCH_LIST_H
#define BENCH_LIST_H

#include "beam_cases.h"
#include "cases.h"
#include "contrastive_cases.h"
#include "request_cases.h"

void list_cases(const plan *p);
void list_beams(const beam_plan *p);
void list_requests(const request_plan *p);
void list_contrasts(const contrastive_plan *p);

#endif
