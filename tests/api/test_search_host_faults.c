/* Searches and slots on arrays of the host where a call of OpenCL, or an allocation, fails:
 * nothing is kept, and what fails before anything is enqueued has changed nothing. On devices
 * that share memory with the host, and on others. */
#include "contrastive_host_rig.h"

#include "beam_host_rig.h"
#include "faults.h"
#include "hooks.h"

#include <stdlib.h>

enum {
    FUNCTIONS = 64
};

/* A call on an object that is ready for it. */
typedef struct fault_case {
    const char *name;
    void *(*begin)(const object_rig *r); /* makes the object, up to the call */
    lms_status (*call)(const object_rig *r, void *object, const void *arrays);
    void *(*arrays)(const object_rig *r);
    void (*free_arrays)(void *arrays);
    void (*check)(const object_rig *r, const void *arrays);
} fault_case;

/* --- Beam search -------------------------------------------------------------------------- */

static const beam_rig *beams(const object_rig *r) { return (const beam_rig *)(const void *)r; }

static void *beam_arrays(const object_rig *r)
{
    arrays *const a = malloc(sizeof *a);
    assert_non_null(a);
    *a = arrays_new(beams(r), BEAM_ROWS);
    a->logits = logits_of(beams(r), 0, beams(r)->first_rows, BEAM_ROWS, 1);
    return a;
}

static void beam_arrays_free(void *a)
{
    arrays_free(a);
    free(a);
}

static lms_status beam_step(const object_rig *r, void *beam, const void *a)
{
    lms_beam_step_host_args h = step_args(beams(r), a);
    h.row_stride = BEAM_VOCAB + 1;
    return lms_beam_step_host(beam, &h);
}

static void beam_step_check(const object_rig *r, const void *a)
{
    assert_step(beams(r), a, 0, beams(r)->first_rows);
}

static lms_status beam_results(const object_rig *r, void *beam, const void *a)
{
    const lms_beam_results_host_args h = results_args(beams(r), a);
    return lms_beam_results_host(beam, &h);
}

static void beam_results_check(const object_rig *r, const void *a)
{
    assert_results(beams(r), a);
}

static void *beam_opened(const object_rig *r)
{
    void *const beam = object_new(r, &r->desc);
    RIG_OK(object_calls(r, beam, 0, BEAM_FIRST_STEP));
    clFinish(r->queue);
    return beam;
}

static void *beam_stepped(const object_rig *r)
{
    void *const beam = object_new(r, &r->desc);
    RIG_OK(object_calls(r, beam, 0, BEAM_RESULTS));
    clFinish(r->queue);
    return beam;
}

/* --- Contrastive search ------------------------------------------------------------------- */

static const contrastive_rig *contexts(const object_rig *r)
{
    return (const contrastive_rig *)(const void *)r;
}

static places places_of(const object_rig *r)
{
    const places p = {contexts(r)->first_rows, CONTRASTIVE_ROWS, 1};
    return p;
}

static void *contrastive_arrays(const object_rig *r)
{
    step_arrays *const a = malloc(sizeof *a);
    const places p = places_of(r);
    assert_non_null(a);
    *a = step_arrays_new(contexts(r), 0, &p);
    return a;
}

static void contrastive_arrays_free(void *a)
{
    step_arrays_free(a);
    free(a);
}

static lms_status propose(const object_rig *r, void *search, const void *a)
{
    const places p = places_of(r);
    const lms_contrastive_propose_host_args h = propose_host(contexts(r), 0, a, &p);
    return lms_contrastive_propose_host(search, &h);
}

static void propose_check(const object_rig *r, const void *a)
{
    const places p = places_of(r);
    assert_proposal(contexts(r), 0, a, &p);
}

/* What is chosen among is what was proposed before. */
static lms_status choose(const object_rig *r, void *search, const void *a)
{
    const places p = places_of(r);
    const step_arrays *const arrays_of = a;
    const contrastive_trace *const e = &contexts(r)->expected;
    const lms_contrastive_select_host_args h = select_host(contexts(r), 0, a, &p);
    for (size_t i = 0; i < CONTRASTIVE_ROWS; ++i) {
        ((int32_t *)arrays_of->tokens)[i] = (int32_t)e->tokens[0][i];
        arrays_of->probs[i] = e->probs[0][i];
    }
    return lms_contrastive_select_host(search, &h);
}

static void choose_check(const object_rig *r, const void *a)
{
    const places p = places_of(r);
    assert_choice(contexts(r), 0, a, &p);
}

static void *contrastive_appended(const object_rig *r)
{
    void *const search = object_new(r, &r->desc);
    RIG_OK(object_begin(r, search, CONTRASTIVE_FIRST_STEP));
    clFinish(r->queue);
    return search;
}

static void *contrastive_proposed(const object_rig *r)
{
    void *const search = object_new(r, &r->desc);
    RIG_OK(object_begin(r, search, contrastive_select_of(0)));
    clFinish(r->queue);
    return search;
}

/* --- Faults ------------------------------------------------------------------------------- */

