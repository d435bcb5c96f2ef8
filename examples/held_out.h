/* The prompts that come with the model, a line of a file each. */
#ifndef HELD_OUT_H
#define HELD_OUT_H

#include "setup.h"

typedef struct {
    char *text; /* the file; its lines have become strings */
    char **lines;
    int count;
} prompt_list;

/* The first lines of the file held_out_prompts.txt in a model's directory, at most `most`. To
 * be freed in any case. The advice, which may be empty, ends the message that there is none. */
bool read_held_out(const setup *s, const char *model_directory, int most, const char *advice,
                   prompt_list *list);
void prompt_list_free(prompt_list *list);

#endif
