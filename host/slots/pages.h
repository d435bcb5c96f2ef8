/* pages.h - a pool of pages, and lists of them that grow, are cut and share pages. What is in a
 * page, and where, is its owner's. */
#ifndef LMSI_PAGES_H
#define LMSI_PAGES_H

#include "lmsample.h"

typedef struct lmsi_pages {
    uint32_t count;
    uint32_t each; /* positions of a page */
    uint32_t free_count;
    uint32_t used;     /* pages from this one on were never taken */
    uint32_t returned; /* how many were taken and are free again, ... */
    uint32_t *free;    /* ... and which: a stack */
    uint32_t *shares;  /* how many lists have each page */
    uint32_t *serials; /* how often each has been taken, modulo 2^32 */
} lmsi_pages;

/* Positions one after the other. Pages are shared with other lists up to, but never including,
 * one that is not full. */
typedef struct lmsi_page_list {
    uint32_t length; /* positions */
    uint32_t *pages; /* those in use first */
} lmsi_page_list;

/* Neighbouring positions of a list that are in one page. */
typedef struct lmsi_span {
    uint32_t page;
    uint32_t first; /* in the page */
    uint32_t count;
} lmsi_span;

/* Room for `count` pages, all free. */
lms_status lmsi_pages_make(lmsi_pages *p, uint32_t count, uint32_t each);
void lmsi_pages_free(lmsi_pages *p);

/* Pages that a list of that length takes for `count` positions more. */
uint32_t lmsi_pages_needed(const lmsi_pages *p, uint32_t length, uint32_t count);

/* Adds `count` positions to a list, with the pages that they need, which must be free. */
void lmsi_pages_grow(lmsi_pages *p, lmsi_page_list *list, uint32_t count);

/* Gives back what a list has beyond `length`. */
void lmsi_pages_trim(lmsi_pages *p, lmsi_page_list *list, uint32_t length);

/* Makes an empty list one of all full pages of another. */
void lmsi_pages_share(lmsi_pages *p, const lmsi_page_list *from, lmsi_page_list *to);

/* The longest span that begins at position `at`. */
lmsi_span lmsi_pages_span(const lmsi_pages *p, const lmsi_page_list *list, uint32_t at);

#endif
