#include "op/shape.h"

#include "base/context.h"
#include "base/status.h"
#include "op/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIELDS = 4
};

static const struct {
    const char *name;
    size_t at;
    uint32_t least, most;
    int is_power; /* of two */
} fields[FIELDS] = {
    {"team", offsetof(lmsi_shape, team), 1, LMSI_MAX_TEAM, 1},
    {"lanes", offsetof(lmsi_shape, lanes), 8, 16, 1},
    {"chunk", offsetof(lmsi_shape, chunk), 8, 1024, 1},
    {"fuse_from", offsetof(lmsi_shape, fuse_from), 1, UINT32_MAX, 0},
};

static uint32_t *field_of(lmsi_shape *shape, size_t field)
{
    return (uint32_t *)((char *)shape + fields[field].at);
}

static int is_in_range(size_t field, unsigned long long value)
{
    if (value < fields[field].least || value > fields[field].most) return 0;
    return !fields[field].is_power || (value & (value - 1)) == 0;
}

/* --- As text ----------------------------------------------------------------------------- */

void lmsi_shape_print(const lmsi_shape *shape, char text[LMSI_SHAPE_BYTES])
{
    snprintf(text, LMSI_SHAPE_BYTES, "team=%u,lanes=%u,chunk=%u,fuse_from=%u",
             (unsigned)shape->team, (unsigned)shape->lanes, (unsigned)shape->chunk,
             (unsigned)shape->fuse_from);
}

static size_t find_field(const char *name, size_t length)
{
    size_t field = 0;
    while (field < FIELDS && (strlen(fields[field].name) != length ||
                              strncmp(fields[field].name, name, length) != 0)) {
        ++field;
    }
    return field;
}

/* Digits alone, up to the end of the item; more than fits is too large for any field. */
static int read_number(const char *text, size_t length, unsigned long long *value)
{
    *value = 0;
    if (length == 0 || strspn(text, "0123456789") != length) return 0;
    for (size_t i = 0; i < length && *value <= UINT32_MAX; ++i) {
        *value = *value * 10 + (unsigned long long)(text[i] - '0');
    }
    return 1;
}

/* One item, name=number. */
static int read_item(const char *text, size_t length, lmsi_shape *out, char *problem,
                     size_t size)
{
    const size_t name = strcspn(text, "=,");
    unsigned long long value = 0;
    if (name >= length || text[name] != '=' ||
        !read_number(text + name + 1, length - name - 1, &value)) {
        snprintf(problem, size, "\"%.*s\" must be NAME=NUMBER", (int)length, text);
        return 0;
    }
    const size_t field = find_field(text, name);
    if (field == FIELDS) {
        snprintf(problem, size, "\"%.*s\" must be one of team, lanes, chunk and fuse_from",
                 (int)name, text);
        return 0;
    }
    if (*field_of(out, field) != 0) {
        snprintf(problem, size, "%s is there twice", fields[field].name);
        return 0;
    }
    if (!is_in_range(field, value)) {
        snprintf(problem, size, "%s must be a %s from %lu to %lu", fields[field].name,
                 fields[field].is_power ? "power of two" : "number",
                 (unsigned long)fields[field].least, (unsigned long)fields[field].most);
        return 0;
    }
    *field_of(out, field) = (uint32_t)value;
    return 1;
}

int lmsi_shape_read(const char *text, lmsi_shape *out, char *problem, size_t problem_size)
{
    memset(out, 0, sizeof *out);
    for (;;) {
        const size_t length = strcspn(text, ",");
        if (!read_item(text, length, out, problem, problem_size)) return 0;
        if (text[length] == '\0') return 1;
        text += length + 1;
    }
}

int lmsi_shape_fits(const lms_context *ctx, const lmsi_shape *shape)
{
    lmsi_shape copy = *shape;
    for (size_t i = 0; i < FIELDS; ++i) {
        if (!is_in_range(i, *field_of(&copy, i))) return 0;
    }
    return shape->team <= ctx->device.max_work_items;
}

/* --- The choice -------------------------------------------------------------------------- */

