#include "explain_terminal.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    LEAST_COLUMNS = 80,
    MOST_COLUMNS = 160 /* wider, the eye loses the line */
};

static bool has_colors(color_mode color, bool is_stdout)
{
    if (color != COLOR_AUTO) return color == COLOR_ALWAYS;
    const char *const no_color = getenv("NO_COLOR");
    const char *const kind = getenv("TERM");
    return is_stdout && isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
           kind != NULL && strcmp(kind, "dumb") != 0;
}

void terminal_open(terminal *t, color_mode color, bool is_stdout)
{
    static const char *const colors[STAGE_KINDS] = {"",         "\x1b[34m", "\x1b[35m",
                                                    "\x1b[33m", "\x1b[36m", "\x1b[31m"};
    const bool is_colored = has_colors(color, is_stdout);
    struct winsize window = {0};
    *t = (terminal){.columns = LEAST_COLUMNS};
    t->is_unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (is_stdout && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 &&
        window.ws_col > LEAST_COLUMNS) {
        t->columns = window.ws_col < MOST_COLUMNS ? window.ws_col : MOST_COLUMNS;
    }
    t->plain = is_colored ? "\x1b[0m" : "";
    t->bold = is_colored ? "\x1b[1m" : "";
    t->dim = is_colored ? "\x1b[2m" : "";
    t->before = is_colored ? "\x1b[90m" : "";
    t->after = is_colored ? "\x1b[32m" : "";
    for (size_t i = 0; i < STAGE_KINDS; i++) t->stages[i] = is_colored ? colors[i] : "";
}

/* Where the terminal is not of UTF-8, each other character becomes one "?" a column: the
 * layout stays. */
static void make_ascii(char *text, size_t columns)
{
    size_t written = 0, kept = 0;
    for (size_t i = 0; text[i] != '\0'; i++) kept += (unsigned char)text[i] < 0x80;
    size_t wide = columns > kept ? columns - kept : 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte < 0x80) {
            text[written++] = text[i];
        } else if (byte >= 0xc0 && wide > 0) {
            text[written++] = '?';
            wide--;
        }
    }
    while (wide-- > 0) text[written++] = '?';
    text[written] = '\0';
}

static size_t display(const terminal *t, const char *text, size_t length, size_t columns,
                      char *out, size_t size)
{
    const size_t used = vocabulary_display(text, length, columns, out, size);
    if (!t->is_unicode) make_ascii(out, used);
    return used;
}

void terminal_fit(const terminal *t, const char *text, size_t length, size_t columns, char *out,
                  size_t size)
{
    char whole[EXPLAIN_TEXT];
    size_t begin = length > sizeof whole / 4 ? length - sizeof whole / 4 : 0;
    const char *const ellipsis = t->is_unicode ? "\xe2\x80\xa6" : "...";
    const size_t ellipsis_columns = t->is_unicode ? 1 : 3;
    if (begin == 0 && vocabulary_display(text, length, 0, whole, sizeof whole) <= columns) {
        display(t, text, length, 0, out, size);
        return;
    }
    while (begin < length && (((unsigned char)text[begin] & 0xc0u) == 0x80 ||
                              vocabulary_display(text + begin, length - begin, 0, whole,
                                                 sizeof whole) > columns - ellipsis_columns)) {
        begin++;
    }
    display(t, text + begin, length - begin, 0, whole, sizeof whole);
    snprintf(out, size, "%s%s", ellipsis, whole);
}

static bool has_right_to_left(const char *text, size_t length)
{
    uint32_t code = 0;
    for (size_t i = 0; i < length;) {
        const size_t step = vocabulary_character(text + i, length - i, &code);
        if (step > 0 &&
            ((code >= 0x590 && code < 0x900) || (code >= 0xfb1d && code < 0xfe00) ||
             (code >= 0xfe70 && code < 0xff00) || (code >= 0x10800 && code < 0x11000) ||
             (code >= 0x1e800 && code < 0x1f000))) {
            return true;
        }
        i += step > 0 ? step : 1;
    }
    return false;
}

size_t terminal_quote(const terminal *t, const char *text, size_t length, size_t columns,
                      char *out, size_t size)
{
    static const char left_to_right[] = "\xe2\x80\x8e"; /* U+200E, of no width */
    const bool is_reversed = t->is_unicode && has_right_to_left(text, length);
    const size_t room = size - 2 - (sizeof left_to_right - 1);
    out[0] = '"';
    const size_t used = length == 0 ? 0 : display(t, text, length, columns - 2, out + 1, room);
    if (length == 0) out[1] = '\0';
    strcat(out, is_reversed ? "\"\xe2\x80\x8e" : "\"");
    return used + 2;
}

void terminal_bar(const terminal *t, double share, int columns, bool is_padded, char *out,
                  size_t size)
{
    static const char *const eighths[] = {"",
                                          "\xe2\x96\x8f",
                                          "\xe2\x96\x8e",
                                          "\xe2\x96\x8d",
                                          "\xe2\x96\x8c",
                                          "\xe2\x96\x8b",
                                          "\xe2\x96\x8a",
                                          "\xe2\x96\x89"};
    const double cells = share * columns;
    const int units = (int)(cells * (t->is_unicode ? 8 : 1) + 0.5);
    const int whole = t->is_unicode ? units / 8 : units;
    int used = 0;
    size_t written = 0;
    out[0] = '\0';
    for (; used < whole && used < columns && size - written > 8; used++) {
        written += (size_t)snprintf(out + written, size - written, "%s",
                                    t->is_unicode ? "\xe2\x96\x88" : "#");
    }
    if (t->is_unicode && used < columns && units % 8 > 0) {
        written += (size_t)snprintf(out + written, size - written, "%s", eighths[units % 8]);
        used++;
    }
    if (is_padded && columns > used) {
        snprintf(out + written, size - written, "%*s", columns - used, "");
    }
}

void terminal_rule(const terminal *t, int columns, char *out, size_t size)
{
    const char *const cell = t->is_unicode ? "\xe2\x94\x80" : "-";
    size_t written = 0;
    out[0] = '\0';
    for (int i = 0; i < columns && size - written > 4; i++) {
        written += (size_t)snprintf(out + written, size - written, "%s", cell);
    }
}
