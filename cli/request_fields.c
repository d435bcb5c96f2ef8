#include "request_fields.h"

#include "numbers.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const request_fields[] = {
    [REQUEST_PENALTIES] = "penalties",
    [REQUEST_REPETITION_PENALTY] = "repetition_penalty",
    [REQUEST_FREQUENCY_PENALTY] = "frequency_penalty",
    [REQUEST_PRESENCE_PENALTY] = "presence_penalty",
    [REQUEST_PENALTY_WINDOW] = "penalty_window",
    [REQUEST_MIN_TOKENS] = "min_tokens",
    [REQUEST_IGNORE_END] = "ignore_end",
    [REQUEST_NO_REPEAT_NGRAM] = "no_repeat_ngram",
    [REQUEST_DRY_MULTIPLIER] = "dry_multiplier",
    [REQUEST_DRY_BASE] = "dry_base",
    [REQUEST_DRY_ALLOWED_LENGTH] = "dry_allowed_length",
    [REQUEST_DRY_RANGE] = "dry_range",
    [REQUEST_FORCE] = "force",
    [REQUEST_DECAY_START] = "decay_start",
    [REQUEST_DECAY_FACTOR] = "decay_factor",
    [REQUEST_TOP_P_DECAY] = "top_p_decay",
    [REQUEST_TOP_P_MIN] = "top_p_min",
    [REQUEST_TOP_P_RESET] = "top_p_reset",
    [REQUEST_GUIDANCE] = "guidance",
    [REQUEST_TOP_LOGPROBS] = "top_logprobs",
    [REQUEST_TARGET] = "target",
    [REQUEST_FIELDS] = NULL,
};

typedef enum how {
    PRESET,
    SWITCH,
    COUNT,        /* 0 to `most` */
    COUNT_OR_ALL, /* -1 is 0 */
    TOKEN,        /* as 1 + it; -1: none */
    REAL          /* float, `least` to `most` */
} how;

typedef struct field_rule {
    how how;
    size_t place; /* in row_request */
    double least, most;
    const char *rule;
} field_rule;

#define EDIT(name) offsetof(row_request, edits.name)
#define LAST_TOKEN (LMS_MAX_VOCAB - 1)
#define WHOLE "a whole number from 0 to 2^32 - 1"
#define A_TOKEN "a token, or -1 (none)"
#define ANY "a finite number (0: off)"

static const field_rule fields[] = {
    [REQUEST_PENALTIES] = {PRESET, EDIT(flags), 0, 0, ""},
    [REQUEST_REPETITION_PENALTY] = {REAL, EDIT(repetition), 0x1p-24, 0x1p24,
                                    "from 2^-24 to 2^24 (1: off)"},
    [REQUEST_FREQUENCY_PENALTY] = {REAL, EDIT(frequency), -FLT_MAX, FLT_MAX, ANY},
    [REQUEST_PRESENCE_PENALTY] = {REAL, EDIT(presence), -FLT_MAX, FLT_MAX, ANY},
    [REQUEST_PENALTY_WINDOW] = {COUNT_OR_ALL, EDIT(window), 0, UINT32_MAX,
                                WHOLE " (0, -1: all)"},
    [REQUEST_MIN_TOKENS] = {COUNT, EDIT(min_tokens), 0, UINT32_MAX, WHOLE},
    [REQUEST_IGNORE_END] = {SWITCH, EDIT(flags), 0, 0, ""},
    [REQUEST_NO_REPEAT_NGRAM] = {COUNT, EDIT(ngram), 0, UINT32_MAX,
                                 "a whole number from 0 (off) to 2^32 - 1"},
    [REQUEST_DRY_MULTIPLIER] = {REAL, EDIT(dry_multiplier), 0, FLT_MAX,
                                "a number from 0 (off)"},
    [REQUEST_DRY_BASE] = {REAL, EDIT(dry_base), 1, FLT_MAX, "a number from 1"},
    [REQUEST_DRY_ALLOWED_LENGTH] = {COUNT, EDIT(dry_allowed_length), 0, UINT32_MAX, WHOLE},
    [REQUEST_DRY_RANGE] = {COUNT_OR_ALL, EDIT(dry_range), 0, UINT32_MAX, WHOLE " (0, -1: all)"},
    [REQUEST_FORCE] = {TOKEN, EDIT(forced), 0, LAST_TOKEN, A_TOKEN},
    [REQUEST_DECAY_START] = {COUNT, EDIT(decay_start), 0, UINT32_MAX, WHOLE},
    [REQUEST_DECAY_FACTOR] = {REAL, EDIT(decay_factor), 1, FLT_MAX,
                              "0 (off) or a number from 1"},
    [REQUEST_TOP_P_DECAY] = {REAL, EDIT(top_p_decay), 0, 1, "from 0 to 1 (0, 1: off)"},
    [REQUEST_TOP_P_MIN] = {REAL, EDIT(top_p_min), 0, 1, "from 0 to 1"},
    [REQUEST_TOP_P_RESET] = {TOKEN, EDIT(top_p_reset), 0, LAST_TOKEN, A_TOKEN},
    [REQUEST_GUIDANCE] = {REAL, EDIT(guidance), -FLT_MAX, FLT_MAX, "a finite number (1: off)"},
    [REQUEST_TOP_LOGPROBS] = {COUNT, offsetof(row_request, top), 0, LMS_MAX_TOP,
                              "a whole number from 0 (off) to 1024"},
    [REQUEST_TARGET] = {TOKEN, offsetof(row_request, target), 0, LAST_TOKEN, A_TOKEN},
};

