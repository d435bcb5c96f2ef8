/* model.h - where the bundled language model is. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "file_set.h"
#include "lm.h"

/* `directory` NULL: the bundled model, found from the program's own place. Prints what is wrong
 * and returns an exit status. */
int model_open(const char *directory, lm_model **out);
/* Its files are read: no result may go there. */
int model_reads(const char *directory, file_set *set);

#endif
