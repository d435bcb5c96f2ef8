/* utf8.h - bytes that should be UTF-8, for readers that take nothing else. */
#ifndef CLI_UTF8_H
#define CLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the first character of `size` > 0 bytes. Where they do not begin with one,
 * *is_valid is false and the length is that of what one U+FFFD stands for (the longest begin of
 * a character, else one byte; so do Unicode's chapter 3.9 and Python). 0: it takes more bytes
 * to tell, and `is_end` does not say that there are none. */
size_t utf8_next(const char *bytes, size_t size, bool is_end, bool *is_valid);

#endif
