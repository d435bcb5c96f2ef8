#include "token_lists.h"

#include "json_file.h"
#include "message.h"
#include "numbers.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WHERE_BYTES = 64
};

/* --- Adding ------------------------------------------------------------------------------ */

static bool grow(void **array, size_t item, size_t capacity)
{
    void *const more = capacity > SIZE_MAX / item ? NULL : realloc(*array, capacity * item);
    if (more != NULL) *array = more;
    return more != NULL;
}

int token_lists_add_row(token_lists *lists, bool is_none)
{
    const size_t row = (size_t)lists->rows;
    if (row + 1 >= lists->row_capacity) {
        const size_t capacity = lists->row_capacity * 2 + 16;
        if (!grow((void **)&lists->firsts, sizeof *lists->firsts, capacity) ||
            !grow((void **)&lists->is_none, sizeof *lists->is_none, capacity) ||
            !grow((void **)&lists->prompts, sizeof *lists->prompts, capacity)) {
            return fail_memory("lists of tokens");
        }
        lists->row_capacity = capacity;
    }
    lists->firsts[row] = lists->firsts[row + 1] = lists->entries;
    lists->is_none[row] = is_none;
    lists->prompts[row] = 0;
    lists->rows++;
    return EXIT_DONE;
}

int token_lists_add(token_lists *lists, int32_t id, float value)
{
    if (lists->entries == lists->capacity) {
        const size_t capacity = lists->capacity * 2 + 64;
        if (lists->entries >= INT32_MAX ||
            !grow((void **)&lists->ids, sizeof *lists->ids, capacity) ||
            !grow((void **)&lists->values, sizeof *lists->values, capacity)) {
            return fail_memory("lists of tokens");
        }
        lists->capacity = capacity;
    }
    lists->ids[lists->entries] = id;
    lists->values[lists->entries] = value;
    lists->firsts[lists->rows] = ++lists->entries;
    return EXIT_DONE;
}

void token_lists_free(token_lists *lists)
{
    free(lists->firsts);
    free(lists->is_none);
    free(lists->prompts);
    free(lists->ids);
    free(lists->values);
    memset(lists, 0, sizeof *lists);
}

/* --- JSON -------------------------------------------------------------------------------- */

typedef struct list_reader {
    const char *path;
    uint32_t vocab;
    list_kind kind;
    token_lists *out;
} list_reader;

static const char *const kind_rules[] = {
    [LIST_TOKENS] = "an array of tokens",
    [LIST_SEQUENCES] = "an array of arrays of tokens",
    [LIST_BIASES] = "an object of tokens and numbers",
    [LIST_HISTORIES] = "an array of tokens, or an object with \"prompt\" and \"output\"",
};

static int wrong(const list_reader *reader, const char *where, json_object *value,
                 const char *rule)
{
    return fail(EXIT_INPUT, "%s: row %llu%s: is %.64s, must be %s", reader->path,
                (unsigned long long)(reader->out->rows - 1), where,
                json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), rule);
}

static int wrong_token(const list_reader *reader, const char *where, json_object *value)
{
    char rule[64];
    snprintf(rule, sizeof rule, "a token, 0 to %u", (unsigned)reader->vocab - 1);
    return wrong(reader, where, value, rule);
}

/* All tokens of an array. */
static int read_tokens(const list_reader *reader, const char *name, json_object *array)
{
    char where[WHERE_BYTES];
    int status = EXIT_DONE;
    snprintf(where, sizeof where, "%s", name);
    if (!json_object_is_type(array, json_type_array)) {
        return wrong(reader, where, array, "an array of tokens");
    }
    const size_t count = json_object_array_length(array);
    for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
        json_object *const item = json_object_array_get_idx(array, i);
        const int64_t id = json_object_get_int64(item);
        if (!json_object_is_type(item, json_type_int) || id < 0 || id >= reader->vocab) {
            snprintf(where, sizeof where, "%s, entry %zu", name, i);
            return wrong_token(reader, where, item);
        }
        status = token_lists_add(reader->out, (int32_t)id, 0);
    }
    return status;
}

