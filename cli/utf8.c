#include "utf8.h"

/* Bytes that follow a first byte, and the range of the first of them. */
typedef struct utf8_form {
    unsigned char first, last; /* first bytes of this form */
    unsigned char low, high;   /* of the second byte; without overlong forms and surrogates */
    unsigned char length;
} utf8_form;

/* Unicode 15, table 3-7. */
static const utf8_form forms[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const utf8_form *form_of(unsigned char first)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (first >= forms[i].first && first <= forms[i].last) return &forms[i];
    }
    return NULL;
}

size_t utf8_next(const char *bytes, size_t size, bool is_end, bool *is_valid)
{
    const utf8_form *const form = form_of((unsigned char)bytes[0]);
    *is_valid = false;
    if (form == NULL) return 1;
    for (size_t i = 1; i < form->length; i++) {
        if (i == size) return is_end ? i : 0;
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte < (i == 1 ? form->low : 0x80) || byte > (i == 1 ? form->high : 0xbf)) return i;
    }
    *is_valid = true;
    return form->length;
}
