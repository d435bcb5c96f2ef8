#include "file_set.h"

#include "message.h"
#include "output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_terminal(const char *path)
{
    const int descriptor = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    const bool found = descriptor >= 0 && isatty(descriptor) != 0;
    if (descriptor >= 0) close(descriptor);
    return found;
}

/* Of what is there. What is read from a pipe or a terminal is not what is written to one; and
 * what goes to /dev/null and the like may go there together. */
static bool can_be_lost(const struct stat *found, const file_identity *file, const char *path)
{
    if (S_ISREG(found->st_mode)) return true;
    if (!file->is_written) return false;
    return !S_ISCHR(found->st_mode) || strcmp(path, "-") == 0 || is_terminal(path);
}

/* Where a new file would be. False if its folder is not there, which is told later. */
static bool identify_new(file_identity *file, const char *path)
{
    bool is_direct = false;
    struct stat folder;
    char *const target = output_target(path, &is_direct);
    if (target == NULL) return false;
    char *const slash = strrchr(target, '/');
    const char *const name = slash == NULL ? target : slash + 1;
    file->name = strdup(name);
    if (slash != NULL) slash[slash == target] = '\0'; /* the root stays one */
    const bool is_known = stat(slash == NULL ? "." : target, &folder) == 0;
    free(target);
    if (!is_known || file->name == NULL) {
        free(file->name);
        file->name = NULL;
        return false;
    }
    file->device = folder.st_dev;
    file->number = folder.st_ino;
    return true;
}

/* False if it cannot be another's, or is not known. */
static bool identify(file_identity *file, const char *path)
{
    struct stat found;
    const int standard = file->is_written ? STDOUT_FILENO : STDIN_FILENO;
    const bool is_standard = strcmp(path, "-") == 0;
    if ((is_standard ? fstat(standard, &found) : stat(path, &found)) != 0) {
        return file->is_written && !is_standard && identify_new(file, path);
    }
    file->is_there = true;
    file->device = found.st_dev;
    file->number = found.st_ino;
    return can_be_lost(&found, file, path);
}

static bool is_same(const file_identity *a, const file_identity *b)
{
    if (a->is_there != b->is_there || a->device != b->device || a->number != b->number) {
        return false;
    }
    return a->is_there || strcmp(a->name, b->name) == 0;
}

static int add(file_set *set, const char *option, const char *path, bool is_written)
{
    file_identity *const file = &set->files[set->count];
    *file = (file_identity){.option = option, .is_written = is_written};
    if (path == NULL || set->count == FILE_SET_MOST || !identify(file, path)) return EXIT_DONE;
    set->count++;
    for (size_t i = 0; i + 1 < set->count; i++) {
        const file_identity *const other = &set->files[i];
        if (!is_same(file, other) || !(is_written || other->is_written)) continue;
        return fail(EXIT_USAGE, "--%s: is \"%s\", the file of %s%s, must be another", option,
                    path, other->option != NULL ? "--" : "",
                    other->option != NULL ? other->option : "standard input");
    }
    return EXIT_DONE;
}

int file_set_reads(file_set *set, const char *option, const char *path)
{
    return add(set, option, path, false);
}

int file_set_writes(file_set *set, const char *option, const char *path)
{
    return add(set, option, path, true);
}

void file_set_free(file_set *set)
{
    for (size_t i = 0; i < set->count; i++) free(set->files[i].name);
    set->count = 0;
}
