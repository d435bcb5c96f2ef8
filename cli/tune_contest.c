#include "tune_contest.h"

#include "clock.h"
#include "message.h"
#include "tune_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_ROUNDS = 5 /* fewer do not show how much they differ by themselves */
};
#define SAMPLE_SECONDS 0.002 /* of one sample, at least: several calls if they are short */

typedef struct contest_run_state {
    contest *c;
    const tune_rig *rig;
    lms_sampler *samplers[CONTEST_SHAPES];
    size_t calls[CONTEST_CASES]; /* of one sample */
    size_t next[CONTEST_CASES];  /* rows of logits */
    double times[CONTEST_SHAPES][CONTEST_CASES][CONTEST_ROUNDS];
} run_state;

bool contest_has(const contest *c, size_t shape) { return c->shapes[shape].problem[0] == '\0'; }

/* --- Before: samplers, and that they agree ----------------------------------------------- */

/* The first one is what the library chose, or grew out of that: it has to work. */
static int make_samplers(run_state *s)
{
    for (size_t i = 0; i < s->c->shape_count; i++) {
        contestant *const one = &s->c->shapes[i];
        const int status = tune_rig_sampler(s->rig, &one->shape, &s->samplers[i], one->problem,
                                            sizeof one->problem);
        if (status != EXIT_DONE) return status;
        if (i == 0 && !contest_has(s->c, 0)) {
            return fail(EXIT_DEVICE, "device: %s", one->problem);
        }
        tune_progress_show();
    }
    return EXIT_DONE;
}

static int differ(const contest *c, size_t shape, const tune_case *at, const int32_t *expected,
                  const int32_t *tokens)
{
    char text[LMS_SHAPE_BYTES], first[LMS_SHAPE_BYTES];
    uint32_t row = 0;
    while (tokens[row] == expected[row]) row++;
    tune_shape_print(&c->shapes[shape].shape, text);
    tune_shape_print(&c->shapes[0].shape, first);
    return fail(EXIT_DEVICE,
                "the shape %s gives token %ld, must be %ld as by %s (%s, row %lu of %lu): the "
                "device does not compute as it should, nothing is stored",
                text, (long)tokens[row], (long)expected[row], first,
                tune_strategies[at->strategy], (unsigned long)row, (unsigned long)at->rows);
}

static int compare_tokens(run_state *s)
{
    int32_t expected[TUNE_ROWS], tokens[TUNE_ROWS];
    for (size_t k = 0; k < s->c->case_count; k++) {
        const tune_case *const at = &s->c->cases[k];
        int status = tune_rig_tokens(s->rig, s->samplers[0], at, expected);
        for (size_t i = 1; i < s->c->shape_count && status == EXIT_DONE; i++) {
            if (!contest_has(s->c, i)) continue;
            status = tune_rig_tokens(s->rig, s->samplers[i], at, tokens);
            if (status == EXIT_DONE && memcmp(tokens, expected, at->rows * sizeof *tokens) != 0)
                status = differ(s->c, i, at, expected, tokens);
        }
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

/* How many calls a sample takes, by the first shape. */
static int choose_calls(run_state *s)
{
    for (size_t k = 0; k < s->c->case_count; k++) {
        double seconds = 0;
        const int status =
            tune_rig_time(s->rig, s->samplers[0], &s->c->cases[k], 0, 2, &seconds);
        if (status != EXIT_DONE) return status;
        const double calls = ceil(SAMPLE_SECONDS / fmax(seconds, 1e-6));
        s->calls[k] = calls < 2 ? 1 : (size_t)calls;
    }
    return EXIT_DONE;
}

/* --- Rounds ------------------------------------------------------------------------------ */

/* Each round begins with another shape. No two samples take the same rows of logits: the
 * second one would find them in a cache. */
static int run_round(run_state *s, size_t round)
{
    const size_t count = s->c->shape_count;
    for (size_t k = 0; k < s->c->case_count; k++) {
        for (size_t turn = 0; turn < count; turn++) {
            const size_t i = (turn + round) % count;
            if (!contest_has(s->c, i)) continue;
            const int status = tune_rig_time(s->rig, s->samplers[i], &s->c->cases[k],
                                             s->next[k], s->calls[k], &s->times[i][k][round]);
            s->next[k] += s->calls[k];
            if (status != EXIT_DONE) return status;
        }
        tune_progress_show();
    }
    return EXIT_DONE;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Few rounds do not show well how much they differ: three times this factor is as rarely passed
 * by chance, after any number of them, as three after many (Student's t, by the first terms of
 * its expansion; Fisher and Cornish 1960). */
static double student(size_t count)
{
    const double freedom = (double)(count - 1);
    return 1 + (2.5 + 5.75 / freedom) / freedom;
}

/* The standard error of the logarithms of the ratios, as wide as their number makes it: what
 * their mean differs by, by chance. */
static double error_of(const double *ratios, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t r = 0; r < count; r++) sum += log(ratios[r]);
    for (size_t r = 0; r < count; r++) {
        const double off = log(ratios[r]) - sum / (double)count;
        squares += off * off;
    }
    return student(count) * sqrt(squares / (double)(count - 1) / (double)count);
}

/* From the last shape on: the first one's times are needed in their order. */
static void conclude(run_state *s)
{
    double ratios[CONTEST_ROUNDS];
    const size_t rounds = s->c->rounds;
    for (size_t i = s->c->shape_count; i-- > 0;) {
        if (!contest_has(s->c, i)) continue;
        for (size_t k = 0; k < s->c->case_count; k++) {
            for (size_t r = 0; r < rounds; r++) {
                ratios[r] = fmax(s->times[i][k][r], 1e-9) / fmax(s->times[0][k][r], 1e-9);
            }
            s->c->shapes[i].errors[k] = error_of(ratios, rounds);
            s->c->shapes[i].ratios[k] = median(ratios, rounds);
            s->c->shapes[i].seconds[k] = median(s->times[i][k], rounds);
        }
    }
}

int contest_run(contest *c, const tune_rig *rig, double deadline)
{
    run_state *const s = calloc(1, sizeof *s);
    if (s == NULL) return fail_memory("times");
    s->c = c;
    s->rig = rig;
    int status = make_samplers(s);
    if (status == EXIT_DONE) status = compare_tokens(s);
    if (status == EXIT_DONE) status = choose_calls(s);
    for (c->rounds = 0; c->rounds < CONTEST_ROUNDS && status == EXIT_DONE; c->rounds++) {
        if (c->rounds >= LEAST_ROUNDS && clock_seconds() >= deadline) break;
        status = run_round(s, c->rounds);
    }
    if (status == EXIT_DONE) conclude(s);
    for (size_t i = 0; i < c->shape_count; i++) lms_sampler_destroy(s->samplers[i]);
    free(s);
    return status;
}

double contest_mean(const contest *c, size_t shape, uint32_t rows)
{
    double sum = 0;
    size_t count = 0;
    for (size_t k = 0; k < c->case_count; k++) {
        if (rows != 0 && c->cases[k].rows != rows) continue;
        sum += log(c->shapes[shape].ratios[k]);
        count++;
    }
    return count == 0 ? 1.0 : exp(sum / (double)count);
}

double contest_error(const contest *c, size_t shape, uint32_t rows)
{
    double squares = 0;
    size_t count = 0;
    for (size_t k = 0; k < c->case_count; k++) {
        if (rows != 0 && c->cases[k].rows != rows) continue;
        squares += c->shapes[shape].errors[k] * c->shapes[shape].errors[k];
        count++;
    }
    return count == 0 ? 0.0 : sqrt(squares) / (double)count;
}
