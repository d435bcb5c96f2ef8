/* What calls of samplers whose rows have requests refuse, before anything is done. */
#include "hooks.h"
#include "request_rig.h"

#include <stdio.h>

/* --- What is refused --------------------------------------------------------------------- */

/* A call with one thing changed, which the library refuses without a deed. */
#define REFUSED(code, changes, ...)                                                            \
    do {                                                                                       \
        lms_tables t = w->tables, td = w->tables_device;                                       \
        lms_row_edits e[2];                                                                    \
        lms_row_wants n[2];                                                                    \
        lms_sampler_run_args a = request_run(w, &t), d = request_run_device(w);                \
        lms_sampler_run_args *call = &a;                                                       \
        memcpy(e, w->edits, sizeof e);                                                         \
        memcpy(n, w->wants, sizeof n);                                                         \
        t.edits = e;                                                                           \
        t.wants = n;                                                                           \
        d.tables = &td;                                                                        \
        changes;                                                                               \
        (void)d;                                                                               \
        hook_reset();                                                                          \
        RIG_FAILS((code), lms_sampler_run(w->sampler, w->queue, call, 0, NULL, NULL),          \
                  __VA_ARGS__);                                                                \
        assert_null(hook_deed());                                                              \
    } while (0)
#define WRONG(changes, ...) REFUSED(LMS_E_ARGUMENT, changes, __VA_ARGS__)

static void test_records_are_refused(void **state)
{
    const request_rig *const w = *state;
    WRONG(e[1].repetition = 0.0f, "tables.edits[1].repetition: 0 is not in");
    WRONG(e[1].flags = 4096, "tables.edits[1].flags: 4096 has bits");
    WRONG(e[0].bias = LISTS + 1, "tables.edits[0].bias: 5 is above list_count");
    WRONG(e[0].forced = VOCAB + 1, "tables.edits[0].forced: 301 is above vocab");
    WRONG(e[1].dry_base = 0.5f, "tables.edits[1].dry_base: 0.5", "below 1");
    WRONG(e[1].reserved[4] = 1, "tables.edits[1].reserved[4]: 1 is not 0");
    /* A list that is good for one use and not for the next. */
    WRONG(e[0].bad_words = 3; e[1].banned = 3, "tables.list_ids[6]: -1, of list 2");
    WRONG(n[1].top_n = TOP + 1, "tables.wants[1].top_n: 6 is above max_top");
    WRONG(n[0].named = LISTS + 1, "tables.wants[0].named: 5 is above list_count");
    WRONG(n[0].flags = LMS_WANT_PROCESSED | LMS_WANT_LOGITS, "tables.wants[0].flags: 6");
    WRONG(n[0].reserved = 1, "tables.wants[0].reserved: 1 is not 0");
}

static void test_tables_are_refused(void **state)
{
    static const uint32_t falling[LISTS + 1] = {0, 3, 2, 10, 13};
    const request_rig *const w = *state;
    int32_t other[ENTRIES];
    WRONG(t.list_count = LISTS + 1, "tables.list_count: 5 is above max_lists (4)");
    WRONG(t.edits = NULL, "tables.edits: is not given");
    WRONG(t.wants_device = td.wants_device, "tables.wants, wants_device: at most one");
    WRONG(t.list_offsets = falling, "tables.list_offsets[2]: 2 is below the one before (3)");
    WRONG(t.list_ids = NULL; t.list_ids_device = td.list_ids_device, "one of them is on the");
    WRONG(t.list_values = NULL; t.list_values_device = td.list_values_device,
                                "tables.list_values: is not where the ids are");
    WRONG(t.list_values = NULL, "tables.edits[0].bias: list 0 needs values");
    WRONG(t.mask_type = 2, "tables.mask_type: 2");
    WRONG(t.mask_columns = 0, "tables.mask_columns: is 0");
    WRONG(t.mask_stride = MASK_WORDS - 1, "tables.mask_stride: 9 is less than");
    WRONG(t.mask_stride = 1000, "tables: ", "above table_bytes (1024)");
    memcpy(other, request_ids, sizeof other);
    other[4] = VOCAB;
    WRONG(t.list_ids = other, "tables.list_ids[4]: 300, of list 1, is not in 0..299");
    memcpy(other, request_ids, sizeof other);
    other[9] = 4;
    WRONG(t.list_ids = other, "tables.list_ids[9]: list 2", "does not end in LMS_NO_TOKEN");
    other[9] = LMS_NO_TOKEN;
    other[1] = LMS_NO_TOKEN;
    WRONG(t.list_ids = other, "tables.list_ids[1]: -1, of list 0");
}

