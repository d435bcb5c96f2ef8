#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch_slots.h"

#include "device.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 24u /* tokens that a slot gets beside its own, at most */
#define PER_CALL 64u

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

static lms_slots *make_slots(lms_context *ctx, const batch *b, const batch_way *way)
{
    const requests *const r = b->requests;
    lms_slots_desc desc = {0};
    lms_slots *slots = NULL;
    desc.max_slots = 2 * r->slot_count + way->other_slots + 1;
    desc.max_length = 1;
    for (uint32_t i = 0; i < r->slot_count; ++i) {
        if (r->slots[i].length > desc.max_length) desc.max_length = r->slots[i].length;
    }
    desc.max_length += 2 * ROOM;
    desc.vocab = b->vocab;
    desc.tokens = way->tokens;
    desc.max_call = desc.max_slots < PER_CALL ? 0 : PER_CALL;
    device_require(lms_slots_create(ctx, &desc, &slots), "lms_slots_create");
    return slots;
}

static cl_mem tokens_buffer(lms_context *ctx, const batch_way *way, const int32_t *tokens,
                            size_t count)
{
    cl_int code = CL_SUCCESS;
    int64_t *const wide = memory_zeroed(count + 1, sizeof *wide);
    int32_t *const narrow = (int32_t *)wide;
    const size_t element = way->tokens == LMS_INT64 ? 8 : 4;
    for (size_t i = 0; i < count; ++i) {
        if (element == 8) {
            wide[i] = tokens[i];
        } else {
            narrow[i] = tokens[i];
        }
    }
    cl_mem mem =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       (count + 1) * element, wide, &code);
    device_require(code, "clCreateBuffer");
    free(wide);
    return mem;
}

/* Behind a call: not more than four are in flight. */
static void made(lms_context *ctx, lms_status status, const char *call)
{
    static uint32_t calls;
    device_require(status, call);
    if (++calls % 4 == 0) device_require(clFinish(lms_context_queue(ctx)), "clFinish");
}

/* Opens slots first .. first + count - 1 with what `part` says: all of it or the prompt. With
 * tokens from the device some among the generated ones are none. */
static void open_some(lms_context *ctx, const batch *b, const batch_way *way,
                      batch_opened *opened, uint32_t first, uint32_t count)
{
    const bool device = way->slots == BATCH_SLOTS_DEVICE;
    const bool prompt_only = way->slots == BATCH_SLOTS_APPEND;
    uint32_t lengths[PER_CALL], prompts[PER_CALL], ignored[PER_CALL];
    size_t all = 0, end = 0;
    for (uint32_t i = 0; i < count; ++i) all += b->requests->slots[first + i].length;
    int32_t *const tokens = memory_zeroed(2 * all + count, sizeof *tokens);
    for (uint32_t i = 0; i < count; ++i) {
        const oracle_sequence *const s = &b->requests->slots[first + i];
        const size_t begin = end;
        for (uint32_t j = 0; j < (prompt_only ? s->prompt : s->length); ++j) {
            tokens[end++] = s->tokens[j];
            if (device && j >= s->prompt && j + ROOM > s->length && j % 3 == 0) {
                tokens[end++] = j % 2 ? (int32_t)b->vocab : LMS_NO_TOKEN;
            }
        }
        lengths[i] = (uint32_t)(end - begin);
        prompts[i] = s->prompt;
        ignored[i] = s->ignored;
    }
    lms_slots_open_args args = {.count = count, .lengths = lengths, .prompts = prompts};
    args.ignored = ignored;
    args.token_count = end;
    args.names = opened->names + first;
    if (device) {
        args.tokens_device.buffer = tokens_buffer(ctx, way, tokens, end);
    } else {
        args.tokens = tokens;
    }
    made(ctx, lms_slots_open(opened->slots, lms_context_queue(ctx), &args, 0, NULL, NULL),
         "lms_slots_open");
    if (device) clReleaseMemObject(args.tokens_device.buffer);
    free(tokens);
}

