/* explain_svg.h - the parts of the drawing. */
#ifndef CLI_EXPLAIN_SVG_H
#define CLI_EXPLAIN_SVG_H

#include "explain.h"
#include "explain_terminal.h"

enum {
    SVG_WIDTH = 960,
    SVG_MARGIN = 28
};

typedef struct svg_picture {
    const explanation *e;
    output *out;
    double scale; /* the probability of a whole bar */
    int height;
} svg_picture;

/* Returns `escaped`. */
const char *svg_escape(const char *text, char *escaped, size_t size);

/* The table of the stages, which is the legend of the rest. */
int svg_print_stages(const svg_picture *p, int top);

/* The cumulative probability over the rank. */
int svg_print_plot(const svg_picture *p, int top, int height);

#endif
