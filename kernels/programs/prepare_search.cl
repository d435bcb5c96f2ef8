/* prepare_search.cl - the program of what is prepared for a search's rows with requests. */
#define LMS_SEARCH_ROWS
#include "edits/probe.cl"
#include "edits/prepare.cl"
