#include "sample_results.h"

#include "message.h"
#include "npy.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define NPY_INT32 ">i4"
#define NPY_FLOAT32 ">f4"
#else
#define NPY_INT32 "<i4"
#define NPY_FLOAT32 "<f4"
#endif

struct sample_results {
    const sample_options *options;
    const logits_file *logits;
    output *main;
    output *sides[SIDES];
    uint64_t rows_begun;
    void *row_sides[SIDES]; /* of the row that JSON is at, for its end: [draws], or one */
    uint32_t row_top;       /* its best tokens */
    int32_t row_top_tokens[LMS_MAX_TOP];
    float row_top_values[LMS_MAX_TOP];
};

/* --- Opening ----------------------------------------------------------------------------- */

/* One dimension for the rows, unless the logits are a row by themselves, and one more. */
static int write_header(const sample_results *results, output *out, const char *type,
                        uint64_t more, bool has_more)
{
    unsigned char header[256];
    uint64_t shape[2];
    unsigned dimensions = 0;
    if (!results->logits->is_vector) shape[dimensions++] = results->logits->rows;
    if (has_more) shape[dimensions++] = more;
    const size_t size = npy_format(type, dimensions, shape, header, sizeof header);
    return output_write(out, header, size);
}

static int open_main(sample_results *results)
{
    const sample_options *const options = results->options;
    const int status = output_open(options->output, &results->main);
    if (status != EXIT_DONE) return status;
    if (options->format == SAMPLE_JSON) return output_print(results->main, "[");
    if (options->format == SAMPLE_TEXT) return EXIT_DONE;
    return write_header(results, results->main, NPY_INT32, options->draws, options->has_draws);
}

static int open_side(sample_results *results, sample_side side)
{
    const sample_options *const options = results->options;
    output **const out = &results->sides[side];
    if (options->sides[side] == NULL) return EXIT_DONE;
    const int status = output_open(options->sides[side], out);
    if (status != EXIT_DONE) return status;
    const char *const type = sample_sides[side].is_whole ? NPY_INT32 : NPY_FLOAT32;
    if (side == SIDE_PROBS) {
        return write_header(results, *out, type, results->logits->vocab, true);
    }
    return write_header(results, *out, type, options->draws,
                        options->has_draws && !sample_sides[side].is_of_row);
}

static int open_all(sample_results *results)
{
    const sample_options *const options = results->options;
    int status = open_main(results);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        status = open_side(results, (sample_side)i);
    }
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        if ((options->details >> i & 1) == 0) continue;
        results->row_sides[i] = calloc((size_t)options->draws, 4);
        if (results->row_sides[i] == NULL) status = fail_memory("the details of a row");
    }
    return status;
}

int sample_results_open(const sample_options *options, const logits_file *logits,
                        sample_results **out)
{
    sample_results *const results = calloc(1, sizeof *results);
    *out = NULL;
    if (results == NULL) return fail_memory("results");
    results->options = options;
    results->logits = logits;
    const int status = open_all(results);
    if (status == EXIT_DONE) {
        *out = results;
    } else {
        sample_results_free(results);
    }
    return status;
}

/* --- Writing ----------------------------------------------------------------------------- */

static int write_text(const sample_results *results, const sample_draws *draws)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < draws->count && status == EXIT_DONE; i++) {
        status = output_print(results->main, "%d\n", (int)draws->tokens[i]);
    }
    return status;
}

static int begin_object(sample_results *results, const sample_draws *draws, uint64_t row,
                        size_t i)
{
    const uint32_t status = draws->status[i];
    char seed[40] = "";
    if (!sampling_is_greedy(&draws->params[i]) && draws->params[i].target == 0) {
        snprintf(seed, sizeof seed, ", \"seed\": %llu",
                 (unsigned long long)draws->params[i].seed);
    }
    return output_print(results->main,
                        "%s\n{\"row\": %llu, \"status\": \"%s\"%s%s%s, \"tokens\": [",
                        results->rows_begun++ > 0 ? "," : "", (unsigned long long)row,
                        LMS_ROW_CODE(status) == LMS_ROW_EMPTY ? "empty" : "ok",
                        (status & LMS_ROW_NAN_SEEN) != 0 ? ", \"nan_seen\": true" : "",
                        (status & LMS_ROW_INF_SEEN) != 0 ? ", \"inf_seen\": true" : "", seed);
}

/* Nine digits are every float's own; JSON has no NaN. */
static int print_value(const sample_results *results, const char *before, const void *values,
                       uint64_t i, bool is_whole)
{
    if (is_whole) {
        return output_print(results->main, "%s%d", before, (int)((const int32_t *)values)[i]);
    }
    const float value = ((const float *)values)[i];
    return isfinite(value) ? output_print(results->main, "%s%.9g", before, (double)value)
                           : output_print(results->main, "%snull", before);
}

static int print_values(const sample_results *results, const char *name, const void *values,
                        uint64_t count, bool is_whole)
{
    int status = output_print(results->main, ", \"%s\": [", name);
    for (uint64_t i = 0; i < count && status == EXIT_DONE; i++) {
        status = print_value(results, i > 0 ? ", " : "", values, i, is_whole);
    }
    return status == EXIT_DONE ? output_write(results->main, "]", 1) : status;
}

