/* What the examples have in common: a model on the host, a device that its logits go to, and
 * what comes back from there. */
#ifndef SETUP_H
#define SETUP_H

#include "lm.h"

#include <lmsample.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *program; /* begins its messages */
    lm_model *model;
    lms_context *context;
    cl_command_queue queue; /* the context's own, in order */
} setup;

/* Whatever fails says why on standard error. What was opened must be closed in any case. */
bool setup_open(setup *s, const char *program, const char *model_directory, const char *device);
void setup_close(setup *s);

/* Says what went wrong if the status is not LMS_OK (which is CL_SUCCESS too). */
bool succeeded(const setup *s, const char *what, lms_status status);

/* The same for what is the example's own mistake or its user's. */
bool fail(const setup *s, const char *what);

/* A buffer that the model writes and the device reads: rows of floats, such as the logits of
 * each slot of a batch of the model. */
bool make_input(const setup *s, int rows, int columns, cl_mem *input);

/* The rows that are not written between these two have no meaning afterwards. */
float *map_input(const setup *s, cl_mem input);
bool unmap_input(const setup *s, cl_mem input, float *mapped);

/* Begins the sequence of a slot with a prompt and gets the logits of the token after it and, if
 * there is an address for them, the hidden states of all its tokens. `length` tokens must have
 * room behind it. Returns how many tokens it has, or 0 if that fails. */
int feed_prompt(const setup *s, lm_batch *sequences, int slot, const char *prompt, int length,
                float *logits, float *hidden);

/* Something that the device writes, with a copy on the host. */
typedef struct {
    cl_mem buffer;
    void *copy;
    size_t bytes;
} output;

bool make_output(const setup *s, size_t bytes, output *out);
bool read_output(const setup *s, output *out);  /* waits for all that was enqueued before */
bool write_output(const setup *s, output *out); /* the copy, where the device shall read it */
void free_output(output *out);

/* A number of the command line. False if it is none or out of range. */
bool read_integer(const char *text, int least, int most, int *number);

#endif
