#include "options.h"

#include "beam_cases.h"
#include "pool.h"
#include "request_cases.h"
#include "say.h"
#include "words.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#ifndef LMS_BENCH_MODEL
#define LMS_BENCH_MODEL "examples/model"
#endif

enum {
    KEY_FULL = 0x100,
    KEY_ROWS,
    KEY_VOCAB,
    KEY_DTYPE,
    KEY_SHAPE,
    KEY_STRATEGY,
    KEY_FRESH,
    KEY_BEAM,
    KEY_MODE,
    KEY_CONTRASTIVE,
    KEY_REQUESTS,
    KEY_SERVE,
    KEY_REPEATS,
    KEY_SECONDS,
    KEY_DEVICE,
    KEY_WORK_ITEMS,
    KEY_ROTATE,
    KEY_READ_ON_DEVICE,
    KEY_HUGE_PAGES,
    KEY_CPU_TIME,
    KEY_EXTRAS,
    KEY_MODEL,
    KEY_ROWS_FILE,
    KEY_JSON,
    KEY_CSV,
    KEY_LIST,
    KEY_START_OF
};

/* clang-format off */
static const struct argp_option known[] = {
    {"full", KEY_FULL, NULL, 0, "The whole matrix, trimmed", 0},
    {NULL, 0, NULL, 0, "Subsets (lists with commas, or \"all\"); exactly their combinations "
     "are measured:", 0},
    {"rows", KEY_ROWS, "LIST", 0, "Rows of a batch", 0},
    {"vocab", KEY_VOCAB, "LIST", 0, "Logits of a row", 0},
    {"dtype", KEY_DTYPE, "LIST", 0, "float32, float16, bfloat16", 0},
    {"shape", KEY_SHAPE, "LIST", 0, "Of the logits: peaked, dominant, model, flat, equal, "
     "zipf, gumbel; real with --rows-file", 0},
    {"strategy", KEY_STRATEGY, "LIST", 0, "As --list names them", 0},
    {"fresh", KEY_FRESH, NULL, 0, "The logits have just been written, so they are in the "
     "cache; without this, batches rotate over several times its size", 0},
    {NULL, 0, NULL, 0, "Beam search:", 0},
    {"beam", KEY_BEAM, "LIST", OPTION_ARG_OPTIONAL, "Measure steps of beam search instead: of "
     "all sizes, or of these, REQUESTSxBEAMS, such as 16x4; --vocab, --dtype and --shape "
     "choose too", 0},
    {"mode", KEY_MODE, "LIST", 0, "Ways to search: search, diverse, stochastic", 0},
    {NULL, 0, NULL, 0, "Contrastive search:", 0},
    {"contrastive", KEY_CONTRASTIVE, "LIST", OPTION_ARG_OPTIONAL, "Measure contrastive search "
     "instead: of all sizes, or of these, REQUESTSxCONTEXTxWIDTHxCANDIDATES, such as "
     "8x2048x4096x5; --dtype chooses too", 0},
    {NULL, 0, NULL, 0, "Requests:", 0},
    {"requests", KEY_REQUESTS, "LIST", OPTION_ARG_OPTIONAL, "Measure what rows ask for "
     "instead, penalties, masks, log-probabilities ...: all cases, or these", 0},
    {"serve", KEY_SERVE, "SECONDS", OPTION_ARG_OPTIONAL, "Simulate serving instead, for so "
     "long (10); --rows are its slots (1024)", 0},
    {NULL, 0, NULL, 0, "Measuring:", 0},
    {"repeats", KEY_REPEATS, "N", 0, "Times that a case is measured at most", 0},
    {"case-seconds", KEY_SECONDS, "S", 0, "Seconds after which it gets no further repeat", 0},
    {"device", KEY_DEVICE, "NAME", 0, "Part of \"platform name: device name\"", 0},
    {"work-items", KEY_WORK_ITEMS, "N", 0, "Work-items that share a row", 0},
    {"rotate", KEY_ROTATE, "MIB", 0, "Logits to rotate over (without this, four times the "
     "last-level cache)", 0},
    {"read-on-device", KEY_READ_ON_DEVICE, NULL, 0, "The limit is a read by an OpenCL kernel, "
     "as on GPUs", 0},
    {"huge-pages", KEY_HUGE_PAGES, NULL, 0, "Ask for huge pages for the logits", 0},
    {"cpu-time", KEY_CPU_TIME, NULL, 0, "All times are CPU time, of all threads together: for "
     "machines that have other work; of devices that are CPUs", 0},
    {"extras", KEY_EXTRAS, NULL, 0, "With a subset too: cold and warm start, time "
     "against size; of beams: requests that are done, and narrow ones; of contrastive search: "
     "append and propose", 0},
    {"model", KEY_MODEL, "FOLDER", 0, "The example model", 0},
    {"rows-file", KEY_ROWS_FILE, "FILE.npy", 0, "Rows of a real model's logits, float32, which "
     "real_rows.py writes: one more shape, real, of their vocabulary", 0},
    {NULL, 0, NULL, 0, "Results:", 0},
    {"json", KEY_JSON, "FILE", 0, "Write them as JSON", 0},
    {"csv", KEY_CSV, "FILE", 0, "Write the cases as CSV", 0},
    {"list", KEY_LIST, NULL, 0, "List strategies and the settings that would be measured", 0},
    {"start-of", KEY_START_OF, "NAME", OPTION_HIDDEN, NULL, 0},
    {NULL, 0, NULL, 0, NULL, 0},
};
/* clang-format on */

