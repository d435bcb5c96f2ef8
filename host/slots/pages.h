/* pages.h - which pages of a pool are free, and how many contexts share each of the others. */
#ifndef LMSI_PAGES_H
#define LMSI_PAGES_H

#include "lmsample.h"

typedef struct lmsi_pages {
    uint32_t count;
    uint32_t free_count;
    uint32_t used;     /* pages from here on were never taken: */
    uint32_t returned; /* of the free ones, those that were, ... */
    uint32_t *free;    /* ... a stack */
    uint32_t *shares;
    uint32_t *serials; /* how often each has been taken, modulo 2^32 */
} lmsi_pages;

/* Room for `count` pages, all free. Nothing to give back unless LMS_OK is returned. */
lms_status lmsi_pages_make(lmsi_pages *p, uint32_t count);
void lmsi_pages_free(lmsi_pages *p);

/* A free page; there is one. */
uint32_t lmsi_page_take(lmsi_pages *p);
void lmsi_page_share(lmsi_pages *p, uint32_t page);
void lmsi_page_drop(lmsi_pages *p, uint32_t page);

/* Pages for so many positions. */
uint32_t lmsi_pages_for(uint64_t positions);

#endif