/* Appends `counts[i]` of `tokens` [count][stride] to slots of these names. */
static void append(lms_context *ctx, const batch_way *way, const batch_opened *opened,
                   const uint64_t *names, const uint32_t *counts, uint32_t count,
                   const int32_t *tokens, uint32_t stride)
{
    lms_slots_append_args args = {.count = count, .names = names, .counts = counts};
    args.stride = stride;
    args.tokens.buffer = tokens_buffer(ctx, way, tokens, (size_t)count * stride);
    made(ctx, lms_slots_append(opened->slots, lms_context_queue(ctx), &args, 0, NULL, NULL),
         "lms_slots_append");
    clReleaseMemObject(args.tokens.buffer);
}

/* The generated tokens, of every slot the next few at a time; now and then one that is none. */
static void append_generated(lms_context *ctx, const batch *b, const batch_way *way,
                             const batch_opened *opened, uint32_t first, uint32_t count)
{
    enum {
        STRIDE = 32
    };
    int32_t tokens[PER_CALL * STRIDE] = {0};
    uint32_t at[PER_CALL], counts[PER_CALL], left = 1;
    for (uint32_t i = 0; i < count; ++i) at[i] = b->requests->slots[first + i].prompt;
    for (uint32_t turn = 0; left > 0; ++turn) {
        left = 0;
        for (uint32_t i = 0; i < count; ++i) {
            const oracle_sequence *const s = &b->requests->slots[first + i];
            const uint32_t n = smaller(s->length - at[i], 1 + (turn + i) % (STRIDE - 1));
            const bool none = n > 0 && turn < ROOM && i % 2;
            memcpy(tokens + i * STRIDE, s->tokens + at[i], n * sizeof *tokens);
            if (none) tokens[i * STRIDE + n] = LMS_NO_TOKEN;
            counts[i] = n + none;
            at[i] += n;
            left += s->length - at[i];
        }
        append(ctx, way, opened, opened->names + first, counts, count, tokens, STRIDE);
    }
}

/* Tokens of no use. */
static void append_junk(lms_context *ctx, const batch *b, const batch_way *way,
                        const batch_opened *opened, const uint64_t *names, uint32_t count)
{
    int32_t tokens[PER_CALL * ROOM] = {0};
    uint32_t counts[PER_CALL];
    for (uint32_t i = 0; i < count * ROOM; ++i) tokens[i] = (int32_t)(i * 7 % b->vocab);
    for (uint32_t i = 0; i < count; ++i) counts[i] = 1 + i % ROOM;
    append(ctx, way, opened, names, counts, count, tokens, ROOM);
}

static void roll_back(lms_context *ctx, const batch *b, const batch_opened *opened,
                      uint32_t first, uint32_t count)
{
    uint32_t lengths[PER_CALL];
    for (uint32_t i = 0; i < count; ++i) lengths[i] = b->requests->slots[first + i].length;
    made(ctx,
         lms_slots_roll_back(opened->slots, lms_context_queue(ctx), count,
                             opened->names + first, lengths, 0, NULL, NULL),
         "lms_slots_roll_back");
}

static void fork_all(lms_context *ctx, const batch *b, const batch_way *way,
                     const batch_opened *opened, uint32_t first, uint32_t count)
{
    uint64_t from[PER_CALL];
    memcpy(from, opened->names + first, count * sizeof *from);
    made(ctx,
         lms_slots_fork(opened->slots, lms_context_queue(ctx), count, from,
                        opened->names + first, 0, NULL, NULL),
         "lms_slots_fork");
    append_junk(ctx, b, way, opened, from, count);
    for (uint32_t i = 0; i < count; ++i) {
        device_require(lms_slots_close(opened->slots, from[i]), "lms_slots_close");
    }
}