static const struct {
    const char *name;
    uint32_t flags;
} presets[] = {
    {"vllm", LMS_EDITS_VLLM},           {"hugging-face", LMS_EDITS_HUGGING_FACE},
    {"llama.cpp", LMS_EDITS_LLAMA_CPP}, {"tensorrt-llm", LMS_EDITS_TENSORRT_LLM},
    {"sglang", LMS_EDITS_SGLANG},       {"mlc", LMS_EDITS_MLC},
};

static const field_rule *rule_of(const char *field)
{
    for (size_t i = 0; request_fields[i] != NULL; i++) {
        if (strcmp(request_fields[i], field) == 0) return &fields[i];
    }
    return NULL;
}

field_kind request_field_kind(const char *field)
{
    const field_rule *const rule = rule_of(field);
    if (rule != NULL && rule->how == PRESET) return FIELD_NAME;
    return rule != NULL && rule->how == SWITCH ? FIELD_SWITCH : FIELD_NUMBER;
}

bool edits_are_same(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(lms_row_edits)) == 0;
}

void request_fields_tell(char *text, size_t size)
{
    const char *separator = "; and ";
    for (size_t i = 0, used = 0; request_fields[i] != NULL && used < size; i++) {
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", separator, request_fields[i]);
        separator = ", ";
    }
}

static bool set_preset(uint32_t *flags, const char *text, char *error, size_t size)
{
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, text) != 0) continue;
        *flags = (*flags & LMS_IGNORE_END) | presets[i].flags;
        return true;
    }
    return number_refuse(error, size,
                         "is \"%s\", must be vllm, hugging-face, llama.cpp, tensorrt-llm, "
                         "sglang or mlc",
                         text);
}

static bool set_switch(uint32_t *flags, const char *text, char *error, size_t size)
{
    const bool is_on = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!is_on && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
        return number_refuse(error, size, "is \"%s\", must be true or false", text);
    }
    *flags = is_on ? *flags | LMS_IGNORE_END : *flags & ~LMS_IGNORE_END;
    return true;
}

/* A value that float32 has no normal number for is its smallest: 0 means off. */
static bool set_real(float *field, const field_rule *rule, const char *text)
{
    double value = 0;
    if (!number_read(text, &value)) return false;
    const bool is_off = value == 0 && rule->place == EDIT(decay_factor);
    if (!is_off && (value < rule->least || value > rule->most)) return false;
    *field = fabs(value) > 0 && fabs(value) < 0x1p-126 ? copysignf(0x1p-126f, (float)value)
                                                       : (float)value;
    return true;
}

static bool set_whole(uint32_t *field, const field_rule *rule, const char *text)
{
    uint64_t value = 0;
    if (rule->how != COUNT && strcmp(text, "-1") == 0) {
        *field = 0;
        return true;
    }
    if (!number_read_whole(text, &value) || value > (uint64_t)rule->most) return false;
    *field = (uint32_t)value + (rule->how == TOKEN);
    return true;
}

bool request_set(row_request *request, const char *field, const char *text, char *error,
                 size_t error_size)
{
    const field_rule *const rule = rule_of(field);
    if (rule == NULL) return number_refuse(error, error_size, "is no field");
    void *const place = (char *)request + rule->place;
    switch (rule->how) {
    case PRESET: return set_preset(place, text, error, error_size);
    case SWITCH: return set_switch(place, text, error, error_size);
    case REAL:
        if (set_real(place, rule, text)) return true;
        break;
    default:
        if (set_whole(place, rule, text)) return true;
    }
    return number_refuse(error, error_size, "is \"%s\", must be %s", text, rule->rule);
}
