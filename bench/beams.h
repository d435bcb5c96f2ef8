/* beams.h - beam searches on a device, and steps of them. */
#ifndef BENCH_BEAMS_H
#define BENCH_BEAMS_H

#include "beam_cases.h"
#include "stage.h"

/* Requests of one way and width, in slots 0, 1, ... */
typedef struct beams {
    stage *on;
    unsigned mode;
    uint32_t requests;
    uint32_t width;
    uint32_t live;   /* requests that go on; they are spread evenly, the others end at once */
    uint32_t length; /* tokens so far */
    lms_beam *search;
    bool is_open;
} beams;

/* What one call steps, and what it tells. */
typedef struct beam_call {
    const beams *of;
    uint32_t requests;
    uint32_t rows;
    uint32_t *slots;
    uint32_t *first_rows;
    cl_mem buffer;
    cl_mem scores_buffer;
    int32_t *parents; /* [rows], of the last step */
    int32_t *tokens;  /* [rows] */
    int32_t *done;    /* [requests] */
    int64_t *scores;  /* [rows], if asked for */
} beam_call;

/* For requests of at most `max_width` beams. */
void beams_open(beams *s, stage *on, const beam_setting *what, unsigned mode,
                uint32_t max_width);
void beams_close(beams *s);
/* Of the slots 0, every, 2 * every, ...: their rows without gaps. */
void beam_call_open(beam_call *c, const beams *s, uint32_t every);
void beam_call_close(beam_call *c);

/* All requests anew, before their first tokens. */
void beams_restart(beams *s);
/* Before a step that is timed: one in which all live requests have all their beams. `all` steps
 * all requests, if they must begin anew. */
void beams_prepare(beams *s, beam_call *all, lms_view logits);
/* One step, until its moves are on the host. */
void beams_step(beams *s, beam_call *c, lms_view logits, cl_command_queue queue);
/* The same, with scores. */
void beams_step_scored(beams *s, beam_call *c, lms_view logits);

#endif
