/* lms_slots.h - what is known of sequences from step to step, on the device: their tokens, and
 * how often each of them is there. Rows of a batch name a slot, and so continuous batching may
 * move them about.
 *
 * Included by lmsample.h. Penalties, n-grams and whatever else of lms_edits.h looks at a
 * sequence's past finds it here; a row's step may be counted here, too.
 *
 *     lms_slots_create -> lms_slots_open with a prompt -> lms_sampler_run with `append`, ...
 *                      -> lms_slots_close -> destroy
 *
 * Names         A slot that is opened gets a name that this lms_slots never gave before and
 *               will never give again: who keeps one too long gets LMS_E_SLOT (LMS_E_ROW_PARAMS
 *               where a row's parameters name it), or, in a record on the device, a row with
 *               what the sequence had or, once its pages are needed, with LMS_ROW_BAD_PARAMS,
 *               and never another sequence's history. 0 is no name. Another lms_slots may give
 *               its own slots the same names.
 * Memory        Grows with the tokens: a slot takes pages of LMS_SLOT_PAGE tokens as it gets
 *               longer and gives them back when it is closed. Each token takes 20 bytes. What
 *               there may be in all is allocated when slots are made.
 * Kernels       A call enqueues 1, lms_slots_reorder 2; one more, before, if it needs pages or
 *               slots that were closed, or pages that a reordering has left; and before them,
 *               the writes of what it is given on the host.
 * Order         Calls on slots, and calls of samplers and searches that were made with them,
 *               wait for each other on the device, in the order in which they were made. Use
 *               slots by one thread at a time, and what was made with them by that thread, too.
 *               If a call on a slot is terminated, by an event of its wait list, its tokens are
 *               missing; if it opened the slot or gave it pages, the device will soon find no
 *               slot of that name: LMS_ROW_BAD_PARAMS, and LMS_E_SLOT for an export. It has to
 *               be closed.
 * Errors        As in lmsample.h. A call that fails has changed no slot; names and lengths are
 *               checked before anything is enqueued. LMS_E_SLOT: a name is none of an open
 *               slot, or there twice. LMS_E_CONTEXT_FULL: no slot, no page, or more than
 *               max_length.
 */
#ifndef LMSAMPLE_SLOTS_H
#define LMSAMPLE_SLOTS_H

#include "lmsample.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
typedef struct lms_slots_desc {
    uint64_t max_tokens;     /* of all slots together, 0, or more than that: max_slots *
                                max_length. In pages of 256 tokens, a slot's last one filled
                                up, these are at most 2^32 - 256                            */
    uint32_t max_slots;      /* open at once: 1 .. LMS_MAX_SLOTS                            */
    uint32_t max_length;     /* tokens of one: 1 .. LMS_MAX_SLOT_LENGTH                     */
    uint32_t vocab;          /* V: tokens are 0 .. V-1; 1 .. LMS_MAX_VOCAB                  */
    lms_token_type tokens;   /* type of tokens in buffers; 0 = LMS_INT32                    */
    uint32_t max_in_flight;  /* calls that may be unfinished at once, 1 .. 64; 0 = 8        */
    uint32_t max_call;       /* most slots of one call; 0 = max_slots, at most 1024         */
    uint32_t max_host_tokens; /* most tokens of one call that are on the host; 0 = max_length,
                                and at least 65536                                          */
    uint32_t reserved;       /* 0                                                           */
} lms_slots_desc;

/* Slots to open, each with a sequence of its own: a prompt, and what is already generated (for
 * one that comes from elsewhere). Of slot i, `lengths[i]` tokens from token `firsts[i]` of the
 * array on; the first `prompts[i]` of them are its prompt. The tokens are on the host, or on
 * the device. */
typedef struct lms_slots_open_args {
    uint32_t count;             /* 0 .. max_call; 0 enqueues a marker only                  */
    const uint32_t *lengths;    /* in: [count], on the host, 0 .. max_length                */
    const uint32_t *prompts;    /* in: [count], on the host, at most the length; NULL: all  */
    const uint32_t *ignored;    /* in: [count], on the host: so many tokens, from the first of
                                   the prompt on, that frequency and presence do not count
                                   (repetition does); NULL: 0                               */
    const size_t *firsts;       /* in: [count], on the host; NULL: one behind the other     */
    const int32_t *tokens;      /* in: on the host, each in 0 .. V-1, read before the call
                                   returns; or ...                                          */
    lms_view tokens_device;     /*     ... int32 or int64. One that is not in 0 .. V-1 is
                                   left out                                                 */
    size_t token_count;         /*     that the array has                                   */
    uint64_t *names;            /* out: [count], on the host                                */
} lms_slots_open_args;

/* Tokens to append to slots that are open, each named once. Slot i gets those of row i, the
 * first `counts[i]` of them; one that is not in 0 .. V-1, such as LMS_NO_TOKEN, is left out,
 * but takes room. */
typedef struct lms_slots_append_args {
    uint32_t count;             /* 0 .. max_call; 0 enqueues a marker only                  */
    const uint64_t *names;      /* in: [count], on the host                                 */
    const uint32_t *counts;     /* in: [count], on the host; NULL: 1 each                   */
    lms_view tokens;            /* in: int32 or int64[rows][stride]                         */
    size_t stride;              /*     from row to row, at least the largest count; 0 = that */
    const uint32_t *rows;       /* in: [count], on the host: the row of each; NULL: i       */
    size_t token_rows;          /*     rows that the buffer has; 0 = as many as needed      */
} lms_slots_append_args;

