#include "held_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_file(const setup *s, const char *name, const char *advice, prompt_list *list)
{
    FILE *file = fopen(name, "rb");
    bool good = false;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        const long size = ftell(file);
        list->text = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
        good = list->text != NULL && fseek(file, 0, SEEK_SET) == 0 &&
               fread(list->text, 1, (size_t)size, file) == (size_t)size;
    }
    if (file != NULL) {
        fclose(file);
    }
    if (!good) {
        fprintf(stderr, "%s: cannot read %s%s\n", s->program, name, advice);
    }
    return good;
}

bool read_held_out(const setup *s, const char *model_directory, int most, const char *advice,
                   prompt_list *list)
{
    char name[4096];
    const int length = snprintf(name, sizeof name, "%s/held_out_prompts.txt", model_directory);
    *list = (prompt_list){0};
    if (length < 0 || (size_t)length >= sizeof name) {
        return fail(s, "the model's directory has too long a name");
    }
    if (!read_file(s, name, advice, list)) {
        return false;
    }
    list->lines = calloc((size_t)most, sizeof *list->lines);
    if (list->lines == NULL) {
        return fail(s, "no memory");
    }
    char *line = list->text;
    while (*line != '\0' && list->count < most) {
        char *end = line + strcspn(line, "\n");
        char *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        list->lines[list->count++] = line;
        line = next;
    }
    return list->count > 0 || fail(s, "there are no prompts to compare with");
}

void prompt_list_free(prompt_list *list)
{
    free(list->lines);
    free(list->text);
}
