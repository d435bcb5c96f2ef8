/* object.h - a sampler, a beam search or a contrastive search as the checks see it: an object
 * that is made from a description, and a list of calls, the scenario, that can be made without
 * a wait between them and be told from any other by what it leaves behind. calls/ describes
 * each object and each of its calls once; checks/ has what holds for all of them. */
#ifndef LMS_TEST_OBJECT_H
#define LMS_TEST_OBJECT_H

#include "call.h"
#include "trace.h"

/* What the host says of an object: of contexts. */
typedef struct object_view {
    uint32_t lengths[4]; /* UINT32_MAX: not open */
    uint64_t room;
} object_view;

/* An array on the host that calls read: its place in the rig. */
typedef struct host_array {
    size_t at, bytes;
} host_array;

/* A part of a call of the scenario: the call ends before it if it fails. */
typedef struct call_part {
    unsigned call;
    const char *name;
    unsigned nth;
    bool has_begun; /* something that uses the object's memory is enqueued before it */
} call_part;

/* What a good call enqueues at least and at most. */
typedef struct call_cost {
    unsigned kernels_least, kernels_most;
    unsigned writes_least, writes_most;
} call_cost;

struct object_rig;

/* A way of making the object in which the costs of its calls are other ones. */
typedef struct object_shape {
    const char *shape; /* LMS_SHAPE */
    change changes[CHANGES];
    call_cost costs[CALL_TYPES]; /* of each type, in the order of types */
    bool fails;                  /* its calls are to fail too */
} object_shape;

typedef struct object_kind {
    const char *name;
    size_t rig_bytes; /* of a rig, which begins with an object_rig */

    /* What the scenario writes. */
    const trace_field *fields;
    size_t field_count, record_bytes;
    size_t expected; /* its place in the rig */

    /* Types of calls, and the scenario: which call is of which type, and its arguments. */
    const call_type *const *types;
    size_t type_count;
    unsigned calls;
    const call_type *(*arguments)(const struct object_rig *r, unsigned call, call_args *args);
    call_cost (*cost)(const struct object_rig *r, unsigned call);
    bool (*is_staged)(unsigned call); /* counts among those in flight */
    unsigned repeated;                /* a staged call that can be made over and over */
    const unsigned *samples;          /* calls of the scenario: some of each type */
    size_t sample_count;
    const call_part *parts; /* of calls in a scenario of a new object */
    size_t part_count;
    const object_shape *shapes;
    size_t shape_count;

    lms_status (*create)(lms_context *ctx, const object_desc *desc, void **object);
    void (*destroy)(void *object);
    size_t (*workspace)(const void *object);
    object_desc (*desc)(void);
    void (*set_in_flight)(object_desc *desc, uint32_t max_in_flight);
    void (*set_team)(object_desc *desc, uint32_t work_items);
    object_types (*types_of)(const object_desc *desc);
    void (*set_types)(object_desc *desc, object_types types);
    object_desc (*thread_desc)(unsigned thread);
    const refusals *desc_refusals; /* lists of them */
    size_t desc_refusals_count;

    /* Data of the scenario: requests, and buffers of what they read. */
    void (*fill)(struct object_rig *r);
    void (*release)(struct object_rig *r);
    void (*other_requests)(struct object_rig *r); /* in the same slots */
    void (*assert_sound)(const struct object_rig *r);
    const host_array *host_arrays;
    size_t host_array_count;
    size_t slots, slot_count; /* the requests' slots: their place in the rig, and how many */

    /* What comes before the first call and behind the last one, and enqueues nothing. */
    lms_status (*open)(const struct object_rig *r, void *object);
    lms_status (*close)(const struct object_rig *r, void *object);
    object_view (*look)(const void *object);
} object_kind;

/* Begins the rig of each kind. `ctx` may be shared; buffers and the object are its own. */
typedef struct object_rig {
    const object_kind *kind;
    lms_context *ctx;
    bool owns_context;
    void *object;
    object_desc desc; /* of it */
    cl_context context;
    cl_command_queue queue; /* the context's own */
} object_rig;

/* Opens a context, or works in the one that is given. */
void object_open(object_rig *r, const object_kind *kind, lms_context *ctx,
                 const object_desc *desc);
void object_close(object_rig *r);

/* Setup and teardown of a group of tests; *state is a rig of the kind. */
int object_setup(void **state, const object_kind *kind);
int object_teardown(void **state);

/* Another rig in the rig's context; to be closed and freed. */
object_rig *object_beside(const object_rig *r, const object_desc *desc);

/* Another object in the rig's context. */
void *object_new(const object_rig *r, const object_desc *desc);

/* Call 0 .. calls - 1 of the scenario. */
lms_status object_call(const object_rig *r, void *object, cl_command_queue queue, unsigned call,
                       cl_uint num_wait, const cl_event *wait_list, cl_event *event);
/* Calls first .. last - 1, on the context's queue. */
lms_status object_calls(const object_rig *r, void *object, unsigned first, unsigned last);
/* Opens, and makes the first `calls` calls. */
lms_status object_begin(const object_rig *r, void *object, unsigned calls);
/* Closes whatever is open. */
lms_status object_end(const object_rig *r, void *object);
/* The first call of the scenario that is of this type. */
unsigned object_first_of(const object_rig *r, const call_type *type);
/* A call of the type with other arguments. */
lms_status object_call_with(const object_rig *r, void *object, const call_type *type,
                            const call_args *args);

object_view object_look(const object_rig *r, const void *object);
void object_assert_looks(const object_rig *r, const void *object, const object_view *before);

/* The next three are for any thread: OpenCL's code, and no assertion. */
cl_int object_poison(const object_rig *r);
cl_int object_read(const object_rig *r, void *record);
const char *object_difference(const object_rig *r, const void *a, const void *b);
const void *object_expected(const object_rig *r);
/* Room for a record; ends the test if there is no memory. */
void *object_record(const object_rig *r);

void object_assert_same(const object_rig *r, const void *a, const void *b);
/* What the buffers have is what was expected, ... */
void object_assert_expected(const object_rig *r);
/* ... or what they were poisoned with. */
void object_assert_poisoned(const object_rig *r);
/* The whole scenario: runs, waits, compares and closes. */
void object_assert_good(const object_rig *r, void *object);

extern const object_kind sampler_kind, beam_kind, contrastive_kind;

/* As RIG_FAILS, OpenCL was asked questions and nothing else, and what the host says of the
 * object is as before. For programs with hooks.h. */
#define OBJECT_REFUSED(r, object, code, call, ...)                                             \
    do {                                                                                       \
        const object_view before_ = object_look((r), (object));                                \
        hook_reset();                                                                          \
        RIG_FAILS((code), (call), __VA_ARGS__);                                                \
        assert_null(hook_deed());                                                              \
        object_assert_looks((r), (object), &before_);                                          \
    } while (0)

#endif
