#include "strict_json.h"

#include <json-c/json.h>
#include <json-c/json_visit.h>

#include <stdio.h>
#include <string.h>

#define MOST_BYTES ((size_t)16 << 20)
#define MOST_DEPTH 32

static int count_member(json_object *value, int flags, json_object *parent, const char *key,
                        size_t *index, void *count)
{
    (void)value, (void)parent, (void)index;
    if (key != NULL && flags != JSON_C_VISIT_SECOND) ++*(size_t *)count;
    return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Of a text that json-c took: the bytes outside of strings that equal `wanted`. */
static size_t count_outside_strings(const char *text, size_t size, char wanted)
{
    size_t count = 0;
    bool is_inside = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') {
            is_inside = !is_inside;
        } else if (is_inside) {
            i += text[i] == '\\';
        } else {
            count += text[i] == wanted;
        }
    }
    return count;
}

/* json-c keeps the last of several members with one name, and takes names in single quotes. In
 * what remains each member has a colon of its own. */
static const char *find_fault(json_object *value, const char *text, size_t size)
{
    size_t members = 0;
    if (value == NULL) return "it is null";
    if (count_outside_strings(text, size, '\'') > 0) return "a name in single quotes";
    json_c_visit(value, 0, count_member, &members);
    if (members != count_outside_strings(text, size, ':')) return "a name that is there twice";
    return NULL;
}

static json_object *parse(json_tokener *tokener, const char *text, size_t size, char *error,
                          size_t error_size)
{
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object *const value = json_tokener_parse_ex(tokener, text, (int)size);
    const enum json_tokener_error code = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);
    const char *fault = NULL;
    if (code == json_tokener_continue) {
        snprintf(error, error_size, "it ends too early, after %zu bytes", size);
    } else if (code != json_tokener_success) {
        snprintf(error, error_size, "%s at byte %zu", json_tokener_error_desc(code), end);
    } else if (end != size) {
        snprintf(error, error_size, "unexpected character at byte %zu", end);
    } else if ((fault = find_fault(value, text, size)) != NULL) {
        snprintf(error, error_size, "%s", fault);
    } else {
        return value;
    }
    json_object_put(value);
    return NULL;
}

json_object *strict_json_parse(const char *text, size_t size, char *error, size_t error_size)
{
    json_object *value = NULL;
    if (size > MOST_BYTES) {
        snprintf(error, error_size, "%zu bytes, must be at most %zu", size, MOST_BYTES);
        return NULL;
    }
    json_tokener *const tokener = json_tokener_new_ex(MOST_DEPTH);
    if (tokener == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    value = parse(tokener, text, size, error, error_size);
    json_tokener_free(tokener);
    return value;
}

json_object *strict_json_member(const json_object *object, const char *key)
{
    json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object)) return NULL;
    return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

const char *strict_json_string(json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) return NULL;
    const char *const text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

bool strict_json_whole(const json_object *value, uint64_t limit, uint64_t *out)
{
    /* Numbers beyond 64 bits come as the largest or least there is. */
    if (!json_object_is_type(value, json_type_int) || (json_object_get_int64(value) < 0) ||
        json_object_get_uint64(value) > limit) {
        return false;
    }
    *out = json_object_get_uint64(value);
    return true;
}
