/* completion.h - the files of completion/, embedded by cmake/embed.cmake. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stddef.h>

typedef struct completion_file {
    const char *name; /* as in completion/ */
    const char *text;
    size_t size;
} completion_file;

extern const completion_file completion_files[];
extern const size_t completion_file_count;

#endif
