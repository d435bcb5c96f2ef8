/* Texts of the model on a terminal. */
#ifndef PRINT_TEXT_H
#define PRINT_TEXT_H

#include "lm.h"

/* The prompt and what continues it, indented, with line breaks between words. Bytes that a
 * terminal would act on are shown as question marks. */
void print_text(const lm_model *model, const char *prompt, const int32_t *tokens, int count);

#endif
