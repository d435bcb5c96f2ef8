#include "numbers.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool number_refuse(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return false;
}

bool number_read(const char *text, double *value)
{
    char *end = NULL;
    if (text[strspn(text, "+-.0123456789eE")] != '\0') return false;
    errno = 0;
    *value = strtod(text, &end);
    if (*value == 0 && errno == ERANGE) *value = text[0] == '-' ? -DBL_MIN : DBL_MIN;
    return end != text && *end == '\0' && isfinite(*value);
}

bool number_read_infinite(const char *text, double *value)
{
    const char *const word = text + (text[0] == '-' || text[0] == '+');
    if (strcasecmp(word, "inf") != 0 && strcasecmp(word, "infinity") != 0) {
        return number_read(text, value);
    }
    *value = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    return true;
}

bool number_read_whole(const char *text, uint64_t *value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}
