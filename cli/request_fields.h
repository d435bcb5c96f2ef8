/* request_fields.h - what a row asks for beside how it is sampled, as far as it is a number or
 * a name: the fields of parameter files that `lmsample sample` has beyond sampling_fields. */
#ifndef CLI_REQUEST_FIELDS_H
#define CLI_REQUEST_FIELDS_H

#include <lmsample.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct row_request {
    lms_row_edits edits; /* without lists, which are files of their own */
    uint32_t top;        /* so many of the best tokens */
    uint32_t target;     /* 1 + the token to tell of, 0: one is drawn */
} row_request;

#define ROW_REQUEST_INIT                                                                       \
    {                                                                                          \
        LMS_ROW_EDITS_INIT, 0, 0                                                               \
    }

typedef enum field_kind {
    FIELD_NUMBER,
    FIELD_NAME,  /* a text */
    FIELD_SWITCH /* true or false */
} field_kind;

typedef enum request_field {
    REQUEST_PENALTIES,
    REQUEST_REPETITION_PENALTY,
    REQUEST_FREQUENCY_PENALTY,
    REQUEST_PRESENCE_PENALTY,
    REQUEST_PENALTY_WINDOW,
    REQUEST_MIN_TOKENS,
    REQUEST_IGNORE_END,
    REQUEST_NO_REPEAT_NGRAM,
    REQUEST_DRY_MULTIPLIER,
    REQUEST_DRY_BASE,
    REQUEST_DRY_ALLOWED_LENGTH,
    REQUEST_DRY_RANGE,
    REQUEST_FORCE,
    REQUEST_DECAY_START,
    REQUEST_DECAY_FACTOR,
    REQUEST_TOP_P_DECAY,
    REQUEST_TOP_P_MIN,
    REQUEST_TOP_P_RESET,
    REQUEST_GUIDANCE,
    REQUEST_TOP_LOGPROBS,
    REQUEST_TARGET,
    REQUEST_FIELDS
} request_field;

/* The names, up to NULL. An option has - for _. */
extern const char *const request_fields[];

field_kind request_field_kind(const char *field);

/* Bit for bit: two lms_row_edits. */
bool edits_are_same(const void *a, const void *b);

/* Adds what the fields are to what is wrong with the name of one. */
void request_fields_tell(char *text, size_t size);

/* Sets a field from its text; a switch's is true or false. On failure says what the text is and
 * what it must be. */
bool request_set(row_request *request, const char *field, const char *text, char *error,
                 size_t error_size);

#endif
