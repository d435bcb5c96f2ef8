#include "print_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 88
#define INDENT 8

static void print_wrapped_line(const char *text, size_t length)
{
    size_t column = 0;
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && text[end] != ' ') {
            end++;
        }
        bool is_full = column > 0 && column + 1 + (end - at) > COLUMNS - INDENT;
        if (column == 0 || is_full) {
            printf("%s%*s", is_full ? "\n" : "", INDENT, "");
            column = 0;
        } else {
            printf(" ");
            column++;
        }
        printf("%.*s", (int)(end - at), text + at);
        column += end - at;
        at = end + 1;
    }
    printf("\n");
}

/* Breaks lines between words; a line's end in the text stays one. */
static void print_wrapped(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && text[end] != '\n') {
            end++;
        }
        print_wrapped_line(text + at, end - at);
        at = end + 1;
    }
}

/* A model may say any bytes, and so may a prompt. */
static size_t append(const char *bytes, size_t length, char *text, size_t used, size_t size)
{
    for (size_t i = 0; i < length && used < size; i++) {
        bool is_plain = (bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\n';
        text[used++] = '?';
        if (is_plain) {
            text[used - 1] = bytes[i];
        }
    }
    return used;
}

void print_text(const lm_model *model, const char *prompt, const int32_t *tokens, int count)
{
    char text[16384];
    size_t used = append(prompt, strlen(prompt), text, 0, sizeof text);
    for (int i = 0; i < count; i++) {
        size_t length = 0;
        const char *bytes = lm_token_bytes(model, tokens[i], &length);
        used = append(bytes, length, text, used, sizeof text);
    }
    while (used > 0 && text[used - 1] == '\n') {
        used--;
    }
    print_wrapped(text, used);
}
