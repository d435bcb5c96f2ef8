#include "output.h"

#include "message.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 1 << 17,
    MOST_FILES = 16, /* with a temporary file, at once */
    MOST_LINKS = 40, /* followed, as the kernel does   */
    MOST_NAMES = 100 /* tried for a temporary file     */
};

struct output {
    const char *name; /* for messages */
    int descriptor;
    bool is_failed;   /* and has been said to be */
    bool is_terminal; /* where the line of progress may be too */
    char *path;       /* what the temporary file becomes; NULL: written directly */
    char *temporary;
    size_t slot; /* of the temporary file, in the list below */
    size_t used;
    char buffer[BUFFER_BYTES];
};

/* --- Temporary files, which a signal removes ----------------------------------------------
 *
 * The handler may run in any thread: OpenCL has its own. So a path is in the list before its
 * file is there, and who takes one out looks whether the handler has begun. */

static _Atomic(const char *) temporaries[MOST_FILES];
static atomic_bool is_dying;

/* Calls only what a handler may call. */
static void remove_all(void)
{
    for (size_t i = 0; i < MOST_FILES; i++) {
        const char *const path = atomic_load(&temporaries[i]);
        if (path != NULL) unlink(path);
    }
}

static void die_clean(int number)
{
    atomic_store(&is_dying, true);
    remove_all();
    signal(number, SIG_DFL);
    raise(number); /* comes when the handler returns, which unblocks it */
}

/* A signal that is ignored stays so: nohup wants that. A handler of another is taken over:
 * OpenCL runtimes bring some, which end the program too. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    static bool is_done = false;
    struct sigaction action;
    if (is_done) return;
    is_done = true;
    atexit(remove_all);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigaction(signals[i], NULL, &action) != 0 || action.sa_handler == SIG_IGN) continue;
        memset(&action, 0, sizeof action);
        action.sa_handler = die_clean;
        sigemptyset(&action.sa_mask);
        sigaction(signals[i], &action, NULL);
    }
}

static bool list_temporary(output *out)
{
    for (out->slot = 0; out->slot < MOST_FILES; out->slot++) {
        if (atomic_load(&temporaries[out->slot]) != NULL) continue;
        atomic_store(&temporaries[out->slot], out->temporary);
        return true;
    }
    return false;
}

/* Where the handler runs in another thread, its file must neither stay nor take its name. */
static void wait_if_dying(const output *out)
{
    if (!atomic_load(&is_dying)) return;
    unlink(out->temporary);
    for (;;) pause();
}

static void unlist_temporary(const output *out)
{
    atomic_store(&temporaries[out->slot], NULL);
    wait_if_dying(out);
}

/* --- Opening ---------------------------------------------------------------------------- */

static int fail_output(output *out, const char *what)
{
    const int code = errno;
    if (!out->is_failed)
        fail(EXIT_OUTPUT, "%s: cannot %s: %s", out->name, what, strerror(code));
    out->is_failed = true;
    return EXIT_OUTPUT;
}

static size_t folder_length(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* The link's target, as seen from where the link is. */
static char *join_link(const char *path, const char *target)
{
    const size_t folder = target[0] == '/' ? 0 : folder_length(path);
    char *const joined = malloc(folder + strlen(target) + 1);
    if (joined == NULL) return NULL;
    memcpy(joined, path, folder);
    strcpy(joined + folder, target);
    return joined;
}

/* The names of open files, such as /proc/self/fd/1 behind /dev/stdout, look like links; nothing
 * can take the place of the file. */
static bool is_open_file(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/fd/", 8) == 0;
}

char *output_target(const char *path, bool *is_direct)
{
    char target[PATH_MAX];
    char *now = join_link("", path);
    for (int i = 0; now != NULL && i < MOST_LINKS; i++) {
        const ssize_t length = readlink(now, target, sizeof target - 1);
        *is_direct = is_open_file(now);
        if (length < 0 || *is_direct) break;
        target[length] = '\0';
        char *const next = join_link(now, target);
        free(now);
        now = next;
    }
    return now;
}

/* A name that nothing else has: the file is made anew or not at all. */
static int create_temporary(output *out, mode_t mode)
{
    static unsigned count = 0;
    const size_t folder = folder_length(out->path);
    const size_t size = folder + 64;
    out->temporary = malloc(size);
    if (out->temporary == NULL) return fail_memory(out->name);
    for (int i = 0; i < MOST_NAMES; i++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        memcpy(out->temporary, out->path, folder);
        snprintf(out->temporary + folder, size - folder, ".lmsample-%lx-%lx-%x.tmp",
                 (unsigned long)getpid(), (unsigned long)now.tv_nsec, count++);
        if (!list_temporary(out)) {
            return fail(EXIT_OUTPUT, "%s: is one file too many to write at once", out->name);
        }
        out->descriptor = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        wait_if_dying(out);
        if (out->descriptor >= 0) return EXIT_DONE;
        atomic_store(&temporaries[out->slot], NULL);
        if (errno != EEXIST) break;
    }
    free(out->temporary);
    out->temporary = NULL;
    return fail_output(out, "create a file in its folder");
}

/* The new file is as the old one was, as if that had been written over. */
static int replace(output *out, const struct stat *old)
{
    if (access(out->path, W_OK) != 0) return fail_output(out, "write");
    const int status = create_temporary(out, 0600);
    if (status != EXIT_DONE) return status;
    /* Only root may give it to another owner, who else writes keeps it. */
    if (old->st_uid != geteuid() || old->st_gid != getegid()) {
        const int code = fchown(out->descriptor, old->st_uid, old->st_gid);
        (void)code;
    }
    if (fchmod(out->descriptor, old->st_mode & 0777) != 0) {
        return fail_output(out, "set the mode");
    }
    return EXIT_DONE;
}

static int open_directly(output *out, const char *path)
{
    free(out->path);
    out->path = NULL;
    out->descriptor = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
    if (out->descriptor < 0) return fail_output(out, "open");
    out->is_terminal = isatty(out->descriptor) != 0;
    return EXIT_DONE;
}

static int open_file(output *out, const char *path)
{
    struct stat old;
    bool is_direct = false;
    if (path[0] == '\0') return fail(EXIT_OUTPUT, "the name of a file to write is empty");
    const bool is_there = stat(path, &old) == 0;
    if (!is_there && errno != ENOENT) return fail_output(out, "create");
    if (path[strlen(path) - 1] == '/' || (is_there && S_ISDIR(old.st_mode))) {
        return fail(EXIT_OUTPUT, "%s: is a folder, must be a file", out->name);
    }
    out->path = output_target(path, &is_direct);
    if (out->path == NULL) return fail_memory(out->name);
    if (is_there && (is_direct || !S_ISREG(old.st_mode))) return open_directly(out, path);
    catch_signals();
    return is_there ? replace(out, &old) : create_temporary(out, 0666);
}

int output_open(const char *path, output **out)
{
    output *const opened = malloc(sizeof *opened);
    *out = NULL;
    if (opened == NULL) return fail_memory(path);
    memset(opened, 0, offsetof(output, buffer));
    opened->name = path;
    opened->descriptor = -1;
    if (strcmp(path, "-") == 0) {
        opened->name = "standard output";
        opened->descriptor = STDOUT_FILENO;
        opened->is_terminal = isatty(STDOUT_FILENO) != 0;
    } else {
        const int status = open_file(opened, path);
        if (status != EXIT_DONE) {
            output_discard(opened);
            return status;
        }
    }
    *out = opened;
    return EXIT_DONE;
}

/* --- Writing ---------------------------------------------------------------------------- */

/* The other end may have made a pipe or a terminal one that does not wait. */
static void wait_until_writable(int descriptor)
{
    struct pollfd wanted = {descriptor, POLLOUT, 0};
    poll(&wanted, 1, -1);
}

static int write_bytes(output *out, const char *bytes, size_t size)
{
    if (out->is_failed) return EXIT_OUTPUT;
    if (out->is_terminal && size > 0) progress_hide();
    while (size > 0) {
        const ssize_t n = write(out->descriptor, bytes, size < SSIZE_MAX ? size : SSIZE_MAX);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_until_writable(out->descriptor);
            continue;
        }
        if (n < 0) return fail_output(out, "write");
        bytes += n;
        size -= (size_t)n;
    }
    return EXIT_DONE;
}

