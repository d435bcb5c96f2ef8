/* contrastive/dots.cl - dot products of a tile of positions with a turn's candidates. Each
 * element of the context is read once for all candidates of a block, and each candidate's for
 * all positions of the tile.
 *
 * Three variants provide the same: for teams of one, half_dots.cl where registers have 8 lanes
 * and whole_dots.cl where they have 16; lane_dots.cl for others.
 *   LMS_POSITIONS       positions that a crew has in a tile
 *   lms_dots            a tile. The caller sets x, its positions; candidates, all of the turn;
 *                       k, their count; and padded, the width as stored
 *   lms_dots_tile()     is called once x is set
 *   lms_dots_block()    is called for each block of candidates then
 *   lms_dot_parts()     in teams of one, a product of that block, in eight parts
 *   sums                of lms_dots, in other teams: the own lane's products of that block, at
 *                       [position][LMS_SIDE_BY_SIDE] */
#pragma once
#include "contrastive/half_dots.cl"
#include "contrastive/lane_dots.cl"
#include "contrastive/whole_dots.cl"
