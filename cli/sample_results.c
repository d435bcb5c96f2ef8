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
    float *row_logprobs; /* of the row that JSON is at, for its end */
    float *row_raw_logprobs;
    int32_t row_kept;
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
    switch (side) {
    case SIDE_KEPT: return write_header(results, *out, NPY_INT32, 0, false);
    case SIDE_PROBS:
        return write_header(results, *out, NPY_FLOAT32, results->logits->vocab, true);
    default:
        return write_header(results, *out, NPY_FLOAT32, options->draws, options->has_draws);
    }
}

static int open_all(sample_results *results)
{
    const sample_options *const options = results->options;
    int status = open_main(results);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        status = open_side(results, (sample_side)i);
    }
    if (status != EXIT_DONE || !options->has_details) return status;
    results->row_logprobs = calloc((size_t)options->draws, sizeof(float));
    results->row_raw_logprobs = calloc((size_t)options->draws, sizeof(float));
    if (results->row_logprobs != NULL && results->row_raw_logprobs != NULL) return EXIT_DONE;
    return fail_memory("the details of a row");
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
    if (results->options->has_details) results->row_kept = draws->kept[i];
    if (!sampling_is_greedy(&draws->params[i])) {
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
static int print_floats(const sample_results *results, const char *name, const float *values)
{
    const uint64_t count = results->options->draws;
    int status = output_print(results->main, ", \"%s\": [", name);
    for (uint64_t i = 0; i < count && status == EXIT_DONE; i++) {
        const char *const separator = i > 0 ? ", " : "";
        status = isfinite(values[i])
                     ? output_print(results->main, "%s%.9g", separator, (double)values[i])
                     : output_print(results->main, "%snull", separator);
    }
    return status == EXIT_DONE ? output_write(results->main, "]", 1) : status;
}

static int end_object(const sample_results *results)
{
    int status = output_write(results->main, "]", 1);
    if (status == EXIT_DONE && results->options->has_details) {
        status = print_floats(results, "logprobs", results->row_logprobs);
        if (status == EXIT_DONE) {
            status = print_floats(results, "raw_logprobs", results->row_raw_logprobs);
        }
        if (status == EXIT_DONE) {
            status = output_print(results->main, ", \"kept\": %d", (int)results->row_kept);
        }
    }
    return status == EXIT_DONE ? output_write(results->main, "}", 1) : status;
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
        if (results->options->has_details) {
            results->row_logprobs[draw] = draws->logprobs[i];
            results->row_raw_logprobs[draw] = draws->raw_logprobs[i];
        }
        if (++draw == per_row) {
            draw = 0;
            row++;
            if (status == EXIT_DONE) status = end_object(results);
        }
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

/* It is one for all draws of a row. */
static int write_kept(const sample_results *results, const sample_draws *draws)
{
    const uint64_t per_row = results->options->draws;
    size_t i = draws->draw == 0 ? 0 : (size_t)(per_row - draws->draw);
    int status = EXIT_DONE;
    for (; i < draws->count && status == EXIT_DONE; i += (size_t)per_row) {
        status = output_write(results->sides[SIDE_KEPT], &draws->kept[i], sizeof *draws->kept);
    }
    return status;
}

int sample_results_draws(sample_results *results, const sample_draws *draws)
{
    output *const *const sides = results->sides;
    const size_t bytes = draws->count * 4; /* int32_t or float */
    int status = EXIT_DONE;
    switch (results->options->format) {
    case SAMPLE_TEXT: status = write_text(results, draws); break;
    case SAMPLE_JSON: status = write_json(results, draws); break;
    case SAMPLE_NPY: status = output_write(results->main, draws->tokens, bytes); break;
    }
    if (status == EXIT_DONE && sides[SIDE_LOGPROBS] != NULL) {
        status = output_write(sides[SIDE_LOGPROBS], draws->logprobs, bytes);
    }
    if (status == EXIT_DONE && sides[SIDE_RAW_LOGPROBS] != NULL) {
        status = output_write(sides[SIDE_RAW_LOGPROBS], draws->raw_logprobs, bytes);
    }
    if (status == EXIT_DONE && sides[SIDE_KEPT] != NULL) status = write_kept(results, draws);
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
    for (unsigned i = 0; i < SIDES; i++) output_discard(results->sides[i]);
    free(results->row_logprobs);
    free(results->row_raw_logprobs);
    free(results);
}