static void test_rows_and_outputs_are_refused(void **state)
{
    const request_rig *const w = *state;
    lms_row_params p[ROWS];
    memcpy(p, w->params, sizeof p);
#define BAD_ROW(change, ...)                                                                   \
    do {                                                                                       \
        memcpy(p, w->params, sizeof p);                                                        \
        change;                                                                                \
        REFUSED(LMS_E_ROW_PARAMS, a.params = p, __VA_ARGS__);                                  \
    } while (0)
    BAD_ROW(p[1].request.edits = 3, "params[1].request.edits: 3", "edit_count (2)");
    BAD_ROW(p[1].request.mask = 3, "params[1].request.mask: 3", "mask_count (2)");
    BAD_ROW(p[0].request.unconditional = ROWS + 1, "params[0].request.unconditional: 5");
    BAD_ROW(p[0].request.slot += 1000, "params[0].request.slot: ", "is no open slot");
    BAD_ROW(p[3].target = VOCAB + 1, "params[3].target: 301", "vocab (300)");
    BAD_ROW(p[3].wants = 3, "params[3].wants: 3", "want_count (2)");
    BAD_ROW(p[3].step = LMS_STEP_OF_SLOT, "params[3].step: LMS_STEP_OF_SLOT without a slot");
    WRONG(a.top_stride = TOP + 1, "top_stride: 6 is above max_top (5)");
    WRONG(a.named_stride = LMS_MAX_NAMED + 1, "named_stride: 129 is above 128");
    WRONG(a.top_values.buffer = NULL, "top_tokens, top_values: one of them is given");
    WRONG(a.append = 2, "append: 2 is not 0 or 1");
    WRONG(d.append = 1; call = &d, "append: needs params on the host");
}

/* A recording has everything on the device, and appends nothing. */
static void test_recordings_are_refused(void **state)
{
    const request_rig *const w = *state;
    lms_sampler_run_args a = request_run_device(w);
    lms_recording *recording = NULL;
    a.tables = &w->tables;
    hook_reset();
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_record(w->sampler, w->queue, &a, &recording),
              "tables: a recording has them on the device");
    a.tables = &w->tables_device;
    a.append = 1;
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_record(w->sampler, w->queue, &a, &recording),
              "append: needs params on the host");
    assert_null(hook_deed());
    assert_null(recording);
}

/* --- Buffers ----------------------------------------------------------------------------- */

static void small_buffer(const request_rig *w, lms_sampler_run_args *call, lms_view *view,
                         const char *name, size_t bytes, size_t element)
{
    const lms_view whole = *view;
    char said[64];
    snprintf(said, sizeof said, "%s: ", name);
    view->buffer = rig_buffer(w->context, CL_MEM_READ_WRITE, bytes - element);
    hook_reset();
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(w->sampler, w->queue, call, 0, NULL, NULL),
              said);
    assert_null(hook_deed());
    clReleaseMemObject(view->buffer);
    *view = whole;
    view->offset = 1;
    hook_reset();
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(w->sampler, w->queue, call, 0, NULL, NULL),
              said, "offset 1");
    assert_null(hook_deed());
    *view = whole;
}

/* Each is an element too small, or begins an element too late. */
static void test_small_buffers(void **state)
{
    const request_rig *const w = *state;
    lms_tables t = w->tables_device;
    lms_sampler_run_args a = request_run_device(w);
    a.tables = &t;
    for (size_t i = 0; i < REQUEST_OUTPUTS; ++i) {
        lms_view *const view = (lms_view *)(void *)((char *)&a + request_outputs[i].view);
        small_buffer(w, &a, view, request_outputs[i].name, request_bytes(i), 4);
    }
    small_buffer(w, &a, &t.edits_device, "tables.edits_device", sizeof w->edits, 128);
    small_buffer(w, &a, &t.wants_device, "tables.wants_device", sizeof w->wants, 16);
    small_buffer(w, &a, &t.list_offsets_device, "tables.list_offsets_device",
                 sizeof request_offsets, 4);
    small_buffer(w, &a, &t.list_ids_device, "tables.list_ids_device", sizeof request_ids, 4);
    small_buffer(w, &a, &t.list_values_device, "tables.list_values_device",
                 sizeof request_values, 4);
    small_buffer(w, &a, &t.masks_device, "tables.masks_device", sizeof w->masks, 4);
    request_poison(w);
    RIG_OK(lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL));
    request_assert_expected(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_refused),
        cmocka_unit_test(test_tables_are_refused),
        cmocka_unit_test(test_rows_and_outputs_are_refused),
        cmocka_unit_test(test_recordings_are_refused),
        cmocka_unit_test(test_small_buffers),
    };
    return cmocka_run_group_tests_name("request_refused", tests, request_setup,
                                       request_teardown);
}
