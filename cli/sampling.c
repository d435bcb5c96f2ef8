#include "sampling.h"

#include "message.h"
#include "numbers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

const char *const sampling_fields[] = {"temperature", "top_k", "top_p",  "min_p",
                                       "seed",        "step",  "preset", NULL};

/* Presets and single flags; a preset's name stands for its flags. */
static const struct {
    const char *name;
    uint32_t flags;
} presets[] = {
    {"vllm", LMS_PRESET_VLLM},
    {"hugging-face", LMS_PRESET_HUGGING_FACE},
    {"llama.cpp", LMS_PRESET_LLAMA_CPP},
    {"joint", LMS_PRESET_JOINT},
    {"temperature-last", LMS_TEMPERATURE_LAST},
    {"min-p-last", LMS_MIN_P_LAST},
    {"top-p-whole-row", LMS_TOP_P_WHOLE_ROW},
    {"top-k-ties", LMS_TOP_K_TIES},
};

static bool set_temperature(lms_row_params *params, const char *text, char *error, size_t size)
{
    double value = 0;
    lms_row_params tried = *params;
    const bool is_number = number_read(text, &value);
    tried.filters.temperature = is_number ? (float)value : -1.0f;
    /* A temperature that float32 rounds to 0 would be greedy without having asked for it. */
    if ((value != 0 && tried.filters.temperature == 0) ||
        lms_row_params_check(&tried) == LMS_FIELD_TEMPERATURE) {
        return number_refuse(error, size, "is \"%s\", must be 0 (greedy) or from 2^-64 to 2^64",
                             text);
    }
    params->filters.temperature = tried.filters.temperature;
    return true;
}

static bool set_share(float *field, const char *text, const char *off, char *error, size_t size)
{
    double value = 0;
    if (!number_read(text, &value) || value < 0 || value > 1) {
        return number_refuse(error, size, "is \"%s\", must be from 0 to 1 (%s: off)", text,
                             off);
    }
    /* 0 means another thing than the smallest share, and some processes flush subnormals. */
    *field = value > 0 && value < 0x1p-126 ? 0x1p-126f : (float)value;
    return true;
}

static bool set_top_k(lms_row_params *params, const char *text, char *error, size_t size)
{
    uint64_t value = 0;
    if (strcmp(text, "-1") == 0) {
        params->filters.top_k = 0;
        return true;
    }
    if (!number_read_whole(text, &value)) {
        return number_refuse(
            error, size, "is \"%s\", must be a whole number from 0 (off) to 2^64 - 1", text);
    }
    /* No vocabulary has so many tokens: off. */
    params->filters.top_k = value < INT32_MAX ? (int32_t)value : INT32_MAX;
    return true;
}

/* 2^64 - 1 is LMS_STEP_OF_SLOT. */
static bool set_step(uint64_t *field, const char *text, char *error, size_t size)
{
    uint64_t value = 0;
    if (number_read_whole(text, &value) && value != LMS_STEP_OF_SLOT) {
        *field = value;
        return true;
    }
    return number_refuse(error, size, "is \"%s\", must be a whole number from 0 to 2^64 - 2",
                         text);
}

/* Negative ones, as engines have them, are taken modulo 2^64. */
static bool set_seed(uint64_t *field, const char *text, char *error, size_t size)
{
    const bool is_negative = text[0] == '-';
    uint64_t value = 0;
    if (!number_read_whole(text + is_negative, &value) ||
        (is_negative && value > (uint64_t)INT64_MAX + 1)) {
        return number_refuse(error, size,
                             "is \"%s\", must be a whole number from -2^63 to 2^64 - 1", text);
    }
    *field = is_negative ? 0 - value : value;
    return true;
}

static bool set_preset(lms_row_params *params, const char *text, char *error, size_t size)
{
    uint32_t flags = 0;
    for (const char *word = text;;) {
        const size_t length = strcspn(word, "+");
        size_t i = 0;
        while (i < sizeof presets / sizeof presets[0] &&
               (strlen(presets[i].name) != length ||
                strncmp(presets[i].name, word, length) != 0)) {
            i++;
        }
        if (i == sizeof presets / sizeof presets[0]) {
            return number_refuse(
                error, size,
                "is \"%s\", must be vllm, hugging-face, llama.cpp or joint, or of "
                "temperature-last, min-p-last, top-p-whole-row, top-k-ties with + "
                "between",
                text);
        }
        flags |= presets[i].flags;
        if (word[length] == '\0') break;
        word += length + 1;
    }
    params->filters.flags = flags;
    return true;
}