static int read_sequences(const list_reader *reader, json_object *array)
{
    char where[WHERE_BYTES];
    int status = EXIT_DONE;
    const size_t count = json_object_array_length(array);
    for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
        json_object *const item = json_object_array_get_idx(array, i);
        snprintf(where, sizeof where, ", sequence %zu", i);
        if (json_object_is_type(item, json_type_array) && json_object_array_length(item) == 0) {
            return wrong(reader, where, item, "an array of at least one token");
        }
        status = read_tokens(reader, where, item);
        if (status == EXIT_DONE) status = token_lists_add(reader->out, LMS_NO_TOKEN, 0);
    }
    return status;
}

/* JSON has no infinities: they are texts. */
static int read_biases(const list_reader *reader, json_object *object)
{
    char where[WHERE_BYTES];
    int status = EXIT_DONE;
    json_object_object_foreach(object, name, value)
    {
        uint64_t id = 0;
        double bias = 0;
        const bool is_number = json_object_is_type(value, json_type_int) ||
                               json_object_is_type(value, json_type_double) ||
                               json_object_is_type(value, json_type_string);
        if (status != EXIT_DONE) break;
        snprintf(where, sizeof where, ", \"%.32s\"", name);
        if (!number_read_whole(name, &id) || id >= reader->vocab) {
            return fail(EXIT_INPUT, "%s: row %llu: \"%.64s\" is no token, 0 to %u",
                        reader->path, (unsigned long long)(reader->out->rows - 1), name,
                        (unsigned)reader->vocab - 1);
        }
        if (!is_number || !number_read_infinite(json_object_get_string(value), &bias) ||
            (isfinite(bias) && fabs(bias) > (double)FLT_MAX)) {
            return wrong(reader, where, value, "a number, \"-inf\" or \"inf\"");
        }
        status = token_lists_add(reader->out, (int32_t)id, (float)bias);
    }
    return status;
}

/* A list by itself is what was generated. */
static int read_history(const list_reader *reader, json_object *value)
{
    token_lists *const out = reader->out;
    json_object *prompt = NULL, *generated = NULL;
    if (json_object_is_type(value, json_type_array)) return read_tokens(reader, "", value);
    json_object_object_foreach(value, name, item)
    {
        json_object **const place = strcmp(name, "prompt") == 0   ? &prompt
                                    : strcmp(name, "output") == 0 ? &generated
                                                                  : NULL;
        if (place == NULL) return wrong(reader, "", value, kind_rules[LIST_HISTORIES]);
        *place = item;
    }
    int status = prompt == NULL ? EXIT_DONE : read_tokens(reader, ", prompt", prompt);
    out->prompts[out->rows - 1] = out->entries - out->firsts[out->rows - 1];
    if (status == EXIT_DONE && generated != NULL) {
        status = read_tokens(reader, ", output", generated);
    }
    const uint32_t length = out->entries - out->firsts[out->rows - 1];
    if (status != EXIT_DONE || length <= LMS_MAX_SLOT_LENGTH) return status;
    return fail(EXIT_INPUT, "%s: row %llu: has %u tokens, must have at most %u", reader->path,
                (unsigned long long)(out->rows - 1), (unsigned)length, LMS_MAX_SLOT_LENGTH);
}

static int read_row(const list_reader *reader, json_object *value)
{
    const bool is_array = json_object_is_type(value, json_type_array);
    const bool is_object = json_object_is_type(value, json_type_object);
    const bool takes_array = reader->kind != LIST_BIASES;
    const bool takes_object = reader->kind >= LIST_BIASES;
    const int status = token_lists_add_row(reader->out, value == NULL);
    if (status != EXIT_DONE || value == NULL) return status;
    if (!(is_array && takes_array) && !(is_object && takes_object)) {
        return wrong(reader, "", value, kind_rules[reader->kind]);
    }
    switch (reader->kind) {
    case LIST_TOKENS: return read_tokens(reader, "", value);
    case LIST_SEQUENCES: return read_sequences(reader, value);
    case LIST_BIASES: return read_biases(reader, value);
    default: return read_history(reader, value);
    }
}

