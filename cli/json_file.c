#include "json_file.h"

#include "message.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int grow(const char *path, char **text, size_t *capacity)
{
    if (*capacity > (size_t)INT_MAX / 2) { /* json-c counts in int */
        return fail(EXIT_INPUT, "%s: is larger than 1 GiB, which only a .csv file may be",
                    path);
    }
    *capacity = *capacity * 2 + (1u << 16);
    char *const more = realloc(*text, *capacity);
    if (more == NULL) return fail_memory(path);
    *text = more;
    return EXIT_DONE;
}

int json_file_read(const char *path, FILE *file, char **text, size_t *length)
{
    size_t capacity = 0, got = 0;
    do {
        *length += got;
        if (capacity - *length < 2) {
            const int status = grow(path, text, &capacity);
            if (status != EXIT_DONE) return status;
        }
        got = fread(*text + *length, 1, capacity - *length - 1, file);
    } while (got > 0);
    (*text)[*length] = '\0';
    return EXIT_DONE;
}

int json_file_wrong(const char *path, const char *text, size_t place, const char *reason)
{
    unsigned long long line = 1, column = 1;
    for (size_t i = 0; i < place; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return fail(EXIT_INPUT, "%s: line %llu, column %llu: is no JSON: %s", path, line, column,
                reason);
}

enum json_tokener_error json_file_parse(json_tokener *tokener, const char *text, size_t length,
                                        json_object **out)
{
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *out = json_tokener_parse_ex(tokener, text, (int)length + 1);
    return json_tokener_get_error(tokener);
}

/* A value that begins at `begin`; `length` characters have to be all of it. */
static int parse(const char *path, const char *text, size_t begin, size_t length,
                 json_object **out)
{
    json_tokener *const tokener = json_tokener_new();
    if (tokener == NULL) return fail_memory(path);
    const enum json_tokener_error error = json_file_parse(tokener, text + begin, length, out);
    const size_t end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if (error != json_tokener_success) {
        return json_file_wrong(path, text, begin + end, json_tokener_error_desc(error));
    }
    return end >= length ? EXIT_DONE : json_file_wrong(path, text, begin + end, "a zero byte");
}

/* Blank lines are none. */
static int parse_lines(const char *path, char *text, size_t length, json_object **out)
{
    *out = json_object_new_array();
    if (*out == NULL) return fail_memory(path);
    for (size_t begin = 0, end = 0; begin < length; begin = end + 1) {
        json_object *value = NULL;
        end = begin + strcspn(text + begin, "\n");
        if (strspn(text + begin, " \t\r") >= end - begin) continue;
        text[end] = '\0';
        const int status = parse(path, text, begin, end - begin, &value);
        text[end] = '\n';
        if (status != EXIT_DONE) return status;
        if (json_object_array_add(*out, value) != 0) return fail_memory(path);
    }
    return EXIT_DONE;
}

int json_file_load(const char *path, int is_lines, json_object **out)
{
    char *text = NULL;
    size_t length = 0;
    *out = NULL;
    FILE *const file = fopen(path, "rbe");
    if (file == NULL) return fail(EXIT_INPUT, "%s: cannot open: %s", path, strerror(errno));
    int status = json_file_read(path, file, &text, &length);
    if (status == EXIT_DONE && ferror(file)) {
        status = fail(EXIT_INPUT, "%s: cannot read: %s", path, strerror(errno));
    }
    fclose(file);
    if (status == EXIT_DONE && strlen(text) < length) {
        status = json_file_wrong(path, text, strlen(text), "a zero byte");
    }
    if (status == EXIT_DONE) {
        status =
            is_lines ? parse_lines(path, text, length, out) : parse(path, text, 0, length, out);
    }
    free(text);
    return status;
}
