/* SPDX-License-Identifier: ISC */
#include "deadlines.h"

#include <assert.h>
#include <stddef.h>

/* The earlier one takes the other as a child. Neither has siblings; either may be NULL. */
static struct deadline *deadline_meld(struct deadline *a, struct deadline *b)
{
	struct deadline *earlier = a;
	struct deadline *later = b;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (b->due < a->due) {
		earlier = b;
		later = a;
	}
	later->previous = earlier;
	later->next = earlier->child;
	if (later->next != NULL)
		later->next->previous = later;
	earlier->child = later;
	return earlier;
}

static struct deadline *deadline_take_first(struct deadline **list)
{
	struct deadline *first = *list;

	if (first == NULL)
		return NULL;
	*list = first->next;
	first->next = first->previous = NULL;
	return first;
}

/* Siblings into one: in pairs from the first to the last, then the pairs from the last to the
 * first. */
static struct deadline *deadline_merge(struct deadline *siblings)
{
	struct deadline *pairs = NULL;
	struct deadline *merged = NULL;

	while (siblings != NULL) {
		struct deadline *one = deadline_take_first(&siblings);
		struct deadline *pair = deadline_meld(one, deadline_take_first(&siblings));

		pair->next = pairs;
		pairs = pair;
	}
	while (pairs != NULL)
		merged = deadline_meld(deadline_take_first(&pairs), merged);
	return merged;
}

static void deadline_cut(struct deadline *deadline)
{
	struct deadline *previous = deadline->previous;

	if (previous->child == deadline)
		previous->child = deadline->next;
	else
		previous->next = deadline->next;
	if (deadline->next != NULL)
		deadline->next->previous = previous;
}

void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t due)
{
	assert(due != 0);
	deadlines_unset(deadlines, deadline);
	deadline->due = due;
	deadlines->first = deadline_meld(deadlines->first, deadline);
}

void deadlines_unset(struct deadlines *deadlines, struct deadline *deadline)
{
	struct deadline *children = deadline->child;

	if (deadline->due == 0)
		return;
	if (deadlines->first == deadline)
		deadlines->first = deadline_merge(children);
	else {
		deadline_cut(deadline);
		deadlines->first = deadline_meld(deadlines->first, deadline_merge(children));
	}
	*deadline = (struct deadline){ .due = 0 };
}