bool sampling_set(lms_row_params *params, const char *field, const char *text, char *error,
                  size_t error_size)
{
    if (strcmp(field, "temperature") == 0) {
        return set_temperature(params, text, error, error_size);
    }
    if (strcmp(field, "top_k") == 0) return set_top_k(params, text, error, error_size);
    if (strcmp(field, "top_p") == 0) {
        return set_share(&params->filters.top_p, text, "1", error, error_size);
    }
    if (strcmp(field, "min_p") == 0) {
        return set_share(&params->filters.min_p, text, "0", error, error_size);
    }
    if (strcmp(field, "seed") == 0) return set_seed(&params->seed, text, error, error_size);
    if (strcmp(field, "step") == 0) return set_step(&params->step, text, error, error_size);
    if (strcmp(field, "preset") == 0) return set_preset(params, text, error, error_size);
    return number_refuse(
        error, error_size,
        "is no field; the fields are temperature, top_k, top_p, min_p, seed, step, "
        "preset");
}

bool sampling_is_greedy(const lms_row_params *params)
{
    return params->filters.temperature == 0 || params->filters.top_p <= 0;
}

/* Below 2^53, so that readers of JSON that have numbers of float64 only keep it. */
static uint64_t fresh_seed(void)
{
    uint64_t seed = 0;
    if (getentropy(&seed, sizeof seed) != 0) {
        exit(fail(EXIT_INPUT, "--seed: is missing, and the system has no random numbers: %s",
                  strerror(errno)));
    }
    return seed >> 11;
}

void sampling_tell_seed(const sampling_options *options)
{
    if (options->has_seed || !isatty(STDERR_FILENO)) return;
    warn("drawn with --seed %llu", (unsigned long long)options->params.seed);
}

int sampling_open(const sampling_options *options, lms_context **context)
{
    const lms_status status = lms_context_open(options->device, context);
    return status == LMS_OK ? EXIT_DONE : fail_library("device", status);
}

unsigned long long parse_count(struct argp_state *state, const char *option, const char *text,
                               unsigned long long least, unsigned long long most)
{
    uint64_t value = 0;
    (void)state;
    if (!number_read_whole(text, &value) || value < least || value > most) {
        exit(fail(EXIT_USAGE, "--%s: is \"%s\", must be a whole number from %llu to %llu",
                  option, text, least, most));
    }
    return value;
}

/* --- As options ------------------------------------------------------------------------- */

enum {
    KEY_MIN_P = 256,
    KEY_STEP,
    KEY_PRESET
};

/* clang-format off: laid out by hand */
static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "How is sampled:", 10},
    {"temperature", 't', "T", 0, "0: greedy; or 2^-64 to 2^64 (default 1)", 10},
    {"top-k", 'k', "K", 0, "Keep the K most probable tokens (default 0: off)", 10},
    {"top-p", 'p', "P", 0,
     "Keep the most probable tokens that reach P together (default 1: off)", 10},
    {"min-p", KEY_MIN_P, "P", 0,
     "Keep the tokens at least P times as probable as the best one (default 0: off)", 10},
    {"preset", KEY_PRESET, "PRESET", 0,
     "Order and rules of the filters: vllm (default), hugging-face, llama.cpp or joint; or "
     "single rules, with + between: temperature-last, min-p-last, top-p-whole-row, top-k-ties",
     10},
    {"seed", 's', "N", 0,
     "Names the random numbers, -2^63 to 2^64 - 1, modulo 2^64 (default: other ones each "
     "time)",
     10},
    {"step", KEY_STEP, "N", 0, "Names the first draw of a seed (default 0)", 10},
    {NULL, 0, NULL, 0, "Where:", 20},
    {"device", 'd', "DEVICE", 0,
     "A part of \"platform: device\" as `lmsample devices' has it (default: a GPU, else a CPU)",
     20},
    {0}};
/* clang-format on */

static const char *field_of(int key)
{
    switch (key) {
    case 't': return "temperature";
    case 'k': return "top_k";
    case 'p': return "top_p";
    case KEY_MIN_P: return "min_p";
    case 's': return "seed";
    case KEY_STEP: return "step";
    case KEY_PRESET: return "preset";
    default: return NULL;
    }
}

static const char *option_of(int key)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0] - 1; i++) {
        if (options[i].key == key) return options[i].name;
    }
    return "?";
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    sampling_options *const wanted = state->input;
    char error[256];
    if (key == 'd') {
        wanted->device = value;
        return 0;
    }
    if (key == ARGP_KEY_SUCCESS && !wanted->has_seed) wanted->params.seed = fresh_seed();
    if (key == 's') wanted->has_seed = true;
    const char *const field = field_of(key);
    if (field == NULL) return ARGP_ERR_UNKNOWN;
    if (!sampling_set(&wanted->params, field, value, error, sizeof error)) {
        exit(fail(EXIT_USAGE, "--%s: %s", option_of(key), error));
    }
    return 0;
}

const struct argp sampling_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};
