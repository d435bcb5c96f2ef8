#include "tune_search.h"

#include "clock.h"
#include "message.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct search {
    const tune_rig *rig;
    tune_result *result;
    tune_shape best; /* so far */
    bool is_cpu;
    bool is_quick;
    double deadline;
    double shares; /* of the time: of all contests that are still to come */
} search;

bool tune_is_new(const tune_result *result)
{
    return !tune_shape_is_same(&result->start, &result->best);
}

/* --- A contest --------------------------------------------------------------------------- */

static contest *add_contest(search *s, const char *what)
{
    contest *const c = &s->result->contests[s->result->contest_count++];
    *c = (contest){.what = what};
    return c;
}

static void add_shape(contest *c, const tune_shape *shape)
{
    for (size_t i = 0; i < c->shape_count; i++) {
        if (tune_shape_is_same(&c->shapes[i].shape, shape)) return;
    }
    if (c->shape_count < CONTEST_SHAPES) c->shapes[c->shape_count++].shape = *shape;
}

static void add_cases(contest *c, uint32_t rows)
{
    for (size_t strategy = 0; strategy < TUNE_STRATEGIES; strategy++) {
        c->cases[c->case_count++] = (tune_case){strategy, rows};
    }
}

/* With its share of the time that is left. */
static int run_contest(search *s, contest *c, double share)
{
    const double now = clock_seconds();
    const double seconds = fmax(s->deadline - now, 0) * share / s->shares;
    s->shares -= share;
    return contest_run(c, s->rig, now + seconds);
}

static void skip_contest(search *s, double share) { s->shares -= share; }

/* The logarithm of what a shape gains, below 0 if it does; what is no difference, or may be
 * chance, counts nothing. */
static double gain_at(const contest *c, size_t shape, uint32_t rows)
{
    const double mean = contest_mean(c, shape, rows);
    const double noise = TUNE_ERRORS * contest_error(c, shape, rows);
    return fabs(mean - 1) > TUNE_LEAST_GAIN && fabs(log(mean)) > noise ? log(mean) : 0;
}

static double gain_of(const search *s, const contest *c, size_t shape)
{
    const uint32_t rows = s->rig->rows;
    return gain_at(c, shape, 1) + (rows > 1 ? gain_at(c, shape, rows) : 0);
}

static void take_best(search *s, const contest *c)
{
    double least = log(1 - TUNE_LEAST_GAIN);
    for (size_t i = 1; i < c->shape_count; i++) {
        if (!contest_has(c, i) || gain_of(s, c, i) >= least) continue;
        least = gain_of(s, c, i);
        s->best = c->shapes[i].shape;
    }
}

/* --- One field after the other ------------------------------------------------------------ */

typedef struct value_list {
    size_t count;
    uint32_t values[6];
} value_list;

static const value_list teams_of_cpu = {2, {1, 8}}, teams_of_gpu = {4, {32, 64, 128, 256}},
                        quick_teams_of_gpu = {2, {64, 256}};
static const value_list all_lanes = {2, {8, 16}};
static const value_list all_chunks = {6, {8, 16, 32, 64, 128, 256}},
                        quick_chunks = {3, {8, 32, 128}};

static int try_values(search *s, const char *what, size_t field, const value_list *list,
                      double share)
{
    contest *const c = add_contest(s, what);
    add_shape(c, &s->best);
    for (size_t i = 0; i < list->count; i++) {
        tune_shape shape = s->best;
        memcpy((char *)&shape + field, &list->values[i], sizeof list->values[i]);
        add_shape(c, &shape);
    }
    add_cases(c, 1);
    if (s->rig->rows > 1) add_cases(c, s->rig->rows);
    const int status = run_contest(s, c, share);
    if (status == EXIT_DONE) take_best(s, c);
    return status;
}

/* The best of several is a little lucky: it has to win once more, against the first one. */
static int try_again(search *s, double share)
{
    if (tune_shape_is_same(&s->best, &s->result->start)) {
        skip_contest(s, share);
        return EXIT_DONE;
    }
    contest *const c = add_contest(s, "again");
    add_shape(c, &s->result->start);
    add_shape(c, &s->best);
    add_cases(c, 1);
    if (s->rig->rows > 1) add_cases(c, s->rig->rows);
    const int status = run_contest(s, c, share);
    if (status != EXIT_DONE) return status;
    s->best = s->result->start;
    take_best(s, c);
    return EXIT_DONE;
}

/* --- From how many rows on to fuse -------------------------------------------------------- */

