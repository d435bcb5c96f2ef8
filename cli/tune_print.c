#include "tune_print.h"

#include "message.h"

#include <json-c/json.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *tune_type_name(lms_dtype type)
{
    return type == LMS_FLOAT32 ? "float32" : "16-bit";
}

/* --- Lines ------------------------------------------------------------------------------- */

/* The field in which a shape differs, or all. */
static void print_difference(const contest *c, size_t shape, char text[LMS_SHAPE_BYTES])
{
    const tune_shape *const s = &c->shapes[shape].shape;
    if (strcmp(c->what, "team") == 0) {
        snprintf(text, LMS_SHAPE_BYTES, "team=%u", (unsigned)s->team);
    } else if (strcmp(c->what, "lanes") == 0) {
        snprintf(text, LMS_SHAPE_BYTES, "lanes=%u", (unsigned)s->lanes);
    } else if (strcmp(c->what, "chunk") == 0) {
        snprintf(text, LMS_SHAPE_BYTES, "chunk=%u", (unsigned)s->chunk);
    } else {
        snprintf(text, LMS_SHAPE_BYTES, "%s", c->what);
    }
}

static void print_ratios(output *out, const contest *c, size_t shape, uint32_t rows)
{
    for (size_t k = 0; k < c->case_count; k++) {
        if (c->cases[k].rows == rows) output_print(out, " %6.2f", c->shapes[shape].ratios[k]);
    }
    output_print(out, " %6.2f", contest_mean(c, shape, rows));
}

static void print_contest(output *out, const tune_result *result, const contest *c)
{
    for (size_t i = 1; i < c->shape_count; i++) {
        char text[LMS_SHAPE_BYTES];
        print_difference(c, i, text);
        if (!contest_has(c, i)) {
            output_print(out, "  %-10s is not possible: %s\n", text, c->shapes[i].problem);
            continue;
        }
        output_print(out, "  %-10s", text);
        print_ratios(out, c, i, 1);
        if (result->rows > 1) {
            output_print(out, "  ");
            print_ratios(out, c, i, result->rows);
        }
        output_print(out, "\n");
    }
}

static void print_fusing(output *out, const contest *c)
{
    output_print(out, "  fused, by rows:");
    for (size_t k = 0; k < c->case_count; k += TUNE_STRATEGIES) {
        const uint32_t rows = c->cases[k].rows;
        output_print(out, "%s %u: %.2f", k > 0 ? "," : "", (unsigned)rows,
                     contest_mean(c, 1, rows));
    }
    output_print(out, "\n");
}

static void print_times(output *out, const contest *c, uint32_t rows)
{
    for (size_t k = 0; k < c->case_count; k++) {
        const double seconds = c->shapes[0].seconds[k];
        if (c->cases[k].rows != rows) continue;
        output_print(out, " %6.*f", seconds < 0.01 ? 3 : 2, 1e3 * seconds);
    }
}

static void print_header(output *out, const tune_result *result)
{
    static const char names[] = " greedy  temp. top-50 top-.9   mean";
    const bool has_batch = result->rows > 1;
    const contest *const first = &result->contests[0];
    char title[40] = "";
    if (has_batch) snprintf(title, sizeof title, "%u rows", (unsigned)result->rows);
    output_print(out, "  %-10s%-35s%s%s\n", "", " one row", has_batch ? "   " : "", title);
    output_print(out, "  %-10s%s%s%s\n", "", names, has_batch ? "  " : "",
                 has_batch ? names : "");
    output_print(out, "  %-10s", "ms");
    print_times(out, first, 1);
    if (has_batch) {
        output_print(out, "%9s", "");
        print_times(out, first, result->rows);
    }
    output_print(out, "\n");
}

/* How far apart equal shapes may seem: the worst of the contests. */
static double noise_at(const tune_result *result, uint32_t rows)
{
    double most = 0;
    for (size_t i = 0; i < result->contest_count; i++) {
        const contest *const c = &result->contests[i];
        for (size_t k = 1; k < c->shape_count; k++) {
            if (contest_has(c, k)) most = fmax(most, contest_error(c, k, rows));
        }
    }
    return 100 * (exp(TUNE_ERRORS * most) - 1);
}

static void print_noise(output *out, const tune_result *result)
{
    output_print(out, "  noise: up to %.1f %% of the mean with one row", noise_at(result, 1));
    if (result->rows > 1) {
        output_print(out, ", %.1f %% with %u", noise_at(result, result->rows),
                     (unsigned)result->rows);
    }
    output_print(out, "; what is less counts nothing\n");
}

void tune_print_result(output *out, const tune_result *result)
{
    char start[LMS_SHAPE_BYTES], best[LMS_SHAPE_BYTES];
    tune_shape_print(&result->start, start);
    tune_shape_print(&result->best, best);
    output_print(out, "%s: %s (%s); times, and shares of them\n", tune_type_name(result->type),
                 start, result->origin);
    print_header(out, result);
    for (size_t i = 0; i < result->contest_count; i++) {
        const contest *const c = &result->contests[i];
        if (strcmp(c->what, "fuse_from") == 0) {
            print_fusing(out, c);
        } else {
            print_contest(out, result, c);
        }
    }
    print_noise(out, result);
    if (tune_is_new(result)) {
        output_print(out, "  better: %s\n", best);
    } else {
        output_print(out, "  stays: no other shape is more than %.0f %% faster\n",
                     100 * TUNE_LEAST_GAIN);
    }
}

