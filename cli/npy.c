#include "npy.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

__attribute__((format(printf, 3, 4))) static bool refuse(char *error, size_t error_size,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return false;
}

/* --- Prefix ----------------------------------------------------------------------------- */

static bool refuse_magic(const unsigned char *prefix, size_t size, char *error,
                         size_t error_size)
{
    char found[3 * sizeof magic + 1] = "";
    if (size == 0) return refuse(error, error_size, "is empty, must be a .npy file");
    if (size >= 4 && memcmp(prefix, "PK\3\4", 4) == 0) {
        return refuse(error, error_size,
                      "is a zip archive, such as .npz, must be a .npy file of one array");
    }
    for (size_t i = 0; i < sizeof magic && i < size; i++) {
        snprintf(found + 3 * i, sizeof found - 3 * i, " %02x", (unsigned)prefix[i]);
    }
    return refuse(error, error_size,
                  "is no .npy file: begins with the bytes%s, must begin with 93 4e 55 4d 50 59",
                  found);
}

/* Where the dictionary begins: after a length of 2 bytes, since version 2 of 4. */
static size_t dictionary_begin(const unsigned char *prefix) { return prefix[6] == 1 ? 10 : 12; }

size_t npy_header_bytes(const unsigned char *prefix, size_t size, char *error,
                        size_t error_size)
{
    if (size < sizeof magic || memcmp(prefix, magic, sizeof magic) != 0) {
        return refuse_magic(prefix, size, error, error_size);
    }
    if (size < NPY_PREFIX_BYTES) {
        return refuse(error, error_size, "ends after %zu bytes, within its header", size);
    }
    if (prefix[6] < 1 || prefix[6] > 3 || prefix[7] != 0) {
        return refuse(error, error_size,
                      "has version %u.%u of the .npy format, must have 1.0, 2.0 or 3.0",
                      (unsigned)prefix[6], (unsigned)prefix[7]);
    }
    uint32_t length = (uint32_t)(prefix[8] | prefix[9] << 8);
    if (prefix[6] > 1) length |= (uint32_t)prefix[10] << 16 | (uint32_t)prefix[11] << 24;
    const size_t begin = dictionary_begin(prefix);
    /* More than the prefix, so that who reads the prefix has not read into the data. */
    if (length < NPY_PREFIX_BYTES || length > NPY_MAX_HEADER_BYTES - begin) {
        return refuse(error, error_size,
                      "says that its header has %lu bytes, must be %d to %zu",
                      (unsigned long)length, NPY_PREFIX_BYTES, NPY_MAX_HEADER_BYTES - begin);
    }
    return begin + length;
}

/* --- The dictionary, a Python literal --------------------------------------------------- */

typedef struct reader {
    const unsigned char *at;
    const unsigned char *end;
    char *error;
    size_t error_size;
} reader;

/* "what" is what must be there. Shows what is. */
static bool refuse_here(const reader *in, const char *what)
{
    char found[24];
    size_t length = 0;
    if (in->at == in->end) {
        return refuse(in->error, in->error_size, "ends its header where %s must be", what);
    }
    while (length < sizeof found - 1 && in->at + length < in->end &&
           isprint(in->at[length]) != 0) {
        found[length] = (char)in->at[length];
        length++;
    }
    found[length] = '\0';
    if (length == 0) {
        return refuse(in->error, in->error_size,
                      "has the byte %02x in its header where %s must be", (unsigned)*in->at,
                      what);
    }
    return refuse(in->error, in->error_size, "has `%s' in its header where %s must be", found,
                  what);
}

static void skip_blanks(reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || (*in->at >= '\t' && *in->at <= '\r'))) {
        in->at++;
    }
}

static bool take(reader *in, char wanted)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != (unsigned char)wanted) return false;
    in->at++;
    return true;
}

