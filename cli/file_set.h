/* file_set.h - the files of a command, which must not be the same by any of their names: a
 * result would take the place of another, or of what is read. */
#ifndef CLI_FILE_SET_H
#define CLI_FILE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    FILE_SET_MOST = 32
};

/* A file that is there is itself by any name; one that is not is its name in its folder. */
typedef struct file_identity {
    const char *option; /* without its dashes; NULL: none, standard input */
    bool is_written;
    bool is_there;
    dev_t device; /* of the file, or of the folder */
    ino_t number;
    char *name; /* in the folder, of one that is not there */
} file_identity;

/* Begins as zeros. */
typedef struct file_set {
    size_t count;
    file_identity files[FILE_SET_MOST];
} file_set;

/* `path` NULL: the option is not given. "-": standard input or output. What is read comes
 * first. Functions print what is wrong and return an exit status. */
int file_set_reads(file_set *set, const char *option, const char *path);
int file_set_writes(file_set *set, const char *option, const char *path);
void file_set_free(file_set *set);

#endif