/* The fewest rows from which on to fuse is always faster; more than can be if it never is. */
static uint32_t find_crossing(const contest *c)
{
    uint32_t from = UINT32_MAX;
    for (size_t k = c->case_count; k > 0; k -= TUNE_STRATEGIES) {
        const uint32_t rows = c->cases[k - 1].rows;
        if (contest_mean(c, 1, rows) >= 1) break;
        from = rows;
    }
    return from;
}

/* What the rows gain for which the answer is another one, in the mean; nothing if that may be
 * chance. */
static double crossing_gain(const contest *c, uint32_t from, uint32_t old)
{
    double sum = 0, squares = 0;
    size_t count = 0;
    for (size_t k = 0; k < c->case_count; k += TUNE_STRATEGIES) {
        const uint32_t rows = c->cases[k].rows;
        if ((rows >= from) == (rows >= old)) continue;
        const double fused = log(contest_mean(c, 1, rows));
        const double error = contest_error(c, 1, rows);
        sum += rows >= from ? fused : -fused;
        squares += error * error;
        count++;
    }
    return fabs(sum) <= TUNE_ERRORS * sqrt(squares) ? 0 : sum / (double)count;
}

static int try_fusing(search *s, double share)
{
    if (s->best.team != 1) {
        skip_contest(s, share);
        return EXIT_DONE;
    }
    contest *const c = add_contest(s, "fuse_from");
    tune_shape shape = s->best;
    shape.fuse_from = UINT32_MAX;
    add_shape(c, &shape);
    shape.fuse_from = 1;
    add_shape(c, &shape);
    for (uint32_t rows = 1; rows <= s->rig->rows; rows *= s->is_quick ? 4 : 2) {
        add_cases(c, rows);
    }
    const int status = run_contest(s, c, share);
    if (status != EXIT_DONE) return status;
    const uint32_t from = find_crossing(c);
    if (crossing_gain(c, from, s->best.fuse_from) < log(1 - TUNE_LEAST_GAIN)) {
        s->best.fuse_from = from;
    }
    return EXIT_DONE;
}

/* --- All of it --------------------------------------------------------------------------- */

/* The library makes a team smaller that the kernels cannot have; so the one in use is found. */
static int find_start(const tune_rig *rig, tune_result *result)
{
    char problem[200];
    const lms_status chosen =
        tune_shape_in_use(rig->context, rig->type, TUNE_VOCAB, &result->start, &result->origin);
    if (chosen != LMS_OK) return fail_library("device", chosen);
    for (;;) {
        lms_sampler *sampler = NULL;
        const int status =
            tune_rig_sampler(rig, &result->start, &sampler, problem, sizeof problem);
        lms_sampler_destroy(sampler);
        if (status != EXIT_DONE) return status;
        if (problem[0] == '\0') return EXIT_DONE;
        if (result->start.team == 1) return fail(EXIT_DEVICE, "device: %s", problem);
        result->start.team /= 2;
    }
}

static int search_all(search *s)
{
    const double team = 2, lanes = 2, chunk = 2, again = 1, fuse = 3;
    const value_list *const teams = s->is_cpu     ? &teams_of_cpu
                                    : s->is_quick ? &quick_teams_of_gpu
                                                  : &teams_of_gpu;
    const bool has_teams = !(s->is_cpu && s->is_quick);
    int status = EXIT_DONE;
    s->shares = lanes + chunk + again + fuse + (has_teams ? team : 0);
    if (has_teams) {
        status = try_values(s, "team", offsetof(tune_shape, team), teams, team);
    }
    if (status == EXIT_DONE) {
        status = try_values(s, "lanes", offsetof(tune_shape, lanes), &all_lanes, lanes);
    }
    if (status == EXIT_DONE) {
        status = try_values(s, "chunk", offsetof(tune_shape, chunk),
                            s->is_quick ? &quick_chunks : &all_chunks, chunk);
    }
    if (status == EXIT_DONE) status = try_again(s, again);
    if (status == EXIT_DONE) status = try_fusing(s, fuse);
    return status;
}

int tune_search(lms_context *context, lms_dtype type, bool is_quick, double deadline,
                tune_result *result)
{
    tune_rig rig;
    cl_device_type device = 0;
    *result = (tune_result){.type = type};
    int status = tune_rig_open(&rig, context, type);
    if (status == EXIT_DONE) status = find_start(&rig, result);
    if (status == EXIT_DONE) {
        search s = {.rig = &rig, .result = result, .best = result->start};
        clGetDeviceInfo(lms_context_device(context), CL_DEVICE_TYPE, sizeof device, &device,
                        NULL);
        s.is_cpu = (device & CL_DEVICE_TYPE_CPU) != 0;
        s.is_quick = is_quick;
        s.deadline = deadline;
        result->rows = rig.rows;
        status = search_all(&s);
        result->best = s.best;
    }
    tune_rig_close(&rig);
    return status;
}
