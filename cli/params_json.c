/* params_json.c - parameters of rows as JSON: an array of objects, or one object. */
#include "json_file.h"
#include "message.h"
#include "params_internal.h"
#include "sampling.h"

#include <json-c/json.h>
#include <json-c/json_object_iterator.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A whole number of so many digits may be one that json-c cuts to 64 bits. */
    LONG_DIGITS = 19,
    MOST_DIGITS = 400
};

/* --- The file as json-c reads it --------------------------------------------------------- */

enum {
    MANY = 19 /* digits, of an integer that may have more than 64 bits */
};

/* The text with ".0" behind integers of many digits: json-c 0.18 takes those of more than 64
 * bits only with a fraction, other versions either way. NULL: no memory. */
static char *with_fractions(const char *text, size_t length)
{
    char *const copy = malloc(length + length / MANY * 2 + 1);
    size_t size = 0, digits = 0;
    bool is_inside = false, is_integer = false;
    for (size_t i = 0; copy != NULL && i <= length; i++) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        const bool goes_on = i < length && (is_digit || strchr(".eE+-", text[i]) != NULL);
        if (!goes_on && is_integer && digits >= MANY) {
            copy[size++] = '.';
            copy[size++] = '0';
        }
        if (!goes_on) digits = 0;
        is_integer = goes_on && !is_inside && (digits == 0 || is_integer) &&
                     (is_digit || (text[i] == '-' && digits == 0));
        digits += is_digit && goes_on;
        if (text[i] == '"') is_inside = !is_inside;
        copy[size++] = text[i];
        if (is_inside && text[i] == '\\' && i < length) copy[size++] = text[++i];
    }
    return copy;
}

static int parse(params_reader *reader, const char *text, size_t length, json_object **out)
{
    json_tokener *const tokener = json_tokener_new();
    if (tokener == NULL) return fail_memory(reader->path);
    enum json_tokener_error error = json_file_parse(tokener, text, length, out);
    const size_t end = json_tokener_get_parse_end(tokener);
    if (error == json_tokener_error_parse_number && strlen(text) == length) {
        char *const copy = with_fractions(text, length);
        json_tokener_reset(tokener);
        if (copy != NULL &&
            json_file_parse(tokener, copy, strlen(copy), out) == json_tokener_success) {
            json_tokener_free(tokener);
            free(copy);
            reader->has_fractions = true;
            return EXIT_DONE;
        }
        free(copy);
    }
    json_tokener_free(tokener);
    if (error != json_tokener_success) {
        return json_file_wrong(reader->path, text, end, json_tokener_error_desc(error));
    }
    return end >= length ? EXIT_DONE : json_file_wrong(reader->path, text, end, "a zero byte");
}

/* --- The fields -------------------------------------------------------------------------- */