/* --- JSON -------------------------------------------------------------------------------- */

static json_object *describe_shape(const tune_shape *shape)
{
    json_object *const object = json_object_new_object();
    json_object_object_add(object, "team", json_object_new_int64(shape->team));
    json_object_object_add(object, "lanes", json_object_new_int64(shape->lanes));
    json_object_object_add(object, "chunk", json_object_new_int64(shape->chunk));
    json_object_object_add(object, "fuse_from", json_object_new_int64(shape->fuse_from));
    return object;
}

static json_object *number(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", value);
    return json_object_new_double_s(value, text);
}

/* NULL where there is none */
static json_object *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : json_object_new_string(text);
}

static json_object *describe_cases(const contest *c, size_t shape)
{
    json_object *const array = json_object_new_array();
    for (size_t k = 0; k < c->case_count && contest_has(c, shape); k++) {
        json_object *const one = json_object_new_object();
        json_object_object_add(one, "strategy",
                               json_object_new_string(tune_strategies[c->cases[k].strategy]));
        json_object_object_add(one, "rows", json_object_new_int64(c->cases[k].rows));
        json_object_object_add(one, "ratio", number(c->shapes[shape].ratios[k]));
        json_object_object_add(one, "error", number(c->shapes[shape].errors[k]));
        json_object_object_add(one, "median_s", number(c->shapes[shape].seconds[k]));
        json_object_array_add(array, one);
    }
    return array;
}

static json_object *describe_contest(const contest *c)
{
    json_object *const object = json_object_new_object();
    json_object *const shapes = json_object_new_array();
    for (size_t i = 0; i < c->shape_count; i++) {
        json_object *const one = json_object_new_object();
        json_object_object_add(one, "shape", describe_shape(&c->shapes[i].shape));
        json_object_object_add(one, "problem", text_or_null(c->shapes[i].problem));
        json_object_object_add(one, "cases", describe_cases(c, i));
        json_object_array_add(shapes, one);
    }
    json_object_object_add(object, "what", json_object_new_string(c->what));
    json_object_object_add(object, "rounds", json_object_new_int64((int64_t)c->rounds));
    json_object_object_add(object, "shapes", shapes);
    return object;
}

static json_object *describe_result(const tune_result *result)
{
    json_object *const object = json_object_new_object();
    json_object *const contests = json_object_new_array();
    for (size_t i = 0; i < result->contest_count; i++) {
        json_object_array_add(contests, describe_contest(&result->contests[i]));
    }
    json_object_object_add(object, "logits",
                           json_object_new_string(tune_type_name(result->type)));
    json_object_object_add(object, "vocab", json_object_new_int64(TUNE_VOCAB));
    json_object_object_add(object, "before", describe_shape(&result->start));
    json_object_object_add(object, "origin", json_object_new_string(result->origin));
    json_object_object_add(object, "best", describe_shape(&result->best));
    json_object_object_add(object, "changed", json_object_new_boolean(tune_is_new(result)));
    json_object_object_add(object, "contests", contests);
    return object;
}

static int print_object(output *out, json_object *object)
{
    const char *const text = json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    const int status = text == NULL ? fail_memory("JSON") : output_print(out, "%s\n", text);
    json_object_put(object);
    return status;
}

int tune_print_json(output *out, const tune_result results[TUNE_TYPES], const char *stored)
{
    json_object *const object = json_object_new_object();
    json_object *const types = json_object_new_array();
    for (int i = 0; i < TUNE_TYPES; i++) {
        json_object_array_add(types, describe_result(&results[i]));
    }
    json_object_object_add(object, "stored", text_or_null(stored));
    json_object_object_add(object, "types", types);
    return print_object(out, object);
}

int tune_print_shapes(output *out, const tune_result results[TUNE_TYPES], const char *path,
                      bool as_json)
{
    json_object *const object = as_json ? json_object_new_object() : NULL;
    for (int i = 0; i < TUNE_TYPES; i++) {
        const char *const type = tune_type_name(results[i].type);
        char text[LMS_SHAPE_BYTES];
        tune_shape_print(&results[i].start, text);
        if (!as_json) {
            output_print(out, "%-8s %s (%s)\n", type, text, results[i].origin);
            continue;
        }
        json_object *const one = json_object_new_object();
        json_object_object_add(one, "shape", describe_shape(&results[i].start));
        json_object_object_add(one, "origin", json_object_new_string(results[i].origin));
        json_object_object_add(object, type, one);
    }
    if (!as_json) {
        return output_print(out, "file     %s\n",
                            path == NULL ? "none: there is no cache folder" : path);
    }
    json_object_object_add(object, "file", text_or_null(path));
    return print_object(out, object);
}
