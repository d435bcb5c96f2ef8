/* tune.c - `lmsample tune`: measures in which shape the kernels are fastest on a device, and
 * stores that where the library looks for it. */
#include "clock.h"
#include "command.h"
#include "message.h"
#include "output.h"
#include "sampling.h"
#include "tune_print.h"
#include "tune_progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_RESET = 512,
    KEY_SHOW,
    KEY_SECONDS,
    SECONDS = 90,
    QUICK_SECONDS = 15,
    MOST_SECONDS = 3600
};

typedef struct tune_wishes {
    sampling_options sampling; /* of which just the device is asked for */
    unsigned seconds;          /* 0: not said */
    bool json;
    bool quick;
    bool dry_run;
    bool reset;
    bool show;
} tune_wishes;

typedef struct tune_job {
    const tune_wishes *wishes;
    lms_context *context;
    bool has_path;
    char path[LMS_TUNING_PATH_BYTES];
    output *out;
    output *file; /* that is written in the end; NULL: none */
    tune_result results[TUNE_TYPES];
} tune_job;

static const lms_dtype types[TUNE_TYPES] = {LMS_FLOAT32, LMS_BFLOAT16};

/* --- The file ---------------------------------------------------------------------------- */

/* Opened before anything is measured: what cannot be written is said at once. */
static int open_file(tune_job *job)
{
    if (job->wishes->dry_run) return EXIT_DONE;
    if (lms_tuning_make_folder(job->context) != LMS_OK) {
        return fail(EXIT_OUTPUT, "%s", lms_error_message());
    }
    return output_open(job->path, &job->file);
}

static bool is_anything_new(const tune_job *job)
{
    return tune_is_new(&job->results[0]) || tune_is_new(&job->results[1]);
}

/* Writes what is new, and forgets the file if nothing is. */
static int store(tune_job *job, const char **stored)
{
    char text[LMS_TUNING_BYTES];
    char float32[LMS_SHAPE_BYTES], bits16[LMS_SHAPE_BYTES];
    output *const file = job->file;
    *stored = NULL;
    job->file = NULL;
    if (file == NULL || !is_anything_new(job)) {
        output_discard(file);
        return EXIT_DONE;
    }
    tune_shape_print(&job->results[0].best, float32);
    tune_shape_print(&job->results[1].best, bits16);
    const lms_status status = lms_tuning_text(job->context, float32, bits16, text);
    if (status != LMS_OK) {
        output_discard(file);
        return fail_library("device", status);
    }
    output_print(file, "%s", text);
    *stored = job->path;
    return output_commit(file);
}

static int reset(const tune_job *job)
{
    if (!job->has_path || (unlink(job->path) != 0 && (errno == ENOENT || errno == ENOTDIR))) {
        return output_print(job->out, "nothing was stored for this device\n");
    }
    if (access(job->path, F_OK) == 0) {
        return fail(EXIT_OUTPUT, "%s: cannot remove: %s", job->path, strerror(errno));
    }
    return output_print(job->out, "removed %s\n", job->path);
}

/* --- What it does ------------------------------------------------------------------------ */

static int show(tune_job *job)
{
    for (int i = 0; i < TUNE_TYPES; i++) {
        tune_result *const result = &job->results[i];
        result->type = types[i];
        const lms_status status = tune_shape_in_use(job->context, types[i], TUNE_VOCAB,
                                                    &result->start, &result->origin);
        if (status != LMS_OK) return fail_library("device", status);
    }
    return tune_print_shapes(job->out, job->results, job->has_path ? job->path : NULL,
                             job->wishes->json);
}

static int print_end(tune_job *job, const char *stored)
{
    if (job->wishes->json) return tune_print_json(job->out, job->results, stored);
    if (stored != NULL) return output_print(job->out, "stored in %s\n", stored);
    if (!is_anything_new(job)) return output_print(job->out, "nothing to store\n");
    return output_print(job->out, "dry run: nothing is stored\n");
}

/* What else runs takes cores from some samples and not from others. */
static void warn_if_busy(void)
{
    double load = 0;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&load, 1) == 1 && cores > 0 && load > 0.5 * (double)cores) {
        warn("the machine is busy (load %.1f, %ld cores): shapes may be misjudged", load,
             cores);
    }
}

