#include "beam_cases.h"

#include "say.h"

#include <stdlib.h>

const char *beam_mode_name(unsigned mode)
{
    static const char *const names[BEAM_MODES] = {"search", "diverse", "stochastic"};
    return names[mode];
}

const char *beam_strategy(unsigned mode)
{
    static const char *const names[BEAM_MODES] = {"beam search", "diverse beam search",
                                                  "stochastic beam search"};
    return names[mode];
}

lms_beam_params beam_params(unsigned mode, uint32_t width, uint32_t request)
{
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(width);
    p.max_length = BEAM_LENGTH;
    p.seed = request + 1;
    if (mode == BEAM_DIVERSE) {
        p.groups = BEAM_GROUPS;
        p.diversity_penalty = 0.5f;
    }
    if (mode == BEAM_STOCHASTIC) p.mode = LMS_BEAM_STOCHASTIC;
    return p;
}

uint32_t beam_candidates(uint32_t width) { return 2 * width; }

#define WIDTH_BITS 12

uint32_t beam_size(uint32_t requests, uint32_t width) { return requests << WIDTH_BITS | width; }
uint32_t beam_requests(uint32_t size) { return size >> WIDTH_BITS; }
uint32_t beam_width(uint32_t size) { return size & ((1u << WIDTH_BITS) - 1); }

#define SIZE(requests, width) ((requests) << WIDTH_BITS | (width))

const choice all_beams = {
    {SIZE(64, 1), SIZE(16, 4), SIZE(8, 8), SIZE(4, 16), SIZE(1, 64), SIZE(1, 4), SIZE(64, 4)},
    7};
static const choice quick_vocabs = {{128256}, 1};
static const choice full_vocabs = {{32000, 128256}, 2};
static const choice usual_dtypes = {{LMS_FLOAT32, LMS_BFLOAT16}, 2};
static const choice usual_shapes = {{SHAPE_PEAKED, SHAPE_FLAT}, 2};

bool is_beam_selected(const selection *s)
{
    return s->vocabs.count > 0 || s->dtypes.count > 0 || s->shapes.count > 0 ||
           s->beams.count > 0 || s->beam_modes != 0;
}

static const choice *chosen_or(const choice *chosen, const choice *usual)
{
    return chosen->count > 0 ? chosen : usual;
}

/* By logits, which take time to make, so that they are made once. */
beam_plan make_beam_plan(const selection *s)
{
    const choice *const shapes = chosen_or(&s->shapes, &usual_shapes);
    const choice *const vocabs = chosen_or(&s->vocabs, s->full ? &full_vocabs : &quick_vocabs);
    const choice *const dtypes = chosen_or(&s->dtypes, &usual_dtypes);
    const choice *const sizes = chosen_or(&s->beams, &all_beams);
    const size_t all = (size_t)shapes->count * vocabs->count * dtypes->count * sizes->count;
    beam_plan p = {calloc(all, sizeof *p.settings), 0};
    if (p.settings == NULL) fail("out of memory for the list of settings");
    for (size_t i = 0; i < all; ++i) {
        size_t rest = i;
        beam_setting b;
        b.requests = beam_requests(sizes->values[rest % sizes->count]);
        b.width = beam_width(sizes->values[rest % sizes->count]);
        rest /= sizes->count;
        b.dtype = (lms_dtype)dtypes->values[rest % dtypes->count];
        rest /= dtypes->count;
        b.vocab = vocabs->values[rest % vocabs->count];
        rest /= vocabs->count;
        b.shape = (bench_shape)shapes->values[rest];
        b.modes = s->beam_modes != 0 ? s->beam_modes : (1u << BEAM_MODES) - 1;
        if (b.width % BEAM_GROUPS != 0) b.modes &= ~(1u << BEAM_DIVERSE);
        if (b.modes != 0) p.settings[p.count++] = b;
    }
    return p;
}

void beam_plan_free(beam_plan *p)
{
    free(p->settings);
    p->settings = NULL;
    p->count = 0;
}
