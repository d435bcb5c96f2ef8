/* Wait lists, events and queues of every call, and the order of an object's calls. */
#include "calls/kinds.h"

#include <stdlib.h>

enum {
    LONG_LIST = 9 /* more events than a call hands on as they are */
};

static cl_command_queue loose_queue(const object_rig *r)
{
    return rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
}

/* A call returns while its wait list is incomplete, waits for all of it, and then completes. */
static void waits_for_all(const object_rig *r, cl_command_queue queue, unsigned call,
                          cl_uint events)
{
    cl_event hold[LONG_LIST], event = NULL;
    for (cl_uint i = 0; i < events; ++i) hold[i] = rig_user_event(r->context);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, call));
    clFinish(r->queue);
    RIG_OK(object_call(r, r->object, queue, call, events, hold, &event));
    assert_non_null(event);
    for (cl_uint i = 0; i < events; ++i) {
        rig_assert_pending(event);
        rig_complete(hold[i]);
    }
    rig_wait(event);
    RIG_OK(object_calls(r, r->object, call + 1, r->kind->calls));
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
}

static void test_wait_lists(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue loose = loose_queue(r);
    for (size_t i = 0; i < r->kind->sample_count; ++i) {
        for (cl_uint events = 3; events <= LONG_LIST; ++events) {
            waits_for_all(r, events % 2 ? r->queue : loose, r->kind->samples[i], events);
        }
        waits_for_all(r, loose, r->kind->samples[i], 3);
        waits_for_all(r, loose, r->kind->samples[i], LONG_LIST);
    }
    clReleaseCommandQueue(loose);
}

/* Nothing is written before the wait list is complete. */
static void test_outputs_only_afterwards(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    for (size_t i = 0; i < r->kind->sample_count; ++i) {
        const unsigned call = r->kind->samples[i];
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        RIG_OK(object_begin(r, r->object, call));
        clFinish(r->queue);
        assert_int_equal(object_poison(r), CL_SUCCESS);
        RIG_OK(object_call(r, r->object, queue, call, 1, &hold, &event));
        object_assert_poisoned(r); /* read on the context's own queue, which is free */
        rig_complete(hold);
        rig_wait(event);
        RIG_OK(object_end(r, r->object));
    }
    clReleaseCommandQueue(queue);
}

/* What is on the host is read before a call returns. */
static void test_host_data_is_read_at_once(void **state)
{
    const object_rig *const r = *state;
    const cl_event hold = rig_user_event(r->context);
    object_rig *const copy = malloc(r->kind->rig_bytes);
    assert_non_null(copy);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        memcpy(copy, r, r->kind->rig_bytes);
        RIG_OK(object_call(copy, r->object, r->queue, call, call == 0, call == 0 ? &hold : NULL,
                           NULL));
        for (size_t i = 0; i < r->kind->host_array_count; ++i) {
            const host_array *const a = &r->kind->host_arrays[i];
            memset((char *)copy + a->at, 0x7f, a->bytes);
        }
    }
    rig_complete(hold);
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
    free(copy);
}

/* Another queue's commands can wait for a call's event, and see what it wrote. */
static void test_event_on_another_queue(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    unsigned char *const found = object_record(r), *const wanted = object_record(r);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        call_args args;
        const call_type *const type = r->kind->arguments(r, call, &args);
        cl_event event = NULL;
        RIG_OK(object_call(r, r->object, r->queue, call, 0, NULL, &event));
        for (size_t i = 0; i < type->view_count; ++i) {
            const lms_view *const out = view_of(&args, &type->views[i]);
            if (type->views[i].trace == NOT_TRACED || out->buffer == NULL) continue;
            size_t bytes = 0;
            clGetMemObjectInfo(out->buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
            assert_true(bytes <= r->kind->record_bytes);
            assert_int_equal(clEnqueueReadBuffer(other, out->buffer, CL_TRUE, 0, bytes, found,
                                                 1, &event, NULL),
                             CL_SUCCESS);
            clFinish(r->queue);
            assert_int_equal(clEnqueueReadBuffer(r->queue, out->buffer, CL_TRUE, 0, bytes,
                                                 wanted, 0, NULL, NULL),
                             CL_SUCCESS);
            assert_memory_equal(found, wanted, bytes);
        }
        clReleaseEvent(event);
    }
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
    clReleaseCommandQueue(other);
    free(found);
    free(wanted);
}

/* No requests: an event that completes after the wait list, and no output. */
static void empty_calls(const object_rig *r, cl_command_queue queue)
{
    call_args empty;
    memset(&empty, 0, sizeof empty);
    for (size_t i = 0; i < r->kind->type_count; ++i) {
        const call_type *const type = r->kind->types[i];
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        if (type->can_be_empty) {
            RIG_OK(type->run(r->object, queue, &empty, 1, &hold, &event));
            assert_non_null(event);
            rig_assert_pending(event);
        }
        rig_complete(hold);
        if (!type->can_be_empty) continue;
        rig_wait(event);
        RIG_OK(type->run(r->object, queue, &empty, 0, NULL, &event));
        rig_wait(event);
        RIG_OK(type->run(r->object, queue, &empty, 0, NULL, NULL));
    }
}

static void test_empty_calls(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue loose = loose_queue(r);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    empty_calls(r, r->queue);
    empty_calls(r, loose);
    clFinish(loose);
    object_assert_poisoned(r);
    clReleaseCommandQueue(loose);
}

/* --- Order ------------------------------------------------------------------------------- */

/* The whole scenario behind one event, on queues in turn and without any other wait list: the
 * calls' own order keeps it whole. */