static int tune(tune_job *job)
{
    const tune_wishes *const wishes = job->wishes;
    const char *stored = NULL;
    const double seconds = wishes->seconds > 0 ? wishes->seconds
                           : wishes->quick     ? QUICK_SECONDS
                                               : SECONDS;
    const char *const shape = getenv("LMS_SHAPE");
    if (shape != NULL && shape[0] != '\0') {
        return fail(EXIT_USAGE,
                    "LMS_SHAPE: is \"%s\", must not be set: it comes before what is "
                    "found here",
                    shape);
    }
    int status = open_file(job);
    if (status == EXIT_DONE) warn_if_busy();
    const double begin = clock_seconds();
    tune_progress_start(seconds);
    for (int i = 0; i < TUNE_TYPES && status == EXIT_DONE; i++) {
        status = tune_search(job->context, types[i], wishes->quick,
                             begin + seconds * (i + 1) / TUNE_TYPES, &job->results[i]);
        if (status != EXIT_DONE || wishes->json) continue;
        tune_print_result(job->out, &job->results[i]);
        status = output_flush(job->out);
    }
    tune_progress_end();
    if (status == EXIT_DONE) status = store(job, &stored);
    output_discard(job->file);
    job->file = NULL;
    return status == EXIT_DONE ? print_end(job, stored) : status;
}

static int run_job(tune_job *job)
{
    int status = output_open("-", &job->out);
    if (status != EXIT_DONE) return status;
    job->has_path = lms_tuning_path(job->context, job->path) == LMS_OK;
    if (job->wishes->reset) {
        status = reset(job);
    } else if (job->wishes->show) {
        status = show(job);
    } else {
        status = tune(job);
    }
    if (status == EXIT_DONE) return output_commit(job->out);
    output_discard(job->out);
    return status;
}

/* --- The command ------------------------------------------------------------------------- */

/* clang-format off: laid out by hand */
static const struct argp_option options[] = {
    {"device", 'd', "DEVICE", 0,
     "The first device whose \"platform: device\" name contains DEVICE (default: as for the "
     "other commands)",
     0},
    {"quick", 'q', NULL, 0, "Fewer shapes, in about 20 seconds", 0},
    {"seconds", KEY_SECONDS, "N", 0,
     "How long to measure, without what compilers take (default 90; with --quick 15)", 0},
    {"dry-run", 'n', NULL, 0, "Store nothing", 0},
    {"json", 'j', NULL, 0, "Print a JSON object, with every shape that was measured", 0},
    {"show", KEY_SHOW, NULL, 0, "Measure nothing: print the shapes in use", 0},
    {"reset", KEY_RESET, NULL, 0, "Measure nothing: remove what was stored for the device", 0},
    {0}};
/* clang-format on */

static void check_words(const tune_wishes *w)
{
    const bool measures_not = w->reset || w->show;
    if (w->reset && w->show) exit(fail(EXIT_USAGE, "--reset: does not go with --show"));
    if (w->reset && w->json) exit(fail(EXIT_USAGE, "--reset: does not go with --json"));
    if (measures_not && (w->quick || w->dry_run || w->seconds > 0)) {
        exit(fail(EXIT_USAGE, "%s: goes with none of --quick, --seconds and --dry-run",
                  w->reset ? "--reset" : "--show"));
    }
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    tune_wishes *const wishes = state->input;
    switch (key) {
    case 'd': wishes->sampling.device = value; return 0;
    case 'q': wishes->quick = true; return 0;
    case 'n': wishes->dry_run = true; return 0;
    case 'j': wishes->json = true; return 0;
    case KEY_SHOW: wishes->show = true; return 0;
    case KEY_RESET: wishes->reset = true; return 0;
    case KEY_SECONDS:
        wishes->seconds = (unsigned)parse_count(state, "seconds", value, 1, MOST_SECONDS);
        return 0;
    case ARGP_KEY_ARG: exit(fail(EXIT_USAGE, "takes no argument, has \"%s\"", value));
    case ARGP_KEY_END: check_words(wishes); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Measures in which shape the kernels are fastest on a device, and stores that in the "
    "user's "
    "cache folder, where the library finds it. No result depends on it: every shape gives the "
    "same tokens, which is checked.\v"
    "A shape is a team (work-items that share a row), lanes (tokens in a vector), a chunk "
    "(tiles "
    "of a work-group) and the number of rows from which on a row is done in one launch. What "
    "is "
    "stored counts for this device, driver and version of lmsample. A busy machine measures "
    "badly.",
    NULL,
    NULL,
    NULL};

static int run(int argc, char **argv)
{
    tune_wishes wishes = {.sampling = SAMPLING_OPTIONS_INIT};
    const int parsed = command_parse(&argp, argc, argv, &wishes);
    if (parsed != EXIT_DONE) return parsed;
    tune_job *const job = calloc(1, sizeof *job);
    if (job == NULL) return fail_memory("results");
    job->wishes = &wishes;
    int status = sampling_open(&wishes.sampling, &job->context);
    if (status == EXIT_DONE) status = run_job(job);
    lms_context_destroy(job->context);
    free(job);
    return status;
}

const command tune_command = {"tune", "Find the fastest shape of the kernels for a device",
                              &argp, run};