static int print_side(const sample_results *results, unsigned side)
{
    const sample_side_kind *const kind = &sample_sides[side];
    const void *const values = results->row_sides[side];
    if (values == NULL) return EXIT_DONE;
    if (!kind->is_of_row) {
        return print_values(results, kind->member, values, results->options->draws,
                            kind->is_whole);
    }
    const int status = output_print(results->main, ", \"%s\": ", kind->member);
    return status == EXIT_DONE ? print_value(results, "", values, 0, kind->is_whole) : status;
}

static int end_object(const sample_results *results)
{
    int status = output_write(results->main, "]", 1);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) status = print_side(results, i);
    if (status == EXIT_DONE && results->row_top > 0) {
        uint32_t count = 0;
        while (count < results->row_top && results->row_top_tokens[count] >= 0) count++;
        status = print_values(results, "top_tokens", results->row_top_tokens, count, true);
        if (status == EXIT_DONE) {
            status =
                print_values(results, "top_logprobs", results->row_top_values, count, false);
        }
    }
    return status == EXIT_DONE ? output_write(results->main, "}", 1) : status;
}

/* Draw i of some, which is the row's draw `draw`. */
static void keep_values(sample_results *results, const sample_draws *draws, size_t i,
                        uint64_t draw)
{
    for (unsigned side = 0; side < SIDES; side++) {
        char *const row = results->row_sides[side];
        const char *const values = draws->sides[side];
        if (row == NULL || (sample_sides[side].is_of_row && draw > 0)) continue;
        memcpy(row + draw * 4, values + i * 4, 4);
    }
    if (draw > 0 || draws->top == 0) return;
    const size_t first = i * draws->top;
    results->row_top = draws->top;
    memcpy(results->row_top_tokens, draws->top_tokens + first, draws->top * sizeof(int32_t));
    memcpy(results->row_top_values, draws->top_values + first, draws->top * sizeof(float));
}

static int write_json(sample_results *results, const sample_draws *draws)
{
    const uint64_t per_row = results->options->draws;
    uint64_t row = draws->row, draw = draws->draw;
    for (size_t i = 0; i < draws->count; i++) {
        int status = draw == 0 ? begin_object(results, draws, row, i) : EXIT_DONE;
        if (status == EXIT_DONE) {
            status = output_print(results->main, "%s%d", draw > 0 ? ", " : "",
                                  (int)draws->tokens[i]);
        }
        keep_values(results, draws, i, draw);
        if (++draw == per_row) {
            draw = 0;
            row++;
            if (status == EXIT_DONE) status = end_object(results);
        }
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

/* Of a row's draws, the first one's. */
static int write_of_rows(output *out, const sample_draws *draws, uint64_t per_row,
                         const char *values)
{
    size_t i = draws->draw == 0 ? 0 : (size_t)(per_row - draws->draw);
    int status = EXIT_DONE;
    for (; i < draws->count && status == EXIT_DONE; i += (size_t)per_row) {
        status = output_write(out, values + i * 4, 4);
    }
    return status;
}

static int write_side(const sample_results *results, const sample_draws *draws, unsigned side)
{
    output *const out = results->sides[side];
    if (out == NULL || side == SIDE_PROBS) return EXIT_DONE;
    return sample_sides[side].is_of_row
               ? write_of_rows(out, draws, results->options->draws, draws->sides[side])
               : output_write(out, draws->sides[side], draws->count * 4);
}

int sample_results_draws(sample_results *results, const sample_draws *draws)
{
    int status = EXIT_DONE;
    switch (results->options->format) {
    case SAMPLE_TEXT: status = write_text(results, draws); break;
    case SAMPLE_JSON: status = write_json(results, draws); break;
    case SAMPLE_NPY:
        status = output_write(results->main, draws->tokens, draws->count * sizeof(int32_t));
        break;
    }
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        status = write_side(results, draws, i);
    }
    return status;
}

int sample_results_probs(sample_results *results, const float *probs, size_t count)
{
    const size_t bytes = count * results->logits->vocab * sizeof *probs;
    return output_write(results->sides[SIDE_PROBS], probs, bytes);
}

/* --- The end ----------------------------------------------------------------------------- */

/* A full disk is met here, before the first file has got its name. */
static int flush_all(const sample_results *results)
{
    int status = output_flush(results->main);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        if (results->sides[i] != NULL) status = output_flush(results->sides[i]);
    }
    return status;
}

static int commit(output **out)
{
    output *const chosen = *out;
    *out = NULL;
    return chosen == NULL ? EXIT_DONE : output_commit(chosen);
}

int sample_results_commit(sample_results *results)
{
    int status = EXIT_DONE;
    if (results->options->format == SAMPLE_JSON) {
        status = output_print(results->main, "%s]\n", results->rows_begun > 0 ? "\n" : "");
    }
    if (status == EXIT_DONE) status = flush_all(results);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        status = commit(&results->sides[i]);
    }
    return status == EXIT_DONE ? commit(&results->main) : status;
}

void sample_results_free(sample_results *results)
{
    if (results == NULL) return;
    output_discard(results->main);
    for (unsigned i = 0; i < SIDES; i++) {
        output_discard(results->sides[i]);
        free(results->row_sides[i]);
    }
    free(results);
}