static void run_on(const object_rig *r, const cl_command_queue *queues, unsigned count)
{
    const cl_event hold = rig_user_event(r->context);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        RIG_OK(object_call(r, r->object, queues[call % count], call, call == 0,
                           call == 0 ? &hold : NULL, NULL));
    }
    rig_complete(hold);
    for (unsigned q = 0; q < count; ++q) clFinish(queues[q]);
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
}

static void test_queues_in_turn(void **state)
{
    const object_rig *const r = *state;
    cl_command_queue queues[3];
    for (unsigned q = 0; q < 3; ++q) queues[q] = q == 1 ? rig_queue(r->ctx, 0) : loose_queue(r);
    for (int again = 0; again < 10; ++again) {
        run_on(r, &r->queue, 1);
        for (unsigned count = 1; count <= 3; ++count) run_on(r, queues, count);
    }
    for (unsigned q = 0; q < 3; ++q) clReleaseCommandQueue(queues[q]);
}

/* No queue is kept by the library. */
static void test_a_queue_for_each_call(void **state)
{
    const object_rig *const r = *state;
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        const cl_command_queue queue = call % 2 ? rig_queue(r->ctx, 0) : loose_queue(r);
        cl_event event = NULL;
        RIG_OK(object_call(r, r->object, queue, call, 0, NULL, &event));
        clReleaseCommandQueue(queue);
        if (call + 1 == r->kind->calls) {
            rig_wait(event);
        } else {
            clReleaseEvent(event);
        }
    }
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
}

/* A call that is held on one queue, and the next one (or the last one again) on another, behind
 * `num_wait` events of its own. They are completed in this order, or the other way round. */
static void behind_a_held_call(const object_rig *r, cl_command_queue first,
                               cl_command_queue second, unsigned call, cl_uint num_wait,
                               bool own_first)
{
    const unsigned next = call + 1 < r->kind->calls ? call + 1 : call;
    const cl_event hold = rig_user_event(r->context);
    cl_event own[2] = {NULL, NULL}, event = NULL;
    for (cl_uint i = 0; i < num_wait; ++i) own[i] = rig_user_event(r->context);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, call));
    clFinish(r->queue);
    RIG_OK(object_call(r, r->object, first, call, 1, &hold, NULL));
    RIG_OK(
        object_call(r, r->object, second, next, num_wait, num_wait > 0 ? own : NULL, &event));
    assert_int_equal(clFlush(second), CL_SUCCESS);
    if (!own_first) rig_complete(hold);
    for (cl_uint i = 0; i < num_wait; ++i) {
        rig_assert_pending(event);
        rig_complete(own[i]);
    }
    if (own_first) {
        rig_assert_pending(event);
        rig_complete(hold);
    }
    rig_wait(event);
    RIG_OK(object_calls(r, r->object, call + 2, r->kind->calls));
    object_assert_expected(r);
    clFinish(first);
    RIG_OK(object_end(r, r->object));
}

/* A call waits for the earlier ones, on whatever queue they are, whether it has a wait list of
 * its own or not, ... */
static void test_calls_wait_for_earlier_ones(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    for (size_t i = 0; i < r->kind->sample_count; ++i) {
        const unsigned call = r->kind->samples[i];
        if (call + 1 == r->kind->calls && call != r->kind->repeated) continue;
        for (cl_uint num_wait = 0; num_wait <= 2; ++num_wait) {
            behind_a_held_call(r, other, r->queue, call, num_wait, true);
        }
        behind_a_held_call(r, other, r->queue, call, 1, false);
    }
    clReleaseCommandQueue(other);
}

/* ... and on queues of every order, ... */
static void test_queues_of_every_order(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue strict = rig_queue(r->ctx, 0);
    const cl_command_queue loose[2] = {loose_queue(r), loose_queue(r)};
    for (size_t i = 0; i < 2; ++i) {
        const unsigned call = r->kind->samples[i];
        for (int own_first = 0; own_first < 2; ++own_first) {
            behind_a_held_call(r, loose[0], loose[1], call, 1, own_first);
            behind_a_held_call(r, strict, loose[0], call, 1, own_first);
            behind_a_held_call(r, loose[0], strict, call, 1, own_first);
            behind_a_held_call(r, loose[0], loose[0], call, 1, own_first);
        }
    }
    clReleaseCommandQueue(strict);
    for (int i = 0; i < 2; ++i) clReleaseCommandQueue(loose[i]);
}

/* ... but not those of another object. */
static void test_objects_do_not_wait_for_each_other(void **state)
{
    const object_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    void *const second = object_new(r, &r->desc);
    RIG_OK(object_begin(r, second, 0));
    RIG_OK(object_call(r, second, other, 0, 1, &hold, NULL));
    object_assert_good(r, r->object);
    rig_complete(hold);
    clFinish(other);
    r->kind->destroy(second);
    clReleaseCommandQueue(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_lists),
        cmocka_unit_test(test_outputs_only_afterwards),
        cmocka_unit_test(test_host_data_is_read_at_once),
        cmocka_unit_test(test_event_on_another_queue),
        cmocka_unit_test(test_empty_calls),
        cmocka_unit_test(test_queues_in_turn),
        cmocka_unit_test(test_a_queue_for_each_call),
        cmocka_unit_test(test_calls_wait_for_earlier_ones),
        cmocka_unit_test(test_queues_of_every_order),
        cmocka_unit_test(test_objects_do_not_wait_for_each_other),
    };
    return RUN_FOR_EACH_KIND("order", tests);
}