/* The names of a kind of value, for lists. */
typedef struct kind {
    const char *option;
    const char *(*name)(unsigned value);
    unsigned first;
    unsigned count;
} kind;

static const char *shape_by_number(unsigned value) { return shape_name((bench_shape)value); }
static const char *dtype_by_number(unsigned value) { return dtype_name((lms_dtype)value); }

static const kind shapes = {"shape", shape_by_number, 0, SHAPES};
static const kind dtypes = {"dtype", dtype_by_number, LMS_FLOAT32, 3};
static const kind subjects = {"strategy", subject_name, 0, SUBJECTS};
static const kind modes = {"mode", beam_mode_name, 0, BEAM_MODES};
static const kind asked = {"requests", request_name, 0, REQUEST_CASES};

static void add_named(const kind *k, const char *word, choice *out)
{
    bool is_found = false;
    for (unsigned i = 0; i < k->count; ++i) {
        if (strcmp(word, "all") != 0 && !is_name(word, k->name(k->first + i))) continue;
        add_value(k->option, out, k->first + i);
        is_found = true;
    }
    if (!is_found) refuse("--%s: there is no \"%s\"; --list has the names", k->option, word);
}

/* REQUESTSxBEAMS */
static void add_beams(const char *word, choice *out)
{
    char text[32];
    const char *const cross = strchr(word, 'x');
    const size_t digits = cross != NULL ? (size_t)(cross - word) : 0;
    if (digits == 0 || digits >= sizeof text)
        refuse("--beam: \"%s\" is not REQUESTSxBEAMS, such as 16x4", word);
    memcpy(text, word, digits);
    text[digits] = '\0';
    const unsigned long requests = whole_number("beam", text, 1, 4096);
    const unsigned long width = whole_number("beam", cross + 1, 1, LMS_MAX_BEAM_WIDTH);
    add_value("beam", out, beam_size((uint32_t)requests, (uint32_t)width));
}

