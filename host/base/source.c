/* source.c - a program's text, from the kernel files that the build has embedded.
 *
 * Device compilers do not find our files, so #include is followed here. A file is included by
 * its name below kernels/ or include/, and never inside of an #if: what comes second is left
 * out, so the first place has to be one that counts. */
#include "base/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made by kernels/CMakeLists.txt of every file that is there. */
extern const lmsi_source lmsi_files[];
extern const size_t lmsi_file_count;

static const char *const roots[] = {
    [LMSI_SAMPLE] = "programs/sample.cl",
    [LMSI_SAMPLE_AND_REPORT] = "programs/sample_and_report.cl",
    [LMSI_SAMPLE_REQUESTS] = "programs/sample_requests.cl",
    [LMSI_PREPARE] = "programs/prepare.cl",
    [LMSI_PREPARE_SEARCH] = "programs/prepare_search.cl",
    [LMSI_BEAM] = "programs/beam.cl",
    [LMSI_BEAM_REQUESTS] = "programs/beam_requests.cl",
    [LMSI_PROPOSE] = "programs/propose.cl",
    [LMSI_PROPOSE_REQUESTS] = "programs/propose_requests.cl",
    [LMSI_CONTEXT] = "programs/context.cl",
    [LMSI_SLOTS] = "programs/slots.cl",
};

/* A text in the making. Without memory it is just measured. */
typedef struct joined {
    char *text;
    size_t size;
    unsigned char *included; /* [lmsi_file_count] */
} joined;

static void add(joined *j, const char *text, size_t size)
{
    if (j->text != NULL) memcpy(j->text + j->size, text, size);
    j->size += size;
}

static void add_position(joined *j, const char *name, unsigned line)
{
    char text[160];
    const int size = snprintf(text, sizeof text, "#line %u \"%s\"\n", line, name);
    add(j, text, (size_t)size);
}

/* The file of an #include, `line` being the text from its name on. There is one:
 * tests/check/kernels.sh has a compiler follow all of them. */
static size_t find_file(const char *line)
{
    const size_t length = strcspn(line, "\"\n");
    size_t i = 0;
    while (i + 1 < lmsi_file_count && (strncmp(lmsi_files[i].name, line, length) != 0 ||
                                       lmsi_files[i].name[length] != '\0')) {
        ++i;
    }
    return i;
}

static void add_file(joined *j, size_t file) /* NOLINT(misc-no-recursion): as deep as the map */
{
    static const char include[] = "#include \"", once[] = "#pragma once\n";
    const lmsi_source *const source = &lmsi_files[file];
    unsigned number = 1;
    if (j->included[file]) return;
    j->included[file] = 1;
    add_position(j, source->name, number);
    for (const char *line = source->text; *line != '\0'; ++number) {
        const size_t rest = strcspn(line, "\n"), size = rest + (line[rest] == '\n');
        if (strncmp(line, include, sizeof include - 1) == 0) {
            add_file(j, find_file(line + sizeof include - 1));
            add_position(j, source->name, number + 1);
        } else if (strncmp(line, once, sizeof once - 1) == 0) {
            add(j, "\n", 1); /* compilers warn of it in what they take for the main file */
        } else {
            add(j, line, size);
        }
        line += size;
    }
}

static void add_program(joined *j, const char *prelude, lmsi_kind kind)
{
    memset(j->included, 0, lmsi_file_count);
    j->size = 0;
    add(j, prelude, strlen(prelude));
    add_file(j, find_file(roots[kind]));
    add(j, "", 1);
}

char *lmsi_source_join(const char *prelude, lmsi_kind kind)
{
    joined j = {NULL, 0, malloc(lmsi_file_count)};
    if (j.included == NULL) return NULL;
    add_program(&j, prelude, kind);
    j.text = malloc(j.size);
    if (j.text != NULL) add_program(&j, prelude, kind);
    free(j.included);
    return j.text;
}
