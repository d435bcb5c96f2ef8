/* What can be done with any call's arguments. */
#include "call.h"

#include <string.h>

static void change_field(char *at, const change *c)
{
    const uint32_t word = (uint32_t)c->whole;
    const bool truth = c->whole != 0;
    if (c->is == IS_REAL) {
        memcpy(at, &c->real, sizeof c->real);
    } else if (c->is == IS_POINTER) {
        memcpy(at, &c->pointer, sizeof c->pointer);
    } else if (c->size == sizeof truth) {
        memcpy(at, &truth, sizeof truth);
    } else if (c->size == sizeof word) {
        memcpy(at, &word, sizeof word);
    } else {
        memcpy(at, &c->whole, sizeof c->whole);
    }
}

void change_record(void *record, const change *changes, size_t count)
{
    for (size_t i = 0; i < count && changes[i].size > 0; ++i) {
        change_field((char *)record + changes[i].at, &changes[i]);
    }
}

lms_view *view_of(call_args *args, const view *v)
{
    return (lms_view *)(void *)((char *)args + v->at);
}

size_t element_bytes(object_types types, element e)
{
    const size_t of_logit = types.logits == LMS_FLOAT32 ? sizeof(cl_float) : sizeof(cl_half);
    const size_t of_hidden = types.hidden == LMS_FLOAT32 ? sizeof(cl_float) : sizeof(cl_half);
    const size_t of_token = types.tokens == LMS_INT64 ? sizeof(cl_long) : sizeof(cl_int);
    switch (e) {
    case ELEMENT_LONG: return sizeof(cl_long);
    case ELEMENT_LOGIT: return of_logit;
    case ELEMENT_HIDDEN: return of_hidden;
    case ELEMENT_TOKEN: return of_token;
    case ELEMENT_PARAMS: return sizeof(lms_row_params);
    case ELEMENT_ATTEMPT: return 4 * sizeof(cl_uint);
    default: return sizeof(cl_uint);
    }
}
