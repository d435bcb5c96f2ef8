/* fuzz_message.c - in the place of cli/message.c: counts what is said instead of printing it.
 * The real one takes care of control characters, which a file's values may hold. */
#include "fuzz.h"
#include "message.h"

#include <stdarg.h>
#include <string.h>

const char *message_prefix = "fuzz";
unsigned fuzz_lines = 0;
char fuzz_line[4096];

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments)
{
    const int length = vsnprintf(fuzz_line, sizeof fuzz_line, format, arguments);
    FUZZ_CHECK(length > 0 && (size_t)length < sizeof fuzz_line);
    fuzz_lines++;
}

int fail(int exit_status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    FUZZ_CHECK(exit_status != EXIT_DONE);
    return exit_status;
}

void warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

int fail_memory(const char *what) { return fail(EXIT_MEMORY, "%s: out of memory", what); }

int fail_library(const char *what, lms_status status)
{
    return fail(EXIT_DEVICE, "%s: %s", what, lms_status_text(status));
}
