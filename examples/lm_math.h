/* The arithmetic of lm.c, in an order of operations that no compiler flag for another
 * instruction set changes. */
#ifndef LM_MATH_H
#define LM_MATH_H

#include <stddef.h>

/* A matrix repacked so that neighbouring outputs are neighbouring in memory: outputs run in
 * vector lanes, and each sums its inputs one after the other. */
typedef struct {
    int outputs;
    int inputs;
    float *tiles;
} lm_matrix;

/* From rows of inputs floats, one row an output. Returns 0, or -1 without memory. */
int lm_matrix_pack(lm_matrix *matrix, const float *rows, int outputs, int inputs);
void lm_matrix_free(lm_matrix *matrix);

/* Copies what was row `output` before packing. */
void lm_matrix_row(const lm_matrix *matrix, int output, float *row);

/* y[r] = matrix x[r] for every row r. */
void lm_matrix_multiply(const lm_matrix *matrix, int rows, const float *const *x,
                        float *const *y);

float lm_exp(float x);

/* Sum of a[i] * b[i]; count is a multiple of LM_DOT_LANES. */
#define LM_DOT_LANES 8
float lm_dot(const float *a, const float *b, int count);

/* y = x / sqrt(mean of x squared + epsilon) * weight. */
void lm_norm(const float *x, const float *weight, float epsilon, int count, float *y);

/* Replaces scores by their softmax. */
void lm_softmax(float *scores, int count);

#endif
