/* params_csv.c - parameters of rows as comma-separated values. */
#include "message.h"
#include "params_internal.h"
#include "sampling.h"

#include <csv.h>
#include <string.h>

enum {
    MOST_CELLS = 64 /* of the line of names; there are fewer fields */
};

typedef struct csv_reader {
    params_reader *reader;
    int status;
    bool has_names;
    size_t columns;
    const char *names[MOST_CELLS]; /* as the tables of fields have them */
    size_t cell;                   /* the next one of the line */
    uint64_t line;                 /* the number of the line, from 1 */
    uint64_t blank_line;           /* one without a cell, 0: none */
    bool after_return;             /* the last character was a carriage return */
} csv_reader;

static int read_name(csv_reader *csv, const char *text)
{
    const char *const path = csv->reader->path;
    unsigned number = 0;
    const char *const name = params_field(csv->reader, text, strlen(text), &number);
    char error[1024];
    if (name == NULL) {
        params_no_field(csv->reader, text, error, sizeof error);
        return fail(EXIT_INPUT, "%s: line %llu: \"%.64s\" %s", path,
                    (unsigned long long)csv->line, text, error);
    }
    for (size_t i = 0; i < csv->columns; i++) {
        if (csv->names[i] != name) continue;
        return fail(EXIT_INPUT, "%s: line %llu: \"%s\" is there twice, must be there once",
                    path, (unsigned long long)csv->line, name);
    }
    csv->names[csv->columns++] = name;
    return EXIT_DONE;
}

static int read_value(csv_reader *csv, const char *text)
{
    char where[48];
    if (csv->cell == 0) {
        const int status = params_add(csv->reader);
        if (status != EXIT_DONE) return status;
    }
    const size_t column = csv->cell++;
    /* How many there are too many is told at the end of the line. */
    if (column >= csv->columns || text[0] == '\0') return EXIT_DONE;
    snprintf(where, sizeof where, " (line %llu)", (unsigned long long)csv->line);
    return params_set(csv->reader, csv->reader->out->rows - 1, csv->names[column], text, where);
}

static int read_cell(csv_reader *csv, const char *text, size_t length)
{
    const char *const path = csv->reader->path;
    if (csv->blank_line != 0) {
        return fail(EXIT_INPUT, "%s: line %llu is blank, must have cells or be the last", path,
                    (unsigned long long)csv->blank_line);
    }
    if (strlen(text) != length) {
        return fail(EXIT_INPUT, "%s: line %llu: has a zero byte, must be text", path,
                    (unsigned long long)csv->line);
    }
    return csv->has_names ? read_value(csv, text) : read_name(csv, text);
}

static int end_line(csv_reader *csv)
{
    const size_t cells = csv->cell;
    csv->cell = 0;
    if (!csv->has_names) {
        csv->has_names = true;
        return EXIT_DONE;
    }
    if (cells == csv->columns) return EXIT_DONE;
    return fail(EXIT_INPUT, "%s: row %llu (line %llu): has %zu cells, must have %zu as line 1",
                csv->reader->path, (unsigned long long)(csv->reader->out->rows - 1),
                (unsigned long long)csv->line, cells, csv->columns);
}

/* libcsv has no way to stop from within: after an error nothing more is taken. */
static void take_cell(void *text, size_t length, void *data)
{
    csv_reader *const csv = data;
    csv->after_return = false;
    if (csv->status != EXIT_DONE) return;
    csv->status = read_cell(csv, text == NULL ? "" : text, length);
}

/* `end` is the line's last character, or -1 at the end of the file. */
static void take_line(int end, void *data)
{
    csv_reader *const csv = data;
    const bool has_cells = csv->has_names ? csv->cell > 0 : csv->columns > 0;
    const bool is_second_half = !has_cells && csv->after_return && end == '\n';
    csv->after_return = end == '\r';
    if (csv->status != EXIT_DONE || is_second_half) return;
    if (has_cells) {
        csv->status = end_line(csv);
    } else if (csv->blank_line == 0) {
        csv->blank_line = csv->line;
    }
    csv->line++;
}

static int no_quotes(const csv_reader *csv)
{
    return fail(EXIT_INPUT, "%s: line %llu: a quotation mark is out of place",
                csv->reader->path, (unsigned long long)csv->line);
}

static int read_all(csv_reader *csv, struct csv_parser *parser, FILE *file)
{
    char bytes[1 << 16];
    size_t got = 0;
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0) {
        const size_t taken = csv_parse(parser, bytes, got, take_cell, take_line, csv);
        if (csv->status != EXIT_DONE) return csv->status;
        if (taken == got) continue;
        return csv_error(parser) == CSV_EPARSE ? no_quotes(csv)
                                               : fail_memory(csv->reader->path);
    }
    if (ferror(file)) return EXIT_DONE; /* told by the caller */
    if (csv_fini(parser, take_cell, take_line, csv) != 0 && csv->status == EXIT_DONE) {
        return no_quotes(csv);
    }
    if (csv->status == EXIT_DONE && !csv->has_names) {
        return fail(EXIT_INPUT, "%s: is empty, must begin with a line of field names",
                    csv->reader->path);
    }
    return csv->status;
}

int params_read_csv(params_reader *reader, FILE *file)
{
    struct csv_parser parser;
    csv_reader csv = {.reader = reader, .line = 1};
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL) !=
        0) {
        return fail_memory(reader->path);
    }
    const int status = read_all(&csv, &parser, file);
    csv_free(&parser);
    return status;
}
