#include "demo_compare.h"

#include "beam_loop.h"
#include "contrastive_loop.h"
#include "held_out.h"
#include "sample_loop.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint32_t widths[] = {2, 4, 8};

enum {
    WIDTHS = COUNT(widths),
    CONTRASTIVE = WIDTHS, /* the last of the ways that greedy is compared with */
    WAYS,
    AT_ONCE = 25 /* prompts in one batch: bounds the memory for keys and values */
};

/* The ways have log-probabilities that are rounded differently in their last bits. */
#define SAME 0.001

/* What some prompts are continued by. */
typedef struct {
    sample_row greedy[AT_ONCE];
    beam_request beams[AT_ONCE * WIDTHS];
    contrastive_request contrastive[AT_ONCE];
} texts;

typedef struct {
    double greedy;
    double other[WAYS]; /* sums over the prompts */
    int better[WAYS];   /* prompts for which a way found more than greedy */
    int worse[WAYS];
} totals;

/* Not divided by a length: it is the sum that the ways are compared by. */
static void set_up(char *const *prompts, int count, int length, texts *all)
{
    for (int i = 0; i < count; i++) {
        all->greedy[i] = (sample_row){.prompt = prompts[i], .params = LMS_ROW_PARAMS_INIT};
        all->greedy[i].params.filters.temperature = 0.0f;
        all->contrastive[i] = (contrastive_request){
            .prompt = prompts[i], .params = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 5)};
        for (int w = 0; w < WIDTHS; w++) {
            beam_request *request = &all->beams[i * WIDTHS + w];
            *request =
                (beam_request){.prompt = prompts[i], .params = LMS_BEAM_PARAMS_INIT(widths[w])};
            request->params.length_counts = LMS_BEAM_LENGTH_NONE;
            request->params.max_length = (uint32_t)length;
        }
    }
}

static void add(const texts *all, int count, totals *sums)
{
    for (int i = 0; i < count; i++) {
        const double greedy = all->greedy[i].logprob;
        sums->greedy += greedy;
        for (int way = 0; way < WAYS; way++) {
            const double other = way == CONTRASTIVE
                                     ? all->contrastive[i].logprob
                                     : all->beams[i * WIDTHS + way].results[0].logprob;
            sums->other[way] += other;
            sums->better[way] += other > greedy + SAME;
            sums->worse[way] += other < greedy - SAME;
        }
    }
}

static bool compare_some(const setup *s, char *const *prompts, int count, int length,
                         totals *sums)
{
    texts all = {0};
    set_up(prompts, count, length, &all);
    const bool good = sample_all(s, all.greedy, count, length, NULL) &&
                      beam_search(s, all.beams, count * WIDTHS) &&
                      contrastive_search(s, all.contrastive, count, length);
    if (good) {
        add(&all, count, sums);
    }
    sample_rows_free(all.greedy, count);
    beam_requests_free(all.beams, count * WIDTHS);
    contrastive_requests_free(all.contrastive, count);
    return good;
}

/* It takes some seconds until there is more to print. */
static void print_heading(int prompts, int length)
{
    printf("\n%d prompts from chapters that the model was not trained on, up to %d tokens for"
           " each:\n",
           prompts, length);
    printf("  mean log-probability      than greedy: more  same  less\n");
    fflush(stdout);
}

static void print_totals(const totals *sums, int prompts)
{
    printf("  greedy          %8.3f\n", sums->greedy / prompts);
    for (int way = 0; way < WAYS; way++) {
        char name[32] = "contrastive";
        if (way != CONTRASTIVE) {
            snprintf(name, sizeof name, "beams, width %u", (unsigned)widths[way]);
        }
        printf("  %-14s  %8.3f  %20d  %4d  %4d\n", name, sums->other[way] / prompts,
               sums->better[way], prompts - sums->better[way] - sums->worse[way],
               sums->worse[way]);
    }
}

bool compare_ways(const setup *s, const char *model_directory, int prompts, int length)
{
    prompt_list list = {0};
    totals sums = {0};
    bool good =
        read_held_out(s, model_directory, prompts, " (--compare 0 does without it)", &list);
    if (good) {
        print_heading(list.count, length);
    }
    for (int first = 0; first < list.count && good; first += AT_ONCE) {
        const int left = list.count - first;
        good =
            compare_some(s, list.lines + first, left < AT_ONCE ? left : AT_ONCE, length, &sums);
    }
    if (good) {
        print_totals(&sums, list.count);
    }
    prompt_list_free(&list);
    return good;
}
