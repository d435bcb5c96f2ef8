/* products.c - the CPU time of the example model's arithmetic, and its bits. Compiled with
 * examples/lm_math.c by every compiler that compilers.sh finds.
 * Prints a line for each function: its name, nanoseconds a call, a hash of its results. */
#include "lm_math.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OUTPUTS = 1024,
    INPUTS = 256,
    ROWS = 30,
    TRIES = 7
};

typedef struct {
    lm_matrix matrix;
    const float *inputs[ROWS];
    float *outputs[ROWS];
} work;

static void fill(float *values, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 16777216.0f - 0.5f;
    }
}

static void multiply(work *w) { lm_matrix_multiply(&w->matrix, ROWS, w->inputs, w->outputs); }

static void dot(work *w)
{
    for (int row = 0; row < ROWS; row++) {
        w->outputs[row][0] = lm_dot(w->inputs[row], w->inputs[0], INPUTS);
    }
}

static void norm(work *w)
{
    for (int row = 0; row < ROWS; row++) {
        lm_norm(w->inputs[row], w->inputs[0], 1e-5f, INPUTS, w->outputs[row]);
    }
}

static void softmax(work *w)
{
    for (int row = 0; row < ROWS; row++) {
        memcpy(w->outputs[row], w->inputs[row], INPUTS * sizeof(float));
        lm_softmax(w->outputs[row], INPUTS);
    }
}

static uint32_t hash(const work *w)
{
    uint32_t sum = 0;
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < OUTPUTS; i++) {
            uint32_t bits;
            memcpy(&bits, &w->outputs[row][i], sizeof bits);
            sum = sum * 31u + bits;
        }
    }
    return sum;
}

/* The fastest of some tries: what else the machine does can only add. */
static void measure(const char *name, void (*call)(work *), work *w, int calls)
{
    double best = 1e9;
    for (int row = 0; row < ROWS; row++) {
        memset(w->outputs[row], 0, OUTPUTS * sizeof(float));
    }
    for (int i = 0; i < TRIES; i++) {
        clock_t start = clock();
        for (int j = 0; j < calls; j++) {
            call(w);
        }
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        best = seconds < best ? seconds : best;
    }
    printf("%s %.0f %08x\n", name, best / calls * 1e9, (unsigned)hash(w));
}

int main(void)
{
    static float weights[OUTPUTS * INPUTS], inputs[ROWS * INPUTS], outputs[ROWS * OUTPUTS];
    work w;
    fill(weights, sizeof weights / sizeof *weights);
    fill(inputs, sizeof inputs / sizeof *inputs);
    for (int row = 0; row < ROWS; row++) {
        w.inputs[row] = inputs + row * INPUTS;
        w.outputs[row] = outputs + row * OUTPUTS;
    }
    if (lm_matrix_pack(&w.matrix, weights, OUTPUTS, INPUTS) != 0) return EXIT_FAILURE;
    measure("multiply", multiply, &w, 60);
    measure("dot", dot, &w, 12000);
    measure("norm", norm, &w, 12000);
    measure("softmax", softmax, &w, 500);
    lm_matrix_free(&w.matrix);
    return EXIT_SUCCESS;
}