/* The same with tokens in host memory. */
typedef struct lms_slots_append_host_args {
    uint32_t count;             /* 0 .. max_call; 0 does nothing                            */
    const uint64_t *names;      /* in: [count]                                              */
    const uint32_t *counts;     /* in: [count]; NULL: 1 each                                */
    const void *tokens;         /* in: int32 or int64[rows][stride], by the token type      */
    size_t stride;              /*     at least the largest count; 0 = that                 */
    const uint32_t *rows;       /* in: [count], the row of each; NULL: i                    */
    size_t token_rows;          /*     0 = as many as needed                                */
} lms_slots_append_host_args;
/* clang-format on */

/* Allocates all memory. *out is NULL unless LMS_OK is returned. What samplers and searches are
 * made with has to be destroyed behind them. */
LMS_API lms_status lms_slots_create(lms_context *ctx, const lms_slots_desc *desc,
                                    lms_slots **out);

/* Accepts NULL. Waits for the calls in flight. */
LMS_API void lms_slots_destroy(lms_slots *slots);

/* Device memory that it holds, in bytes. */
LMS_API size_t lms_slots_workspace(const lms_slots *slots);

/* Enqueues the opening of slots; queue, wait list and event as for lms_sampler_run, here and
 * below. */
LMS_API lms_status lms_slots_open(lms_slots *slots, cl_command_queue queue,
                                  const lms_slots_open_args *args, cl_uint num_wait,
                                  const cl_event *wait_list, cl_event *event);

/* Appends to slots. */
LMS_API lms_status lms_slots_append(lms_slots *slots, cl_command_queue queue,
                                    const lms_slots_append_args *args, cl_uint num_wait,
                                    const cl_event *wait_list, cl_event *event);

/* Takes the last tokens back, until there are `lengths[i]` of slot i, which may be more than it
 * has: then nothing is taken. Not below its prompt: LMS_E_ARGUMENT. A slot keeps its pages. */
LMS_API lms_status lms_slots_roll_back(lms_slots *slots, cl_command_queue queue, uint32_t count,
                                       const uint64_t *names, const uint32_t *lengths,
                                       cl_uint num_wait, const cl_event *wait_list,
                                       cl_event *event);

/* Opens `count` slots with what the slots from[i] have; a slot may be there more than once. */
LMS_API lms_status lms_slots_fork(lms_slots *slots, cl_command_queue queue, uint32_t count,
                                  const uint64_t *from, uint64_t *names, cl_uint num_wait,
                                  const cl_event *wait_list, cl_event *event);

/* Beams: slot i goes on from what slot parents[i] - first had, int32[count] on the device, such
 * as lms_beam_step writes; i itself where that is none of 0 .. count-1. All are named once.
 * Each gets as many pages as the longest needs, before the former ones are given back. */
LMS_API lms_status lms_slots_reorder(lms_slots *slots, cl_command_queue queue, uint32_t count,
                                     const uint64_t *names, lms_view parents, int32_t first,
                                     cl_uint num_wait, const cl_event *wait_list,
                                     cl_event *event);

/* The same for callers that have arrays on the host: they run on the context's queue and wait.
 * They may allocate. lms_slots_open_host takes tokens on the host or on the device; parents of
 * lms_slots_reorder_host are int32[count]. */
LMS_API lms_status lms_slots_open_host(lms_slots *slots, const lms_slots_open_args *args);
LMS_API lms_status lms_slots_append_host(lms_slots *slots,
                                         const lms_slots_append_host_args *args);
LMS_API lms_status lms_slots_roll_back_host(lms_slots *slots, uint32_t count,
                                            const uint64_t *names, const uint32_t *lengths);
LMS_API lms_status lms_slots_fork_host(lms_slots *slots, uint32_t count, const uint64_t *from,
                                       uint64_t *names);
LMS_API lms_status lms_slots_reorder_host(lms_slots *slots, uint32_t count,
                                          const uint64_t *names, const int32_t *parents,
                                          int32_t first);

/* Frees a slot and its pages; enqueues nothing. Calls in flight still finish with it. A record
 * on the device that names it later finds no slot, or what it had, until somebody needs its
 * pages. */
LMS_API lms_status lms_slots_close(lms_slots *slots, uint64_t name);

/* The most tokens that an open slot can have, counted by the calls made, finished or not; it
 * has fewer where LMS_NO_TOKEN was appended. */
LMS_API lms_status lms_slots_length(const lms_slots *slots, uint64_t name, uint32_t *length);

/* Tokens in pages that are free. A slot takes whole pages. */
LMS_API uint64_t lms_slots_room(const lms_slots *slots);

/* Reads a slot back, for keeping it elsewhere: *length tokens, the first *prompt of which are
 * its prompt. Waits for the slots' calls. `tokens` [capacity]; LMS_E_BUFFER_SIZE if there are
 * more, and *length says how many; a capacity of 0, for which `tokens` may be NULL, asks for
 * the two numbers alone, and is no error. `prompt` may be NULL. */
LMS_API lms_status lms_slots_export(lms_slots *slots, uint64_t name, int32_t *tokens,
                                    uint32_t capacity, uint32_t *length, uint32_t *prompt);

#ifdef __cplusplus
}
#endif
#endif /* LMSAMPLE_SLOTS_H */
