/* model.h - where the bundled language model is. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "lm.h"

/* `directory` NULL: the bundled model, found from the program's own place. Prints what is wrong
 * and returns an exit status. */
int model_open(const char *directory, lm_model **out);

#endif