int output_flush(output *out)
{
    const size_t used = out->used;
    out->used = 0;
    return write_bytes(out, out->buffer, used);
}

int output_write(output *out, const void *data, size_t bytes)
{
    if (bytes > sizeof out->buffer - out->used) {
        const int status = output_flush(out);
        if (status != EXIT_DONE) return status;
    }
    if (bytes >= sizeof out->buffer) return write_bytes(out, data, bytes);
    memcpy(out->buffer + out->used, data, bytes);
    out->used += bytes;
    return out->is_failed ? EXIT_OUTPUT : EXIT_DONE;
}

int output_print(output *out, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const size_t room = sizeof out->buffer - out->used;
    const int length = vsnprintf(out->buffer + out->used, room, format, arguments);
    va_end(arguments);
    int status = out->is_failed ? EXIT_OUTPUT : EXIT_DONE;
    if (length < 0) {
        status = fail_output(out, "format");
    } else if ((size_t)length < room) {
        out->used += (size_t)length;
    } else {
        char *const text = malloc((size_t)length + 1);
        if (text == NULL) {
            status = fail_memory(out->name);
        } else {
            vsnprintf(text, (size_t)length + 1, format, again);
            status = output_write(out, text, (size_t)length);
        }
        free(text);
    }
    va_end(again);
    return status;
}

/* --- The end ---------------------------------------------------------------------------- */

/* Some file systems tell of a failed write only when a file is closed. */
static int close_standard_output(output *out)
{
    const int copy = dup(out->descriptor);
    if (copy < 0 || close(copy) != 0) return fail_output(out, "write");
    return EXIT_DONE;
}

static int close_file(output *out)
{
    const int descriptor = out->descriptor;
    if (descriptor == STDOUT_FILENO) return close_standard_output(out);
    out->descriptor = -1;
    /* The data is on the disk before the name is, so that no crash leaves an empty file. */
    const bool is_safe = out->path == NULL || fsync(descriptor) == 0;
    if (!is_safe) fail_output(out, "write");
    if (close(descriptor) != 0) fail_output(out, "write");
    return out->is_failed ? EXIT_OUTPUT : EXIT_DONE;
}

int output_commit(output *out)
{
    int status = output_flush(out);
    if (status == EXIT_DONE) status = close_file(out);
    if (status == EXIT_DONE && out->path != NULL) {
        wait_if_dying(out);
        if (rename(out->temporary, out->path) != 0) {
            status = fail_output(out, "give the file its name");
        } else {
            unlist_temporary(out);
            free(out->temporary);
            out->temporary = NULL;
        }
    }
    output_discard(out);
    return status;
}

void output_discard(output *out)
{
    if (out == NULL) return;
    if (out->descriptor >= 0 && out->descriptor != STDOUT_FILENO) close(out->descriptor);
    if (out->temporary != NULL && out->slot < MOST_FILES) {
        unlink(out->temporary);
        unlist_temporary(out);
    }
    free(out->temporary);
    free(out->path);
    free(out);
}