/* A string without escapes, which nothing in a header of a plain array needs. */
static bool read_string(reader *in, char *text, size_t size, const char *what)
{
    size_t length = 0;
    skip_blanks(in);
    const reader begin = *in;
    if (in->at == in->end || (*in->at != '\'' && *in->at != '"')) return refuse_here(in, what);
    const unsigned char quote = *in->at++;
    while (in->at < in->end && *in->at != quote) {
        if (*in->at == '\\' || !isprint(*in->at) || length + 1 >= size) {
            return refuse_here(&begin, what);
        }
        text[length++] = (char)*in->at++;
    }
    if (in->at == in->end) return refuse_here(&begin, what);
    in->at++;
    text[length] = '\0';
    return true;
}

/* "<f4": byte order, kind, bytes. Python's own text types count in characters of 4 bytes. */
static bool read_type(reader *in, npy_header *header)
{
    static const char rule[] = "a type such as '<f4'";
    char text[64];
    const char *at = text;
    unsigned long bytes = 0;
    skip_blanks(in);
    if (in->at < in->end && (*in->at == '[' || *in->at == '(')) {
        return refuse(in->error, in->error_size,
                      "has a structured type, must have one plain type such as '<f4'");
    }
    const reader begin = *in;
    if (!read_string(in, text, sizeof text, rule)) return false;
    char order = '=';
    if (*at != '\0' && strchr("<>|=", *at) != NULL) order = *at++;
    if (!isalpha((unsigned char)*at)) return refuse_here(&begin, rule);
    header->kind = *at++;
    if (header->kind == 'O' && *at == '\0') bytes = sizeof(void *);
    while (isdigit((unsigned char)*at) && bytes < 100000000) {
        bytes = 10 * bytes + (unsigned long)(*at++ - '0');
    }
    /* Dates have a unit behind it: "<M8[ns]". */
    const bool has_unit = (header->kind == 'M' || header->kind == 'm') && *at == '[';
    if ((*at != '\0' && !has_unit) || bytes == 0) return refuse_here(&begin, rule);
    header->item_bytes = (unsigned)(header->kind == 'U' ? 4 * bytes : bytes);
    header->big_endian = order == '>';
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    header->big_endian |= order == '=';
#endif
    return true;
}

static bool read_flag(reader *in, bool *flag)
{
    static const char *const words[] = {"False", "True"};
    skip_blanks(in);
    for (size_t i = 0; i < 2; i++) {
        const size_t length = strlen(words[i]);
        if ((size_t)(in->end - in->at) >= length && memcmp(in->at, words[i], length) == 0) {
            in->at += length;
            *flag = i == 1;
            return true;
        }
    }
    return refuse_here(in, "True or False");
}

static bool read_extent(reader *in, uint64_t *extent)
{
    static const char rule[] = "a whole number from 0 to 2^63 - 1";
    const reader begin = *in;
    uint64_t value = 0;
    while (in->at < in->end && isdigit(*in->at)) {
        const unsigned digit = (unsigned)(*in->at++ - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) return refuse_here(&begin, rule);
        value = 10 * value + digit;
    }
    if (in->at == begin.at || (*begin.at == '0' && in->at - begin.at > 1)) {
        return refuse_here(&begin, rule);
    }
    if (in->at < in->end && *in->at == 'L') in->at++; /* Python 2's long */
    *extent = value;
    return true;
}

/* A tuple: of one number only with a comma behind it. */
static bool read_shape(reader *in, npy_header *header)
{
    skip_blanks(in);
    const reader begin = *in;
    bool is_separated = true;
    if (!take(in, '(')) return refuse_here(in, "a shape such as (3, 5)");
    header->dimensions = 0;
    while (!take(in, ')')) {
        if (!is_separated) return refuse_here(in, "a comma or the end of the shape");
        if (header->dimensions == NPY_MAX_DIMENSIONS) {
            return refuse(in->error, in->error_size,
                          "has more than %d dimensions in its header", NPY_MAX_DIMENSIONS);
        }
        if (!read_extent(in, &header->shape[header->dimensions++])) return false;
        is_separated = take(in, ',');
    }
    if (header->dimensions == 1 && !is_separated) {
        return refuse_here(&begin, "a shape such as (3,) or (3, 5)");
    }
    return true;
}

