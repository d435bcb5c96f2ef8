/* slots.cl - the program of slots. */
#include "slots/probe.cl"
#include "slots/calls.cl"