static const fault_case beam_cases[] = {
    {"step", beam_opened, beam_step, beam_arrays, beam_arrays_free, beam_step_check},
    {"results", beam_stepped, beam_results, beam_arrays, beam_arrays_free, beam_results_check},
};
static const fault_case contrastive_cases[] = {
    {"propose", contrastive_appended, propose, contrastive_arrays, contrastive_arrays_free,
     propose_check},
    {"select", contrastive_proposed, choose, contrastive_arrays, contrastive_arrays_free,
     choose_check},
};

static bool is_before_enqueues(const char *name)
{
    return is_allocation(name) || strcmp(name, "clCreateBuffer") == 0;
}

/* The nth call of a function fails; what came before anything was enqueued can be repeated. */
static void fail_one(const object_rig *r, const fault_case *c, const char *name, unsigned nth)
{
    void *const object = c->begin(r), *const first = c->arrays(r), *const again = c->arrays(r);
    hook_reset();
    const long live = hook_live();
    hook_fail(name, nth, INJECTED);
    const lms_status status = c->call(r, object, first);
    if (!hook_failed()) fail_msg("%s: %s, call %u, was not made", c->name, name, nth);
    const bool is_fine = status == LMS_OK && (is_release(name) || is_after_enqueues(name));
    const bool is_memory = is_allocation(name) && status == LMS_E_MEMORY;
    if (!is_fine && !is_memory && !(status == INJECTED && says(name))) {
        fail_msg("%s: %s, call %u: status %d, %s", c->name, name, nth, (int)status,
                 lms_error_message());
    }
    if (is_fine) c->check(r, first);
    if (!is_fine && is_before_enqueues(name)) {
        RIG_OK(c->call(r, object, again));
        c->check(r, again);
    }
    if (!is_release(name) && hook_live() > live + 2) {
        /* The latest calls' events stay with the object. */
        fail_msg("%s: %s, call %u: %ld references more", c->name, name, nth,
                 hook_live() - live);
    }
    hook_reset();
    r->kind->destroy(object);
    c->free_arrays(first);
    c->free_arrays(again);
}

static unsigned fail_all(const object_rig *r, const fault_case *c)
{
    unsigned calls[FUNCTIONS] = {0}, failures = 0;
    void *const object = c->begin(r), *const a = c->arrays(r);
    hook_reset();
    RIG_OK(c->call(r, object, a));
    count_calls(calls);
    c->check(r, a);
    r->kind->destroy(object);
    c->free_arrays(a);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        for (unsigned nth = 1; nth <= calls[f]; ++nth, ++failures) {
            fail_one(r, c, hook_name(f), nth);
        }
    }
    return failures;
}

static void fail_kind(const object_kind *kind, const fault_case *cases, size_t count)
{
    static const cl_bool answers[2] = {CL_FALSE, CL_TRUE};
    for (size_t shares = 0; shares < 2; ++shares) {
        const object_desc desc = kind->desc();
        object_rig *const r = calloc(1, kind->rig_bytes);
        assert_non_null(r);
        hook_reset();
        hook_answer(NULL, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool), &answers[shares]);
        object_open(r, kind, NULL, &desc);
        for (size_t i = 0; i < count; ++i) {
            const unsigned failures = fail_all(r, &cases[i]);
            print_message("%u failures of %s\n", failures, cases[i].name);
        }
        object_close(r);
        free(r);
    }
}

static void test_beam_search(void **state)
{
    (void)state;
    fail_kind(&beam_kind, beam_cases, 2);
}

static void test_contrastive_search(void **state)
{
    (void)state;
    fail_kind(&contrastive_kind, contrastive_cases, 2);
}

/* Inputs in shared memory are used where they are, others are copied. */
static void test_inputs_in_place(void **state)
{
    static const cl_bool answers[2] = {CL_FALSE, CL_TRUE};
    (void)state;
    for (size_t shares = 0; shares < 2; ++shares) {
        const cl_mem_flags way = shares ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
        const object_desc desc = beam_kind.desc();
        object_rig *const r = calloc(1, beam_kind.rig_bytes);
        assert_non_null(r);
        hook_reset();
        hook_answer(NULL, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool), &answers[shares]);
        object_open(r, &beam_kind, NULL, &desc);
        void *const beam = beam_opened(r);
        arrays *const a = beam_arrays(r);
        hook_reset();
        RIG_OK(beam_step(r, beam, a));
        assert_int_equal(hook_buffer_of(a->logits, way),
                         4 * ((BEAM_ROWS - 1) * (BEAM_VOCAB + 1) + BEAM_VOCAB));
        assert_int_equal(hook_blocking(), 1); /* the last output alone is waited for */
        beam_arrays_free(a);
        r->kind->destroy(beam);
        object_close(r);
        free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beam_search),
        cmocka_unit_test(test_contrastive_search),
        cmocka_unit_test(test_inputs_in_place),
    };
    return cmocka_run_group_tests_name("searches on arrays, faults", tests, NULL, NULL);
}