/* Slots of a few tokens; every other one is closed again. */
static void open_others(lms_context *ctx, const batch *b, uint32_t others, batch_opened *opened)
{
    int32_t tokens[1] = {(int32_t)(b->vocab - 1)};
    for (uint32_t i = 0; i <= others; ++i) {
        const uint32_t length = i % 2;
        uint64_t name = 0;
        lms_slots_open_args args = {.count = 1, .lengths = &length, .tokens = tokens};
        args.token_count = length;
        args.names = &name;
        made(ctx, lms_slots_open(opened->slots, lms_context_queue(ctx), &args, 0, NULL, NULL),
             "lms_slots_open");
        if (i % 2 && i < others) continue;
        device_require(lms_slots_close(opened->slots, name), "lms_slots_close");
    }
}

batch_opened batch_open_slots(lms_context *ctx, const batch *b, const batch_way *way)
{
    batch_opened opened = {0};
    if (!b->requests || b->requests->slot_count == 0) return opened;
    opened.slots = make_slots(ctx, b, way);
    opened.names = memory_zeroed(b->requests->slot_count, sizeof *opened.names);
    open_others(ctx, b, way->other_slots, &opened);
    for (uint32_t first = 0; first < b->requests->slot_count; first += PER_CALL) {
        const uint32_t count = smaller(PER_CALL, b->requests->slot_count - first);
        open_some(ctx, b, way, &opened, first, count);
        if (way->slots == BATCH_SLOTS_APPEND) {
            append_generated(ctx, b, way, &opened, first, count);
        }
        if (way->slots == BATCH_SLOTS_ROLL_BACK) {
            append_junk(ctx, b, way, &opened, opened.names + first, count);
            roll_back(ctx, b, &opened, first, count);
        }
        if (way->slots == BATCH_SLOTS_FORK) fork_all(ctx, b, way, &opened, first, count);
    }
    return opened;
}

void batch_close_slots(batch_opened *opened)
{
    lms_slots_destroy(opened->slots);
    free(opened->names);
}

/* Names that no slot has had. (One that is closed may be good on the device for a while.) */
static uint64_t never_given(const batch_opened *opened, uint32_t r)
{
    static const uint64_t changes[] = {UINT64_C(1) << 63, UINT64_C(1) << 40, UINT64_MAX,
                                       0xffff};
    return opened->names[0] ^ changes[r % 4];
}

lms_row_params *batch_named_params(const batch *b, const batch_opened *opened)
{
    lms_row_params *const params = memory_zeroed(b->rows, sizeof *params);
    memcpy(params, b->params, b->rows * sizeof *params);
    for (uint32_t r = 0; r < b->rows && opened->slots; ++r) {
        const uint64_t slot = params[r].request.slot;
        if (slot == 0) continue;
        params[r].request.slot =
            slot <= b->requests->slot_count ? opened->names[slot - 1] : never_given(opened, r);
    }
    return params;
}

void batch_check_slots(const batch *b, const batch_way *way, const batch_opened *opened,
                       const batch_out *out)
{
    for (uint32_t i = 0; opened->slots && i < b->requests->slot_count; ++i) {
        const oracle_sequence *const s = &b->requests->slots[i];
        int32_t *const tokens = memory_zeroed(s->length + 2 * ROOM, sizeof *tokens);
        uint32_t length = 0, prompt = 0, expected = s->length;
        int64_t last = -1;
        for (uint32_t r = 0; way->append && r < b->rows; ++r) {
            if (b->params[r].request.slot == i + 1) last = out->token[r];
        }
        expected += last >= 0;
        device_require(lms_slots_export(opened->slots, opened->names[i], tokens,
                                        s->length + 2 * ROOM, &length, &prompt),
                       "lms_slots_export");
        assert_int_equal(length, expected);
        assert_int_equal(prompt, s->prompt);
        if (s->length > 0) assert_memory_equal(tokens, s->tokens, s->length * sizeof *tokens);
        if (last >= 0) assert_int_equal(tokens[s->length], last);
        free(tokens);
    }
}