static const char *shown(json_object *value)
{
    return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

static int wrong_type(const params_reader *reader, uint64_t row, const char *field,
                      json_object *value, const char *wanted)
{
    return fail(EXIT_INPUT, "%s: row %llu: \"%s\" is %.64s, must be %s", reader->path,
                (unsigned long long)row, field, shown(value), wanted);
}

/* Sets a field to a text, without what with_fractions() added. */
static int set_field(params_reader *reader, uint64_t row, const char *field, const char *text)
{
    const size_t size = strlen(text), digits = strspn(text + (text[0] == '-'), "0123456789");
    if (!reader->has_fractions || digits < MANY || strcmp(text + size - 2, ".0") != 0) {
        return params_set(reader, row, field, text, "");
    }
    char *const whole = malloc(size - 1);
    if (whole == NULL) return fail_memory(reader->path);
    memcpy(whole, text, size - 2);
    whole[size - 2] = '\0';
    const int status = params_set(reader, row, field, whole, "");
    free(whole);
    return status;
}

static int read_field(params_reader *reader, uint64_t row, const char *field,
                      json_object *value)
{
    unsigned number = 0;
    const json_type type = json_object_get_type(value);
    const field_kind kind = params_field_kind(field);
    if (params_field(reader, field, strlen(field), &number) != NULL) {
        if (type == json_type_null) return EXIT_DONE; /* as if it were not there */
        if (kind == FIELD_NAME && type != json_type_string) {
            return wrong_type(reader, row, field, value, "a text in quotation marks");
        }
        if (kind == FIELD_SWITCH && type != json_type_boolean) {
            return wrong_type(reader, row, field, value, "true or false");
        }
        if (kind == FIELD_NUMBER && type != json_type_int && type != json_type_double) {
            return wrong_type(reader, row, field, value, "a number");
        }
        /* scan_number() sets what json-c may have cut. */
        if (type == json_type_int && strlen(json_object_get_string(value)) >= LONG_DIGITS) {
            return EXIT_DONE;
        }
    }
    const char *const text = json_object_get_string(value);
    if (kind == FIELD_NAME && (int)strlen(text) != json_object_get_string_len(value)) {
        return wrong_type(reader, row, field, value, "a text without a zero byte");
    }
    return set_field(reader, row, field, text == NULL ? "" : text);
}

static int read_row(params_reader *reader, json_object *row)
{
    const uint64_t number = reader->out->rows;
    int status = params_add(reader);
    if (status != EXIT_DONE) return status;
    if (json_object_get_type(row) != json_type_object) {
        return fail(EXIT_INPUT, "%s: row %llu: is %.64s, must be an object", reader->path,
                    (unsigned long long)number, shown(row));
    }
    struct json_object_iterator field = json_object_iter_begin(row);
    const struct json_object_iterator end = json_object_iter_end(row);
    while (status == EXIT_DONE && !json_object_iter_equal(&field, &end)) {
        status = read_field(reader, number, json_object_iter_peek_name(&field),
                            json_object_iter_peek_value(&field));
        json_object_iter_next(&field);
    }
    return status;
}

static json_object *row_of(json_object *whole, uint64_t row)
{
    if (json_object_get_type(whole) == json_type_object) return whole;
    return json_object_array_get_idx(whole, (size_t)row);
}

static int read_rows(params_reader *reader, json_object *whole)
{
    const json_type type = json_object_get_type(whole);
    int status = EXIT_DONE;
    if (type != json_type_array && type != json_type_object) {
        return fail(EXIT_INPUT, "%s: is %.64s, must be an array of objects or an object",
                    reader->path, shown(whole));
    }
    const size_t rows = type == json_type_array ? json_object_array_length(whole) : 1;
    for (size_t i = 0; i < rows && status == EXIT_DONE; i++) {
        status = read_row(reader, row_of(whole, i));
    }
    return status;
}

/* --- What json-c does not tell ------------------------------------------------------------
 *
 * It keeps the last of two values with one name, cuts whole numbers to 64 bits, and takes names
 * in single quotes. By now the text is known to be rows of known names with texts and numbers.
 */

typedef struct json_scan {
    params_reader *reader;
    const char *text;
    size_t place;
    const char *name; /* the last text, within its quotation marks */
    size_t name_length;
    uint64_t row;      /* of the last brace, from 1 */
    uint64_t seen;     /* the row's fields up to here, by their numbers */
    const char *field; /* the last one */
} json_scan;

static int scan_name(json_scan *scan)
{
    unsigned number = 0;
    const char *const field =
        params_field(scan->reader, scan->name, scan->name_length, &number);
    if (field == NULL) {
        return json_file_wrong(scan->reader->path, scan->text, scan->place,
                               "the name of a field must be written without escapes");
    }
    scan->field = field;
    if ((scan->seen & UINT64_C(1) << number) != 0) {
        return fail(EXIT_INPUT, "%s: row %llu: \"%s\" is there twice, must be there once",
                    scan->reader->path, (unsigned long long)(scan->row - 1), field);
    }
    scan->seen |= UINT64_C(1) << number;
    return EXIT_DONE;
}

static int scan_number(json_scan *scan)
{
    char number[MOST_DIGITS + 1];
    const char *const begin = scan->text + scan->place;
    const size_t length = strspn(begin, "+-.0123456789eE");
    const size_t sign = begin[0] == '-';
    const size_t digits = sign + strspn(begin + sign, "0123456789");
    scan->place += length - 1;
    if (digits < length || length < LONG_DIGITS) return EXIT_DONE;
    snprintf(number, sizeof number, "%.*s", (int)(length < MOST_DIGITS ? length : MOST_DIGITS),
             begin);
    return params_set(scan->reader, scan->row - 1, scan->field, number, "");
}

static void scan_text(json_scan *scan)
{
    const char *c = scan->text + scan->place + 1;
    scan->name = c;
    while (*c != '"') c += *c == '\\' ? 2 : 1;
    scan->name_length = (size_t)(c - scan->name);
    scan->place = (size_t)(c - scan->text);
}

static int scan_rows(json_scan *scan)
{
    int status = EXIT_DONE;
    for (; scan->text[scan->place] != '\0' && status == EXIT_DONE; scan->place++) {
        switch (scan->text[scan->place]) {
        case '\'':
            return json_file_wrong(scan->reader->path, scan->text, scan->place,
                                   "names must be in double quotation marks");
        case '"': scan_text(scan); break;
        case '{':
            scan->row++;
            scan->seen = 0;
            break;
        case ':': status = scan_name(scan); break;
        default:
            if (strchr("-0123456789", scan->text[scan->place]) != NULL) {
                status = scan_number(scan);
            }
        }
    }
    return status;
}

static int read_parsed(params_reader *reader, const char *text, json_object *whole)
{
    json_scan scan = {.reader = reader, .text = text, .name = text};
    const int status = read_rows(reader, whole);
    return status == EXIT_DONE ? scan_rows(&scan) : status;
}

int params_read_json(params_reader *reader, FILE *file)
{
    char *text = NULL;
    size_t length = 0;
    json_object *whole = NULL;
    int status = json_file_read(reader->path, file, &text, &length);
    if (status == EXIT_DONE && !ferror(file)) {
        status = parse(reader, text, length, &whole);
        if (status == EXIT_DONE) status = read_parsed(reader, text, whole);
    }
    json_object_put(whole);
    free(text);
    return status;
}
