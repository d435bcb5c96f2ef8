/* shape.c - the fields of a shape, as text and in range, and what a shape makes of a call. */
#include "op/shape.h"

#include "base/context.h"

#include <stdio.h>
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

int lmsi_shape_replace(lmsi_shape *shape, const lmsi_shape *asked)
{
    lmsi_shape copy = *asked;
    int is_asked = 0;
    for (size_t i = 0; i < FIELDS; ++i) {
        const uint32_t value = *field_of(&copy, i);
        is_asked |= value != 0;
        if (value != 0) *field_of(shape, i) = value;
    }
    return is_asked;
}

/* --- Work ------------------------------------------------------------------------------- */

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

/* Room for work-items in a compute unit of the largest devices. */
#define LMSI_UNIT_ITEMS 2048u

/* In large teams, every work-item has a vector of tokens, ... */
uint32_t lmsi_shape_least_chunk(const lmsi_shape *shape)
{
    const uint32_t tiles = shape->team * shape->lanes / LMS_TILE;
    return shape->team >= LMSI_LARGE_TEAM && tiles < shape->chunk ? tiles : shape->chunk;
}

/* ... more of them once the device is full: what a work-group does once is for all of them. */
uint32_t lmsi_shape_chunk(const lmsi_shape *shape, cl_uint units, uint32_t rows, uint32_t tiles)
{
    const uint32_t least = lmsi_shape_least_chunk(shape);
    const uint64_t wanted = (uint64_t)units * LMSI_UNIT_ITEMS / shape->team;
    uint32_t chunk = shape->chunk;
    while (chunk > least && (uint64_t)rows * ((tiles + chunk - 1) / chunk) < wanted) chunk /= 2;
    return chunk;
}

uint32_t lmsi_shape_places(const lmsi_shape *shape, cl_uint units, uint32_t max_rows)
{
    const uint64_t apart = shape->fuse_from > 0 ? shape->fuse_from - 1 : 0;
    const uint64_t most = runs_of(units) > apart ? runs_of(units) : apart;
    return shape->team == 1 && most < max_rows ? (uint32_t)most : max_rows;
}
