/* kernels.c - what the kernels of a contrastive search are told. */
#include "contrastive/contrastive.h"

#define HIDDEN(kind, name) LMSI_MEMBER(kind, lmsi_hidden, name)
#define APPEND(kind, name) LMSI_MEMBER(kind, lmsi_append, name)
#define SELECT(kind, name) LMSI_MEMBER(kind, lmsi_select, name)
#define COPY(kind, name) LMSI_MEMBER(kind, lmsi_copy, name)

#define LOGITS                                                                                 \
    LMSI_LOGITS_ARGUMENTS, LMSI_LOGITS_ROWS_ARGUMENT, LMSI_VOCAB_ARGUMENT,                     \
        LMSI_ENTRY("entries", LMSI_BUFFER, LMSI_CONTRASTIVE_ENTRIES)
#define INDEX LMSI_ENTRY("index", LMSI_OPTIONAL, offsetof(lmsi_propose, args.index_device))
#define STATES                                                                                 \
    HIDDEN(LMSI_VIEW, hidden), HIDDEN(LMSI_ULONG, stride), HIDDEN(LMSI_UINT, width),           \
        HIDDEN(LMSI_UINT, padded)
#define PAGES                                                                                  \
    HIDDEN(LMSI_MEM, states), HIDDEN(LMSI_MEM, inverses_kept), HIDDEN(LMSI_UINT, first_page),  \
        LMSI_ENTRY("pages", LMSI_BUFFER, LMSI_CONTRASTIVE_PAGES)

#define ROWS                                                                                   \
    LOGITS, LMSI_ROWS_ARGUMENT, INDEX, LMSI_ROW_PASS_ARGUMENTS,                                \
        LMSI_ENTRY("picks", LMSI_BUFFER, LMSI_CONTRASTIVE_PICKS),                              \
        LMSI_GIVEN(LMSI_VIEW, lmsi_propose, tokens),                                           \
        LMSI_GIVEN(LMSI_VIEW, lmsi_propose, probs),                                            \
        LMSI_GIVEN(LMSI_OPTIONAL, lmsi_propose, status),                                       \
        LMSI_ENTRY("proposals", LMSI_BUFFER, LMSI_CONTRASTIVE_PROPOSALS)
#define REQUESTS LMSI_REQUEST_ARGUMENTS(lmsi_propose, LMSI_CONTRASTIVE_OF_REQUESTS)

static const lmsi_argument tile_arguments[] = {LOGITS, INDEX, LMSI_TILE_PASS_ARGUMENTS};
static const lmsi_argument row_arguments[] = {ROWS};

/* With requests. */
static const lmsi_argument tile_request_arguments[] = {LOGITS, INDEX, LMSI_TILE_PASS_ARGUMENTS,
                                                       REQUESTS};
static const lmsi_argument row_request_arguments[] = {ROWS, REQUESTS};
static const lmsi_argument patch_arguments[] = {LOGITS, INDEX, REQUESTS};

static const lmsi_argument prepare_arguments[] = {
    LMSI_LOGITS_ROWS_ARGUMENT,
    LMSI_VOCAB_ARGUMENT,
    LMSI_SEARCH_ROWS_ARGUMENTS(lmsi_propose),
    LMSI_PREPARE_ARGUMENTS(lmsi_propose, LMSI_CONTRASTIVE_OF_REQUESTS),
};

static const lmsi_argument append_arguments[] = {
    STATES,
    {"runs", LMSI_BUFFER, LMSI_CONTRASTIVE_RUNS},
    APPEND(LMSI_UINT, first_run),
    APPEND(LMSI_UINT, marked),
    APPEND(LMSI_MEM, chosen),
    APPEND(LMSI_UINT, has_chosen),
    PAGES,
};

static const lmsi_argument copy_arguments[] = {
    COPY(LMSI_MEM, from),         COPY(LMSI_MEM, from_inverses),
    COPY(LMSI_UINT, from_first),  COPY(LMSI_UINT, from_page),
    COPY(LMSI_UINT, from_serial), COPY(LMSI_MEM, to),
    COPY(LMSI_MEM, to_inverses),  COPY(LMSI_UINT, to_first),
    COPY(LMSI_UINT, to_page),     COPY(LMSI_UINT, to_serial),
    COPY(LMSI_UINT, padded),      {"pages", LMSI_BUFFER, LMSI_CONTRASTIVE_PAGES},
};

static const lmsi_argument own_arguments[] = {
    STATES,
    {"turns", LMSI_BUFFER, LMSI_CONTRASTIVE_TURNS},
    {"candidates", LMSI_BUFFER, LMSI_CONTRASTIVE_CANDIDATES},
    {"inverses", LMSI_BUFFER, LMSI_CONTRASTIVE_INVERSES},
};

