#include "lm_math.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A vector is what one register holds on every x86-64 and AArch64. A wider one is taken apart
 * by the compiler, and gcc 14 does that through memory, at a tenth of the speed; left to
 * itself, a compiler may keep the sums in memory, or mix up lanes and rows. */
#define LANES 4
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* A tile is TILE outputs, summed for ROWS rows at once so that a loaded weight is used more
 * than once. These numbers suit sixteen registers. */
#define TILE (2 * LANES)
#define ROWS 4

typedef struct {
    lanes low;
    lanes high;
} tile_values;

int lm_matrix_pack(lm_matrix *matrix, const float *rows, int outputs, int inputs)
{
    size_t width = (size_t)inputs;
    size_t tiles = ((size_t)outputs + TILE - 1) / TILE;
    matrix->outputs = outputs;
    matrix->inputs = inputs;
    matrix->tiles = calloc(tiles * width * TILE, sizeof *matrix->tiles);
    if (matrix->tiles == NULL) {
        return -1;
    }
    for (size_t output = 0; output < (size_t)outputs; output++) {
        float *tile = matrix->tiles + output / TILE * width * TILE + output % TILE;
        for (size_t i = 0; i < width; i++) {
            tile[i * TILE] = rows[output * width + i];
        }
    }
    return 0;
}

void lm_matrix_free(lm_matrix *matrix)
{
    free(matrix->tiles);
    matrix->tiles = NULL;
}

void lm_matrix_row(const lm_matrix *matrix, int output, float *row)
{
    size_t width = (size_t)matrix->inputs;
    const float *tile = matrix->tiles + (size_t)(output / TILE) * width * TILE + output % TILE;
    for (size_t i = 0; i < width; i++) {
        row[i] = tile[i * TILE];
    }
}

static inline tile_values load_weights(const float *from)
{
    tile_values weights;
    memcpy(&weights, from, sizeof weights);
    return weights;
}

static inline void add_products(tile_values *sums, float x, tile_values weights)
{
    sums->low += x * weights.low;
    sums->high += x * weights.high;
}

/* One tile for ROWS rows, of which some may be the same. */
static void multiply_tile(const float *tile, int inputs, const float *const x[ROWS],
                          tile_values sums[ROWS])
{
    const float *x0 = x[0];
    const float *x1 = x[1];
    const float *x2 = x[2];
    const float *x3 = x[3];
    tile_values sum0 = {{0}, {0}};
    tile_values sum1 = sum0;
    tile_values sum2 = sum0;
    tile_values sum3 = sum0;
    for (int i = 0; i < inputs; i++) {
        tile_values weights = load_weights(tile + (size_t)i * TILE);
        add_products(&sum0, x0[i], weights);
        add_products(&sum1, x1[i], weights);
        add_products(&sum2, x2[i], weights);
        add_products(&sum3, x3[i], weights);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

void lm_matrix_multiply(const lm_matrix *matrix, int rows, const float *const *x,
                        float *const *y)
{
    for (int output = 0; output < matrix->outputs; output += TILE) {
        const float *tile = matrix->tiles + (size_t)output * (size_t)matrix->inputs;
        int left = matrix->outputs - output;
        size_t bytes = (size_t)(left < TILE ? left : TILE) * sizeof(float);
        for (int row = 0; row < rows; row += ROWS) {
            const float *group[ROWS];
            tile_values sums[ROWS];
            for (int i = 0; i < ROWS; i++) {
                group[i] = x[row + i < rows ? row + i : row];
            }
            multiply_tile(tile, matrix->inputs, group, sums);
            for (int i = 0; i < ROWS && row + i < rows; i++) {
                memcpy(y[row + i] + output, &sums[i], bytes);
            }
        }
    }
}

/* exp(x) = 2^n exp(r) with r of at most ln(2) / 2, where seven Taylor terms are exact to the
 * last bit but one. */
float lm_exp(float x)
{
    const float log2_e = 0x1.715476p+0f;
    const float ln2_high = 0x1.62ep-1f; /* few enough bits for n * ln2_high to be exact */
    const float ln2_low = 0x1.0bfbe8p-15f;
    x = x > -87.0f ? x : -87.0f; /* written so that a NaN, too, fits n's type */
    x = x < 88.0f ? x : 88.0f;
    float scaled = x * log2_e;
    int32_t n = (int32_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
    float r = (x - (float)n * ln2_high) - (float)n * ln2_low;
    float sum = 1.0f / 5040.0f;
    sum = sum * r + 1.0f / 720.0f;
    sum = sum * r + 1.0f / 120.0f;
    sum = sum * r + 1.0f / 24.0f;
    sum = sum * r + 1.0f / 6.0f;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    uint32_t bits = (uint32_t)(n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

float lm_dot(const float *a, const float *b, int count)
{
    float sums[LM_DOT_LANES] = {0};
    for (int i = 0; i < count; i += LM_DOT_LANES) {
        for (int lane = 0; lane < LM_DOT_LANES; lane++) {
            sums[lane] += a[i + lane] * b[i + lane];
        }
    }
    float low = (sums[0] + sums[4]) + (sums[2] + sums[6]);
    float high = (sums[1] + sums[5]) + (sums[3] + sums[7]);
    return low + high;
}

void lm_norm(const float *x, const float *weight, float epsilon, int count, float *y)
{
    float scale = 1.0f / sqrtf(lm_dot(x, x, count) / (float)count + epsilon);
    for (int i = 0; i < count; i++) {
        y[i] = x[i] * scale * weight[i];
    }
}

void lm_softmax(float *scores, int count)
{
    float largest = scores[0];
    for (int i = 1; i < count; i++) {
        largest = scores[i] > largest ? scores[i] : largest;
    }
    float sum = 0.0f;
    for (int i = 0; i < count; i++) {
        scores[i] = lm_exp(scores[i] - largest);
        sum += scores[i];
    }
    for (int i = 0; i < count; i++) {
        scores[i] /= sum;
    }
}