/* Calls for every word of a list: of numbers if `k` is NULL. */
static void parse_list(const char *option, const kind *k, const char *text, unsigned long most,
                       const choice *all, choice *out)
{
    char *const copy = strdup(text);
    char *rest = NULL;
    if (copy == NULL) fail("out of memory for options");
    for (char *word = strtok_r(copy, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        word += strspn(word, " ");
        if (k != NULL) {
            add_named(k, word, out);
        } else if (strcmp(word, "all") == 0) {
            for (unsigned i = 0; i < all->count; ++i) add_value(option, out, all->values[i]);
        } else {
            add_value(option, out, whole_number(option, word, 1, most));
        }
    }
    if (out->count == 0) refuse("--%s: the list is empty", option);
    free(copy);
}

static void parse_beams(const char *text, choice *out)
{
    char *const copy = strdup(text);
    char *rest = NULL;
    if (copy == NULL) fail("out of memory for options");
    for (char *word = strtok_r(copy, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        word += strspn(word, " ");
        if (strcmp(word, "all") == 0) {
            for (unsigned i = 0; i < all_beams.count; ++i)
                add_value("beam", out, all_beams.values[i]);
        } else {
            add_beams(word, out);
        }
    }
    if (out->count == 0) refuse("--beam: the list is empty");
    free(copy);
}

static uint32_t part_of_size(char **text, const char *word, unsigned long most)
{
    char *const part = strsep(text, "x");
    if (part == NULL)
        refuse("--contrastive: \"%s\" is not REQUESTSxCONTEXTxWIDTHxCANDIDATES, such as "
               "8x2048x4096x5",
               word);
    return (uint32_t)whole_number("contrastive", part, 1, most);
}

static void add_contrast(const char *word, contrastive_sizes *out)
{
    char *const copy = strdup(word), *rest = copy;
    contrastive_size s;
    if (copy == NULL) fail("out of memory for options");
    s.requests = part_of_size(&rest, word, 4096);
    s.context = part_of_size(&rest, word, LMS_MAX_CONTEXT_LENGTH / 2);
    s.width = part_of_size(&rest, word, LMS_MAX_HIDDEN_WIDTH);
    s.k = part_of_size(&rest, word, LMS_MAX_CONTRASTIVE_K);
    if (rest != NULL) refuse("--contrastive: \"%s\" has more than four parts", word);
    if (s.k > s.context)
        refuse("--contrastive: \"%s\" has more candidates than positions", word);
    if (out->count == LIST_MOST) refuse("--contrastive: more than %d values", LIST_MOST);
    out->sizes[out->count++] = s;
    free(copy);
}

static void parse_contrasts(const char *text, contrastive_sizes *out)
{
    char *const copy = strdup(text);
    char *rest = NULL;
    if (copy == NULL) fail("out of memory for options");
    for (char *word = strtok_r(copy, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest))
        add_contrast(word, out);
    if (out->count == 0) refuse("--contrastive: the list is empty");
    free(copy);
}

static double seconds(const char *option, const char *text)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0.0 && value <= 3600.0))
        refuse("--%s: \"%s\" is not above 0 and at most 3600", option, text);
    return value;
}

