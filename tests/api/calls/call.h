/* call.h - a type of call as a record: its arguments, its buffers, and what it refuses. */
#ifndef LMS_TEST_CALL_H
#define LMS_TEST_CALL_H

#include "rig.h"

enum {
    CHANGES = 4,
    CALL_TYPES = 4 /* most types of calls of an object */
};

/* A field of a record, and another value for it. */
typedef struct change {
    size_t at, size;
    uint64_t whole;
    float real;
    const void *pointer;
    enum {
        IS_WHOLE,
        IS_REAL,
        IS_POINTER
    } is;
} change;
#define FIELD_OF(type, field) offsetof(type, field), sizeof(((type *)NULL)->field)
#define WHOLE(type, field, x)                                                                  \
    {                                                                                          \
        FIELD_OF(type, field), .whole = (uint64_t)(x), .is = IS_WHOLE                          \
    }
#define REAL(type, field, x)                                                                   \
    {                                                                                          \
        FIELD_OF(type, field), .real = (x), .is = IS_REAL                                      \
    }
#define POINTER(type, field, x)                                                                \
    {                                                                                          \
        FIELD_OF(type, field), .pointer = (x), .is = IS_POINTER                                \
    }

/* Makes the first `count` changes of a record, up to one without a size. */
void change_record(void *record, const change *changes, size_t count);

/* Good arguments, or a good description, but for some changes; and what is said of them. */
typedef struct refusal {
    lms_status status;
    const char *text, *rule; /* parts of the message; NULL for none */
    change changes[CHANGES];
} refusal;

/* A list of them. */
typedef struct refusals {
    const refusal *all;
    size_t count;
    bool sometimes; /* not at every point of the scenario, but at the first call of the type */
} refusals;
/* In an initializer: a pointer to an array, and its length. */
#define LIST(field, count, array) .field = (array), .count = sizeof(array) / sizeof((array)[0])
#define ALL(array) (array), sizeof(array) / sizeof((array)[0]), false
#define SOMETIMES(array) (array), sizeof(array) / sizeof((array)[0]), true

/* What an element of a buffer is: its size may depend on the description. */
typedef enum element {
    ELEMENT_WORD, /* 4 bytes */
    ELEMENT_LONG, /* 8 bytes */
    ELEMENT_LOGIT,
    ELEMENT_HIDDEN,
    ELEMENT_TOKEN,
    ELEMENT_PARAMS, /* lms_row_params */
    ELEMENT_ATTEMPT /* four words of uniforms */
} element;

typedef enum door {
    IN,          /* the call reads it, ... */
    IN_OPTIONAL, /* ... if it is there */
    OUT,         /* the call writes it, ... */
    OUT_OPTIONAL /* ... if it is there */
} door;

#define NOT_TRACED SIZE_MAX

/* A buffer of a call. */
typedef struct view {
    const char *name; /* as messages have it */
    size_t at;        /* of the lms_view in the arguments */
    door door;
    element element;
    size_t elements; /* how many of them a call with its rows apart touches */
    size_t trace;    /* of what it writes, in the trace's record */
} view;

/* Arguments of every type of call; those without a record of their own have one here. */
typedef struct open_args {
    uint32_t slot;
    bool has_params;
    lms_beam_params params;
    const int32_t *end_tokens;
} open_args;
typedef struct fork_args {
    uint32_t from, to;
    bool has_params;
    lms_contrastive_params params;
} fork_args;
typedef union call_args {
    lms_sampler_run_args run;
    open_args open;
    lms_beam_step_args step;
    lms_beam_results_args results;
    lms_contrastive_append_args append;
    lms_contrastive_propose_args propose;
    lms_contrastive_select_args select;
    fork_args fork;
} call_args;

typedef union object_desc {
    lms_sampler_desc sampler;
    lms_beam_desc beam;
    lms_contrastive_desc contrastive;
} object_desc;

/* Of a record among the arguments: its name, door, element, elements and trace. */
#define VIEW_OF(record, name, ...)                                                             \
    {                                                                                          \
#name ": ", offsetof(call_args, record.name), __VA_ARGS__                              \
    }

typedef struct call_type {
    const char *name;
    const char *object_text; /* said of a missing object, ... */
    const char *record_text; /* ... and of a missing record; NULL where there is none */
    bool can_be_empty;       /* with a record of zeros it enqueues a marker */
    lms_status (*run)(void *object, cl_command_queue queue, const call_args *args,
                      cl_uint num_wait, const cl_event *wait_list, cl_event *event);
    const view *views;
    size_t view_count;
    const refusals *refusals; /* lists of them */
    size_t refusals_count;
    change apart[CHANGES]; /* rows apart, and no more of them than are needed */
    /* Strides that the views' extents grow with. */
    struct {
        size_t at;
        const char *text;
    } strides[2];
    /* Other good arguments, to be combined in all ways. */
    const change (*variants)[CHANGES];
    size_t variant_count;
    unsigned silent_kernels; /* no output is written before so many kernels have run */
} call_type;

lms_view *view_of(call_args *args, const view *v);

/* Types of an object's logits, hidden states and tokens, and the bytes of an element of it. */
typedef struct object_types {
    lms_dtype logits, hidden;
    lms_token_type tokens;
} object_types;
size_t element_bytes(object_types types, element e);

#endif
