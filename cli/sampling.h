/* sampling.h - the options that say how and where is sampled, the same for every command. */
#ifndef CLI_SAMPLING_H
#define CLI_SAMPLING_H

#include <lmsample.h>

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct sampling_options {
    lms_row_params params;
    const char *device; /* NULL: the library's choice */
    bool has_seed;      /* given; otherwise the seed is a fresh one, which differs each time */
} sampling_options;

#define SAMPLING_OPTIONS_INIT                                                                  \
    {                                                                                          \
        LMS_ROW_PARAMS_INIT, NULL, false                                                       \
    }

/* A child parser, whose input is a sampling_options. */
extern const struct argp sampling_argp;

/* The names of the fields, as files and Python have them, up to NULL: temperature, top_k,
 * top_p, min_p, seed, step, preset. */
extern const char *const sampling_fields[];

enum {
    sampling_field_count = 7
};

/* Sets a field from its text. On failure says what the text is and what it must be, such as
 * "is -1, must be 0 (greedy) or 2^-64 to 2^64". */
bool sampling_set(lms_row_params *params, const char *field, const char *text, char *error,
                  size_t error_size);

/* Nothing is drawn: seed and step do not matter. */
bool sampling_is_greedy(const lms_row_params *params);

/* On a terminal, how to have the same again where the seed is a fresh one. */
void sampling_tell_seed(const sampling_options *options);

/* Opens the device. Returns an exit status. */
int sampling_open(const sampling_options *options, lms_context **context);

/* A whole number for an option, from `least` to `most`; ends the program where it is none. */
unsigned long long parse_count(struct argp_state *state, const char *option, const char *text,
                               unsigned long long least, unsigned long long most);

#endif