/* A CPU is fastest with one work-item and its own vectors, a GPU with whole work-groups. */
static lmsi_shape shape_of_facts(const lmsi_device *d, uint32_t team)
{
    lmsi_shape shape = {LMSI_MAX_TEAM, 8, 32, 4 * d->units};
    if (team != 0) {
        shape.team = team;
    } else if (d->type & CL_DEVICE_TYPE_CPU) {
        shape.team = 1;
    }
    while (team == 0 && shape.team > d->max_work_items) shape.team /= 2;
    if (shape.team == 1 && d->native_floats >= 16) shape.lanes = 16;
    return shape;
}

/* What was measured holds for the team it was measured with. */
static int takes(const lms_context *ctx, const lmsi_tuning *tuning, lms_dtype logits,
                 uint32_t team, lmsi_shape *out)
{
    *out = logits == LMS_FLOAT32 ? tuning->float32 : tuning->bits16;
    return (team == 0 || team == out->team) && lmsi_shape_fits(ctx, out);
}

static const char *choose(const lms_context *ctx, lms_dtype logits, uint32_t team,
                          lmsi_shape *out)
{
    lmsi_tuning tuning;
    if (lmsi_tuning_load(ctx, &tuning) && takes(ctx, &tuning, logits, team, out)) {
        return "tuning file";
    }
    if (lmsi_tuning_known(&ctx->device, &tuning) && takes(ctx, &tuning, logits, team, out)) {
        return "table of known devices";
    }
    *out = shape_of_facts(&ctx->device, team);
    return "facts of the device";
}

static lms_status read_environment(const lms_context *ctx, lmsi_shape *asked)
{
    lms_status status = LMS_OK;
    char problem[160];
    const char *const text = getenv("LMS_SHAPE");
    memset(asked, 0, sizeof *asked);
    if (text == NULL || *text == '\0') return LMS_OK;
    LMSI_FAIL_IF(!lmsi_shape_read(text, asked, problem, sizeof problem), LMS_E_ARGUMENT,
                 "LMS_SHAPE: is \"%.100s\": %s", text, problem);
    LMSI_FAIL_IF(asked->team > ctx->device.max_work_items, LMS_E_ARGUMENT,
                 "LMS_SHAPE: is \"%.100s\": team must be at most %zu on %s", text,
                 ctx->device.max_work_items, ctx->device.name);
fail:
    return status;
}

lms_status lmsi_shape_for(const lms_context *ctx, lms_dtype logits, uint32_t vocab,
                          uint32_t work_items, lmsi_shape *out, const char **origin)
{
    lms_status status = LMS_OK;
    lmsi_shape asked;
    LMSI_TRY(read_environment(ctx, &asked));
    if (work_items != 0) asked.team = work_items;
    const char *const chosen = choose(ctx, logits, asked.team, out);
    if (vocab <= LMSI_SHORT_ROW) out->fuse_from = 1;
    int is_asked = 0;
    for (size_t i = 0; i < FIELDS; ++i) {
        const uint32_t value = *field_of(&asked, i);
        is_asked |= value != 0;
        if (value != 0) *field_of(out, i) = value;
    }
    if (origin != NULL) *origin = is_asked ? "what was asked for" : chosen;
fail:
    return status;
}

int lmsi_shape_fuses(const lmsi_shape *shape, uint32_t rows)
{
    return shape->team == 1 && rows >= shape->fuse_from;
}

static uint64_t runs_of(cl_uint units) { return 8 * (uint64_t)units; }

uint32_t lmsi_shape_teams(const lmsi_shape *shape, cl_uint units, uint32_t rows)
{
    return lmsi_shape_fuses(shape, rows) && runs_of(units) < rows ? (uint32_t)runs_of(units)
                                                                  : rows;
}

uint32_t lmsi_shape_places(const lmsi_shape *shape, cl_uint units, uint32_t max_rows)
{
    const uint64_t apart = shape->fuse_from > 0 ? shape->fuse_from - 1 : 0;
    const uint64_t most = runs_of(units) > apart ? runs_of(units) : apart;
    return shape->team == 1 && most < max_rows ? (uint32_t)most : max_rows;
}