static const lmsi_argument scan_arguments[] = {
    {"pieces", LMSI_BUFFER, LMSI_CONTRASTIVE_PIECES},
    SELECT(LMSI_UINT, first_piece),
    {"turns", LMSI_BUFFER, LMSI_CONTRASTIVE_TURNS},
    HIDDEN(LMSI_UINT, padded),
    {"candidates", LMSI_BUFFER, LMSI_CONTRASTIVE_CANDIDATES},
    PAGES,
    {"best", LMSI_BUFFER, LMSI_CONTRASTIVE_BEST},
    SELECT(LMSI_UINT, max_pieces),
    {"piece_status", LMSI_BUFFER, LMSI_CONTRASTIVE_PIECE_STATUS},
};

static const lmsi_argument choose_arguments[] = {
    {"turns", LMSI_BUFFER, LMSI_CONTRASTIVE_TURNS},
    {"proposals", LMSI_BUFFER, LMSI_CONTRASTIVE_PROPOSALS},
    {"inverses", LMSI_BUFFER, LMSI_CONTRASTIVE_INVERSES},
    {"best", LMSI_BUFFER, LMSI_CONTRASTIVE_BEST},
    SELECT(LMSI_UINT, max_pieces),
    {"piece_status", LMSI_BUFFER, LMSI_CONTRASTIVE_PIECE_STATUS},
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, tokens),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, probs),
    SELECT(LMSI_UINT, wanted),
    {"chosen", LMSI_BUFFER, LMSI_CONTRASTIVE_CHOSEN},
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, next),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, rows),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, scores),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, penalties),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, row_scores),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, row_penalties),
    LMSI_GIVEN(LMSI_VIEW, lmsi_select, status),
};

/* The kernels of states, of searches with and without requests. */
#define STATES_KERNELS                                                                         \
    [LMSI_CONTRASTIVE_APPEND] = {.name = "lms_context_append",                                 \
                                 .arguments = LMSI_ARGUMENTS(append_arguments),                \
                                 .program = 1},                                                \
    [LMSI_CONTRASTIVE_COPY] = {.name = "lms_context_copy",                                     \
                               .arguments = LMSI_ARGUMENTS(copy_arguments),                    \
                               .program = 1},                                                  \
    [LMSI_CONTRASTIVE_OWN] = {.name = "lms_context_candidates",                                \
                              .arguments = LMSI_ARGUMENTS(own_arguments),                      \
                              .program = 1},                                                   \
    [LMSI_CONTRASTIVE_SCAN] = {.name = "lms_context_scan",                                     \
                               .arguments = LMSI_ARGUMENTS(scan_arguments),                    \
                               .program = 1},                                                  \
    [LMSI_CONTRASTIVE_CHOOSE] = {.name = "lms_context_choose",                                 \
                                 .arguments = LMSI_ARGUMENTS(choose_arguments),                \
                                 .program = 1}

const lmsi_kernel lmsi_contrastive_kernels[LMSI_CONTRASTIVE_PREPARE] = {
    [LMSI_TILES] = {.name = "lms_contrastive_tiles",
                    .arguments = LMSI_ARGUMENTS(tile_arguments)},
    [LMSI_ROWS] = {.name = "lms_contrastive_rows", .arguments = LMSI_ARGUMENTS(row_arguments)},
    STATES_KERNELS,
};

const lmsi_kernel lmsi_contrastive_request_kernels[LMSI_CONTRASTIVE_KERNELS] = {
    [LMSI_TILES] = {.name = "lms_contrastive_tiles",
                    .arguments = LMSI_ARGUMENTS(tile_request_arguments)},
    [LMSI_ROWS] = {.name = "lms_contrastive_rows",
                   .arguments = LMSI_ARGUMENTS(row_request_arguments)},
    STATES_KERNELS,
    [LMSI_CONTRASTIVE_PREPARE] = {.name = "lms_prepare",
                                  .arguments = LMSI_ARGUMENTS(prepare_arguments),
                                  .program = 2},
    [LMSI_CONTRASTIVE_PATCH] = {.name = "lms_contrastive_patch",
                                .arguments = LMSI_ARGUMENTS(patch_arguments),
                                .in_teams = 1},
};

_Static_assert((int)LMSI_CONTRASTIVE_BUFFERS <= LMSI_MOST_BUFFERS &&
                   (int)LMSI_CONTRASTIVE_KERNELS <= LMSI_MOST_KERNELS,
               "an operator has room for them");
