#include "demo_compare.h"

#include "beam_loop.h"
#include "sample_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint32_t widths[] = {2, 4, 8};

enum {
    WIDTHS = COUNT(widths),
    AT_ONCE = 25 /* prompts in one batch: bounds the memory for keys and values */
};

/* The two ways have log-probabilities that are rounded differently in their last bits. */
#define SAME 0.001

typedef struct {
    char *text; /* the file; its lines have become strings */
    char **lines;
    int count;
} prompt_list;

typedef struct {
    double greedy;
    double beam[WIDTHS]; /* sums over the prompts */
    int better[WIDTHS];  /* prompts for which a beam search found more than greedy */
    int worse[WIDTHS];
} totals;

static bool read_file(const setup *s, const char *name, prompt_list *list)
{
    FILE *file = fopen(name, "rb");
    bool good = false;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        const long size = ftell(file);
        list->text = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
        good = list->text != NULL && fseek(file, 0, SEEK_SET) == 0 &&
               fread(list->text, 1, (size_t)size, file) == (size_t)size;
    }
    if (file != NULL) {
        fclose(file);
    }
    if (!good) {
        fprintf(stderr, "%s: cannot read %s (--compare 0 does without it)\n", s->program, name);
    }
    return good;
}

/* The first lines of a file, at most `most`. */
static bool read_prompts(const setup *s, const char *name, int most, prompt_list *list)
{
    if (!read_file(s, name, list)) {
        return false;
    }
    list->lines = calloc((size_t)most, sizeof *list->lines);
    if (list->lines == NULL) {
        return fail(s, "no memory");
    }
    char *line = list->text;
    while (*line != '\0' && list->count < most) {
        char *end = line + strcspn(line, "\n");
        char *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        list->lines[list->count++] = line;
        line = next;
    }
    return list->count > 0 || fail(s, "there are no prompts to compare with");
}

/* Not divided by a length: it is the sum that the two ways are compared by. */
static void set_up(char *const *prompts, int count, int length, sample_row *rows,
                   beam_request *requests)
{
    for (int i = 0; i < count; i++) {
        rows[i] = (sample_row){.prompt = prompts[i], .params = LMS_ROW_PARAMS_INIT};
        rows[i].params.temperature = 0.0f;
        for (int w = 0; w < WIDTHS; w++) {
            beam_request *request = &requests[i * WIDTHS + w];
            *request =
                (beam_request){.prompt = prompts[i], .params = LMS_BEAM_PARAMS_INIT(widths[w])};
            request->params.length_counts = LMS_LENGTH_NONE;
            request->params.max_length = (uint32_t)length;
        }
    }
}

static void add(const sample_row *rows, const beam_request *requests, int count, totals *sums)
{
    for (int i = 0; i < count; i++) {
        const double greedy = rows[i].logprob;
        sums->greedy += greedy;
        for (int w = 0; w < WIDTHS; w++) {
            const double beam = requests[i * WIDTHS + w].results[0].logprob;
            sums->beam[w] += beam;
            sums->better[w] += beam > greedy + SAME;
            sums->worse[w] += beam < greedy - SAME;
        }
    }
}

static bool compare_some(const setup *s, char *const *prompts, int count, int length,
                         totals *sums)
{
    sample_row rows[AT_ONCE] = {0};
    beam_request requests[AT_ONCE * WIDTHS] = {0};
    set_up(prompts, count, length, rows, requests);
    const bool good =
        sample_all(s, rows, count, length, NULL) && beam_search(s, requests, count * WIDTHS);
    if (good) {
        add(rows, requests, count, sums);
    }
    sample_rows_free(rows, count);
    beam_requests_free(requests, count * WIDTHS);
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
    for (int w = 0; w < WIDTHS; w++) {
        printf("  beams, width %u  %8.3f  %20d  %4d  %4d\n", (unsigned)widths[w],
               sums->beam[w] / prompts, sums->better[w],
               prompts - sums->better[w] - sums->worse[w], sums->worse[w]);
    }
}

bool compare_beams(const setup *s, const char *file, int prompts, int length)
{
    prompt_list list = {0};
    totals sums = {0};
    bool good = read_prompts(s, file, prompts, &list);
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
    free(list.lines);
    free(list.text);
    return good;
}