static error_t parse_selection(int key, char *text, selection *s)
{
    choice chosen = {{0}, 0};
    switch (key) {
    case KEY_FULL: s->full = true; return 0;
    case KEY_FRESH: s->fresh = true; return 0;
    case KEY_BEAM:
        s->beam = true;
        if (text != NULL) parse_beams(text, &s->beams);
        return 0;
    case KEY_CONTRASTIVE:
        s->contrastive = true;
        if (text != NULL) parse_contrasts(text, &s->contrasts);
        return 0;
    case KEY_REQUESTS:
        s->requests = true;
        if (text != NULL) parse_list("requests", &asked, text, 0, NULL, &s->request_cases);
        return 0;
    case KEY_SERVE:
        s->serve = true;
        s->serve_seconds = text != NULL ? seconds("serve", text) : 10.0;
        return 0;
    case KEY_MODE:
        parse_list("mode", &modes, text, 0, NULL, &chosen);
        for (unsigned i = 0; i < chosen.count; ++i) s->beam_modes |= 1u << chosen.values[i];
        return 0;
    case KEY_ROWS: parse_list("rows", NULL, text, 65536, &all_rows, &s->rows); return 0;
    case KEY_VOCAB: parse_list("vocab", NULL, text, 1048576, &all_vocabs, &s->vocabs); return 0;
    case KEY_DTYPE: parse_list("dtype", &dtypes, text, 0, NULL, &s->dtypes); return 0;
    case KEY_SHAPE: parse_list("shape", &shapes, text, 0, NULL, &s->shapes); return 0;
    case KEY_STRATEGY:
        parse_list("strategy", &subjects, text, 0, NULL, &chosen);
        for (unsigned i = 0; i < chosen.count; ++i) s->subjects |= 1u << chosen.values[i];
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_one(int key, char *text, struct argp_state *state)
{
    options *const o = state->input;
    switch (key) {
    case KEY_REPEATS: o->repeats = (unsigned)whole_number("repeats", text, 1, 100000); return 0;
    case KEY_SECONDS: o->case_seconds = seconds("case-seconds", text); return 0;
    case KEY_DEVICE: o->device = text; return 0;
    case KEY_WORK_ITEMS:
        o->work_items = (uint32_t)whole_number("work-items", text, 0, 256);
        return 0;
    case KEY_ROTATE: o->rotate_mib = whole_number("rotate", text, 1, 1ul << 20); return 0;
    case KEY_READ_ON_DEVICE: o->read_on_device = true; return 0;
    case KEY_HUGE_PAGES: o->huge_pages = true; return 0;
    case KEY_CPU_TIME: o->cpu_time = true; return 0;
    case KEY_EXTRAS: o->extras = true; return 0;
    case KEY_MODEL: o->model = text; return 0;
    case KEY_ROWS_FILE: o->rows_file = text; return 0;
    case KEY_JSON: o->json = text; return 0;
    case KEY_CSV: o->csv = text; return 0;
    case KEY_LIST: o->list = true; return 0;
    case KEY_START_OF: o->start_of = text; return 0;
    case ARGP_KEY_INIT:
        state->err_stream = NULL; /* getopt has printed its line by itself */
        return 0;
    case ARGP_KEY_ARG:
        refuse("there is no argument \"%s\"; a name with blanks needs quotes", text);
    default: return parse_selection(key, text, &o->selected);
    }
}

/* "all" names the shape too that needs a file. */
static void check_real(options *o)
{
    choice *const chosen = &o->selected.shapes;
    const selection *const s = &o->selected;
    const bool is_other = s->beam || s->contrastive || s->requests || s->serve;
    unsigned kept = 0;
    if (o->rows_file != NULL && is_other)
        refuse("--rows-file: is not for --beam, --contrastive, --requests and --serve");
    if (o->rows_file != NULL) return;
    for (unsigned i = 0; i < chosen->count; ++i) {
        if (chosen->values[i] != SHAPE_REAL) {
            chosen->values[kept++] = chosen->values[i];
        } else if (chosen->count < SHAPES) {
            refuse("--shape: real needs --rows-file");
        }
    }
    chosen->count = kept;
}

/* What is for some of the subjects alone. */
static void check_subject(const selection *s)
{
    if (!s->beam && s->beam_modes != 0) refuse("--mode: is for --beam");
    if (s->beam && s->rows.count > 0) refuse("--rows: is not for --beam, which has its own");
    if (s->beam && s->subjects != 0) refuse("--strategy: is not for --beam, which has --mode");
    if (s->beam && s->fresh) refuse("--fresh: is not for --beam");
    if (s->beam + s->contrastive + s->requests + s->serve > 1)
        refuse("--beam, --contrastive, --requests, --serve: are not for each other");
    if ((s->requests || s->serve) && (s->subjects != 0 || s->fresh))
        refuse("--strategy, --fresh: are not for --requests and --serve");
    if (!s->contrastive) return;
    if (s->rows.count > 0 || s->vocabs.count > 0 || s->shapes.count > 0 || s->subjects != 0 ||
        s->fresh)
        refuse("--rows, --vocab, --shape, --strategy, --fresh: are not for --contrastive");
}

void parse_options(int argc, char **argv, options *out)
{
    static const struct argp parser = {
        known,
        parse_one,
        NULL,
        "Measures how fast batches are sampled, beside a read of their logits.\v"
        "Without options: a quick form. bench/README.md describes it all, and says how long it "
        "takes.",
        NULL,
        NULL,
        NULL};
    static char name[] = "bench"; /* as messages have it */
    memset(out, 0, sizeof *out);
    out->model = LMS_BENCH_MODEL;
    argv[0] = name;
    if (argp_parse(&parser, argc, argv, 0, NULL, out) != 0) exit(2);
    check_subject(&out->selected);
    check_real(out);
}
