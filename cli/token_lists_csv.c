/* token_lists_csv.c - biases as comma-separated values. */
#include "message.h"
#include "numbers.h"
#include "token_lists.h"

#include <lmsample.h>

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_CELLS = 3
};

typedef struct bias_reader {
    const char *path;
    uint32_t vocab;
    uint64_t rows;  /* of the logits */
    size_t columns; /* 2: of all rows, 3: the first cell is the row */
    uint64_t line;
    token_lists *out;
} bias_reader;

/* Cuts a line at its commas. */
static size_t split(char *line, char *cells[MOST_CELLS + 1])
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *cell = line; cell != NULL && count <= MOST_CELLS;) {
        char *const comma = strchr(cell, ',');
        if (comma != NULL) *comma = '\0';
        cells[count++] = cell;
        cell = comma == NULL ? NULL : comma + 1;
    }
    return count;
}

static int wrong(const bias_reader *reader, const char *what, const char *text,
                 const char *rule)
{
    return fail(EXIT_INPUT, "%s: line %llu: %s: is \"%.64s\", must be %s", reader->path,
                (unsigned long long)reader->line, what, text, rule);
}

static int read_names(bias_reader *reader, char *line)
{
    static const char *const names[] = {"row", "token", "value"};
    char *cells[MOST_CELLS + 1];
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf, 0};
    const size_t skipped = strncmp(line, (const char *)mark, 3) == 0 ? 3 : 0;
    const size_t count = split(line + skipped, cells);
    bool is_good = count == 2 || count == 3;
    for (size_t i = 0; i < count && is_good; i++) {
        is_good = strcmp(cells[i], names[i + 3 - count]) == 0;
    }
    reader->columns = count;
    if (is_good) return count == 2 ? token_lists_add_row(reader->out, false) : EXIT_DONE;
    return fail(EXIT_INPUT,
                "%s: line 1: begins with \"%.32s\", must be \"token,value\" or "
                "\"row,token,value\"",
                reader->path, cells[0]);
}

/* The rows before have their biases; those in between have none. */
static int go_to_row(bias_reader *reader, const char *text)
{
    char rule[96];
    uint64_t row = 0;
    int status = EXIT_DONE;
    const uint64_t last = reader->out->rows == 0 ? 0 : reader->out->rows - 1;
    if (!number_read_whole(text, &row) || row >= reader->rows || row < last) {
        snprintf(rule, sizeof rule, "a row of the logits, %llu to %llu, in rising order",
                 (unsigned long long)last, (unsigned long long)reader->rows - 1);
        return wrong(reader, "row", text, rule);
    }
    while (reader->out->rows <= row && status == EXIT_DONE) {
        status = token_lists_add_row(reader->out, false);
    }
    return status;
}

static int read_bias(bias_reader *reader, char *line)
{
    char rule[48];
    char *cells[MOST_CELLS + 1] = {NULL};
    uint64_t id = 0;
    double value = 0;
    const size_t count = split(line, cells);
    if (count < 2 || count != reader->columns) {
        return fail(EXIT_INPUT, "%s: line %llu: has %zu cells, must have %zu as line 1",
                    reader->path, (unsigned long long)reader->line, count, reader->columns);
    }
    const char *const token = cells[count - 2], *const bias = cells[count - 1];
    const int status = count == 3 ? go_to_row(reader, cells[0]) : EXIT_DONE;
    if (status != EXIT_DONE) return status;
    if (!number_read_whole(token, &id) || id >= reader->vocab) {
        snprintf(rule, sizeof rule, "a token, 0 to %u", (unsigned)reader->vocab - 1);
        return wrong(reader, "token", token, rule);
    }
    if (!number_read_infinite(bias, &value) ||
        (isfinite(value) && fabs(value) > (double)FLT_MAX)) {
        return wrong(reader, "value", bias, "a number, -inf or inf");
    }
    return token_lists_add(reader->out, (int32_t)id, (float)value);
}

static int read_lines(bias_reader *reader, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    int status = EXIT_DONE;
    while (status == EXIT_DONE && getline(&line, &capacity, file) >= 0) {
        reader->line++;
        if (reader->line == 1) {
            status = read_names(reader, line);
        } else if (line[strspn(line, "\r\n")] != '\0') {
            status = read_bias(reader, line);
        }
    }
    free(line);
    if (status != EXIT_DONE) return status;
    if (ferror(file)) {
        return fail(EXIT_INPUT, "%s: cannot read: %s", reader->path, strerror(errno));
    }
    if (reader->line == 0) {
        return fail(EXIT_INPUT, "%s: is empty, must begin with \"token,value\"", reader->path);
    }
    while (reader->columns == 3 && reader->out->rows < reader->rows && status == EXIT_DONE) {
        status = token_lists_add_row(reader->out, true);
    }
    return status;
}

int token_lists_read_csv(const char *path, uint32_t vocab, uint64_t rows, token_lists *out)
{
    bias_reader reader = {.path = path, .vocab = vocab, .rows = rows, .out = out};
    FILE *const file = fopen(path, "rbe");
    if (file == NULL) return fail(EXIT_INPUT, "%s: cannot open: %s", path, strerror(errno));
    const int status = read_lines(&reader, file);
    fclose(file);
    return status;
}