/* Is something in an array that is no token: an array, an object, null? */
static bool holds_more(json_object *value)
{
    if (!json_object_is_type(value, json_type_array)) return false;
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        const json_type type = json_object_get_type(json_object_array_get_idx(value, i));
        if (type == json_type_array || type == json_type_object || type == json_type_null) {
            return true;
        }
    }
    return false;
}

/* Is it a list for each row, not one for all of them? */
static bool is_of_rows(list_kind kind, bool is_lines, json_object *value)
{
    if (is_lines) return true;
    if (!json_object_is_type(value, json_type_array)) return false;
    if (kind == LIST_BIASES) return true;
    if (kind != LIST_SEQUENCES) return holds_more(value);
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        json_object *const item = json_object_array_get_idx(value, i);
        if (item == NULL || holds_more(item)) return true;
    }
    return false;
}

static int read_json(list_reader *reader, bool is_lines)
{
    json_object *whole = NULL;
    int status = json_file_load(reader->path, is_lines, &whole);
    if (status == EXIT_DONE && !is_of_rows(reader->kind, is_lines, whole)) {
        status = read_row(reader, whole);
    } else if (status == EXIT_DONE) {
        const size_t count = json_object_array_length(whole);
        for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
            status = read_row(reader, json_object_array_get_idx(whole, i));
        }
        if (status == EXIT_DONE && count == 0) {
            status = fail(EXIT_INPUT, "%s: has no rows", reader->path);
        }
    }
    json_object_put(whole);
    return status;
}

/* --- An option --------------------------------------------------------------------------- */

static int read_inline(const char *option, const char *text, uint32_t vocab, token_lists *out)
{
    char number[24];
    int status = token_lists_add_row(out, false);
    for (const char *begin = text; status == EXIT_DONE;) {
        const size_t length = strcspn(begin, ",");
        uint64_t id = 0;
        snprintf(number, sizeof number, "%.*s", (int)(length < 23 ? length : 23), begin);
        if (!number_read_whole(number, &id) || id >= vocab) {
            return fail(EXIT_USAGE,
                        "--%s: has \"%s\", must have tokens, 0 to %u, with commas "
                        "between; or be the name of a .json file",
                        option, number, (unsigned)vocab - 1);
        }
        status = token_lists_add(out, (int32_t)id, 0);
        if (begin[length] == '\0') break;
        begin += length + 1;
    }
    return status;
}

static bool ends_in(const char *path, const char *ending)
{
    const size_t length = strlen(path), end = strlen(ending);
    return length >= end && strcasecmp(path + length - end, ending) == 0;
}

static int load(const char *option, const char *text, list_kind kind, uint32_t vocab,
                uint64_t rows, token_lists *out)
{
    list_reader reader = {text, vocab, kind, out};
    const bool is_lines = kind == LIST_HISTORIES && ends_in(text, ".jsonl");
    if (ends_in(text, ".json") || is_lines) return read_json(&reader, is_lines);
    if (kind == LIST_BIASES && ends_in(text, ".csv")) {
        return token_lists_read_csv(text, vocab, rows, out);
    }
    if (kind == LIST_TOKENS) return read_inline(option, text, vocab, out);
    return fail(EXIT_USAGE, "--%s: is \"%s\", must end in .json%s", option, text,
                kind == LIST_BIASES      ? " or .csv"
                : kind == LIST_HISTORIES ? " or .jsonl"
                                         : "");
}

int token_lists_load(const char *option, const char *text, list_kind kind, uint32_t vocab,
                     uint64_t rows, token_lists *out)
{
    memset(out, 0, sizeof *out);
    if (text == NULL) return EXIT_DONE;
    const int status = load(option, text, kind, vocab, rows, out);
    if (status != EXIT_DONE || out->rows == 1 || out->rows == rows) return status;
    return fail(EXIT_INPUT, "%s: has %llu rows, must have 1 or the %llu of the logits", text,
                (unsigned long long)out->rows, (unsigned long long)rows);
}
