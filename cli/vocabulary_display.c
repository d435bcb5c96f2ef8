/* vocabulary_display.c - texts that anybody can have written, for a terminal. */
#define _XOPEN_SOURCE 700 /* wcwidth; NOLINT(cert-dcl51-cpp) */

#include "utf8.h"
#include "vocabulary.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum {
    MAX_MARKS = 3, /* combining marks on one character that are shown as such */
    MAX_PIECE = 16 /* bytes of a character, escaped or not, and a zero */
};

size_t vocabulary_character(const char *text, size_t length, uint32_t *code)
{
    const unsigned char *const bytes = (const unsigned char *)text;
    bool is_valid = false;
    const size_t count = length == 0 ? 0 : utf8_next(text, length, true, &is_valid);
    if (!is_valid) return 0;
    /* The first byte of several has a bit set for each of them, then a zero. */
    *code = count == 1 ? bytes[0] : bytes[0] & (0xffu >> (count + 1));
    for (size_t i = 1; i < count; i++) *code = *code << 6 | (bytes[i] & 0x3fu);
    return count;
}

/* Columns of a character: 0 for a combining mark, -1 for one that must not be shown. The
 * table is that of Unicode whatever the user's locale. */
static int columns_of(uint32_t code)
{
    static locale_t unicode = (locale_t)0;
    if (code < 0x80) return code >= 0x20 && code != 0x7f ? 1 : -1;
    if (unicode == (locale_t)0) {
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (unicode == (locale_t)0) return -1;
    }
    const locale_t before = uselocale(unicode);
    const int columns = wcwidth((wchar_t)code);
    uselocale(before);
    return columns;
}

static bool is_mark(uint32_t code)
{
    return (code >= 0x300 && code < 0x370) || (code >= 0x483 && code < 0x48a) ||
           (code >= 0x591 && code < 0x5c8) || (code >= 0x64b && code < 0x660) ||
           (code >= 0x900 && code < 0xe80) || (code >= 0x1ab0 && code < 0x1b00) ||
           (code >= 0x1dc0 && code < 0x1e00) || (code >= 0x20d0 && code < 0x2100) ||
           (code >= 0x302a && code < 0x3030) || code == 0x3099 || code == 0x309a ||
           (code >= 0xfe20 && code < 0xfe30);
}

/* Soft hyphens, signs of direction, joiners, tags and the like: invisible, or they move what
 * stands beside them. */
static bool is_hidden(uint32_t code, int columns)
{
    return columns < 0 || code == 0xad || (columns == 0 && !is_mark(code)) || code == 0x2028 ||
           code == 0x2029 || (code >= 0x2066 && code <= 0x206f) ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0xfff0 && code <= 0xfffb) ||
           (code & 0xfffeu) == 0xfffe;
}

static void escape_byte(unsigned char byte, char *piece)
{
    static const char letters[] = "\aa\bb\tt\nn\vv\ff\rr";
    const char *const found = byte == 0 ? NULL : strchr(letters, byte);
    if (byte == '\\') {
        snprintf(piece, MAX_PIECE, "\\\\");
    } else if (found != NULL && byte < 0x20) {
        snprintf(piece, MAX_PIECE, "\\%c", found[1]);
    } else {
        snprintf(piece, MAX_PIECE, "\\x%02x", byte);
    }
}

/* What is shown for the begin of a text; returns its bytes. *columns: the width. *marks: the
 * combining marks that may follow. */
static size_t next_piece(const char *text, size_t length, char *piece, size_t *columns,
                         int *marks)
{
    uint32_t code = 0;
    const size_t bytes = vocabulary_character(text, length, &code);
    const int width = bytes == 0 ? -1 : columns_of(code);
    bool is_shown = bytes > 0 && code != '\\' && !is_hidden(code, width);
    if (is_shown && width == 0) {
        is_shown = *marks > 0;
        if (is_shown) --*marks;
    } else {
        *marks = is_shown ? MAX_MARKS : 0;
    }
    if (is_shown) {
        memcpy(piece, text, bytes);
        piece[bytes] = '\0';
        *columns = (size_t)width;
        return bytes;
    }
    if (bytes > 1) {
        snprintf(piece, MAX_PIECE, code > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)code);
    } else {
        escape_byte((unsigned char)text[0], piece);
    }
    *columns = strlen(piece);
    return bytes > 1 ? bytes : 1;
}

size_t vocabulary_display(const char *text, size_t length, size_t columns, char *out,
                          size_t size)
{
    static const char ellipsis[] = "\xe2\x80\xa6"; /* one column */
    size_t used = 0, written = 0;
    size_t fit_used = 0, fit_written = 0; /* up to where an ellipsis still has room */
    int marks = 0;
    if (size == 0) return 0;
    if (columns == 0) columns = SIZE_MAX;
    for (size_t i = 0; i < length;) {
        char piece[MAX_PIECE];
        size_t width = 0;
        i += next_piece(text + i, length - i, piece, &width, &marks);
        const size_t bytes = strlen(piece);
        if (width > columns - used || bytes >= size - written) {
            used = fit_used;
            written = fit_written;
            if (size - written >= sizeof ellipsis) {
                memcpy(out + written, ellipsis, sizeof ellipsis - 1);
                written += sizeof ellipsis - 1;
                used++;
            }
            break;
        }
        memcpy(out + written, piece, bytes);
        written += bytes;
        used += width;
        if (used < columns && size - written >= sizeof ellipsis) {
            fit_used = used;
            fit_written = written;
        }
    }
    out[written] = '\0';
    return used;
}