static const char *const keys[] = {"descr", "fortran_order", "shape"};
enum {
    KEYS = sizeof keys / sizeof keys[0]
};

static bool read_value(reader *in, size_t key, npy_header *header)
{
    if (key == 0) return read_type(in, header);
    return key == 1 ? read_flag(in, &header->fortran_order) : read_shape(in, header);
}

static bool read_item(reader *in, bool *seen, npy_header *header)
{
    static const char rule[] = "the key 'descr', 'fortran_order' or 'shape'";
    char name[24];
    size_t key = 0;
    skip_blanks(in);
    const reader begin = *in;
    if (!read_string(in, name, sizeof name, rule)) return false;
    while (key < KEYS && strcmp(name, keys[key]) != 0) key++;
    if (key == KEYS) return refuse_here(&begin, rule);
    if (seen[key]) {
        return refuse(in->error, in->error_size, "has the key '%s' twice in its header", name);
    }
    seen[key] = true;
    if (!take(in, ':')) return refuse_here(in, "a colon");
    return read_value(in, key, header);
}

static bool read_dictionary(reader *in, npy_header *header)
{
    bool seen[KEYS] = {false};
    bool is_separated = true;
    if (!take(in, '{')) return refuse_here(in, "{");
    while (!take(in, '}')) {
        if (!is_separated) return refuse_here(in, "a comma or }");
        if (!read_item(in, seen, header)) return false;
        is_separated = take(in, ',');
    }
    for (size_t key = 0; key < KEYS; key++) {
        if (!seen[key]) {
            return refuse(in->error, in->error_size, "has no key '%s' in its header",
                          keys[key]);
        }
    }
    skip_blanks(in);
    return in->at == in->end || refuse_here(in, "its end");
}

bool npy_parse(const unsigned char *bytes, size_t size, npy_header *header, char *error,
               size_t error_size)
{
    memset(header, 0, sizeof *header);
    const size_t total = npy_header_bytes(bytes, size, error, error_size);
    if (total == 0) return false;
    if (size < total) {
        return refuse(error, error_size, "ends after %zu bytes, within its header of %zu", size,
                      total);
    }
    reader in = {bytes + dictionary_begin(bytes), bytes + total, error, error_size};
    return read_dictionary(&in, header);
}

/* --- Writing ---------------------------------------------------------------------------- */

size_t npy_format(const char *type, unsigned dimensions, const uint64_t *shape,
                  unsigned char *bytes, size_t size)
{
    enum {
        ALIGNMENT = 64,
        BEGIN = 10
    };
    char text[160 + NPY_MAX_DIMENSIONS * 22];
    if (dimensions > NPY_MAX_DIMENSIONS || strlen(type) > 64) return 0;
    size_t used = (size_t)snprintf(text, sizeof text,
                                   "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (unsigned i = 0; i < dimensions; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu", i > 0 ? ", " : "",
                                 (unsigned long long)shape[i]);
    }
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s), }", dimensions == 1 ? "," : "");
    /* The data begins at a multiple of 64, after a line feed. */
    const size_t total = (BEGIN + used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (total > size) return 0;
    memcpy(bytes, magic, sizeof magic);
    bytes[6] = 1;
    bytes[7] = 0;
    bytes[8] = (unsigned char)((total - BEGIN) & 0xff);
    bytes[9] = (unsigned char)((total - BEGIN) >> 8);
    memcpy(bytes + BEGIN, text, used);
    memset(bytes + BEGIN + used, ' ', total - BEGIN - used - 1);
    bytes[total - 1] = '\n';
    return total;
}
