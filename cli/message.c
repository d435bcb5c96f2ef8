#include "message.h"

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>

const char *message_prefix = "lmsample";

/* A line is a line, whatever a file's name or a value has in it. */
static void print_escaped(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '\n') {
            fputs("\\n", stderr);
        } else if (*c < 0x20 || *c == 0x7f) {
            fprintf(stderr, "\\x%02x", *c);
        } else {
            fputc(*c, stderr);
        }
    }
}

__attribute__((format(printf, 1, 0))) static void print_line(const char *format,
                                                             va_list arguments)
{
    char line[8192]; /* two paths and a rule */
    vsnprintf(line, sizeof line, format, arguments);
    progress_hide();
    fprintf(stderr, "%s: ", message_prefix);
    print_escaped(line);
    fputc('\n', stderr);
}

int fail(int exit_status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
    return exit_status;
}

void warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

int fail_memory(const char *what) { return fail(EXIT_MEMORY, "%s: out of memory", what); }

/* A positive status is the library's own and has its message; so have OpenCL's codes that came
 * through the library. */
int fail_library(const char *what, lms_status status)
{
    int exit_status = EXIT_DEVICE;
    if (status == LMS_E_MEMORY) exit_status = EXIT_MEMORY;
    if (status == LMS_E_ROW_PARAMS || status == LMS_E_ARGUMENT) exit_status = EXIT_USAGE;
    return fail(exit_status, "%s: %s", what, lms_error_message());
}
