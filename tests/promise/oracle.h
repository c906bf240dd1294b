/* SPDX-License-Identifier: ISC */
/*
 * oracle - what the two peers of a relay may have seen, and must have
 *
 * Knows nothing of adieu but its one promise and what the manual says of it.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "slot.h"

/* What is wrong with a relay that is over; NULL: nothing. Lives until the next call. */
const char *oracle_judge(const struct slot *slot);

#endif
