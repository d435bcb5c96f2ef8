#include "words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void refuse(const char *format, ...)
{
    va_list arguments;
    fputs("bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

unsigned long whole_number(const char *option, const char *text, unsigned long least,
                           unsigned long most)
{
    char *end = NULL;
    const unsigned long value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || value < least || value > most) {
        refuse("--%s: \"%s\" is not a whole number from %lu to %lu", option, text, least, most);
    }
    return value;
}

bool is_name(const char *text, const char *name)
{
    for (;; ++text, ++name) {
        text += strspn(text, " -");
        name += strspn(name, " -");
        if (tolower((unsigned char)*text) != tolower((unsigned char)*name)) return false;
        if (*text == '\0') return true;
    }
}

void add_value(const char *option, choice *out, unsigned long value)
{
    for (unsigned i = 0; i < out->count; ++i) {
        if (out->values[i] == value) return;
    }
    if (out->count == LIST_MOST) refuse("--%s: more than %d values", option, LIST_MOST);
    out->values[out->count++] = (uint32_t)value;
}
