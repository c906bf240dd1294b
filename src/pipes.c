/* SPDX-License-Identifier: ISC */
#include "pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void pipe_close(struct pipe *pipe)
{
	(void)close(pipe->in); /* Linux: gone whatever it says */
	(void)close(pipe->out);
	pipe->pipes->n--;
	free(pipe);
}

static struct pipe *pipe_make(struct pipes *pipes)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int ends[2];

	if (pipe == NULL)
		return NULL;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
		free(pipe);
		return NULL;
	}
	/* Where the user has too many pages in pipes it stays as it is, which does. */
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPES_SIZE);
	*pipe = (struct pipe){ .in = ends[1], .out = ends[0], .pipes = pipes };
	pipes->n++;
	return pipe;
}

void pipes_init(struct pipes *pipes)
{
	pipes->n = 0;
	pipes->idle = pipe_make(pipes);
}

void pipes_clear(struct pipes *pipes)
{
	if (pipes->idle != NULL)
		pipe_close(pipes->idle);
	pipes->idle = NULL;
}

struct pipe *pipe_take(struct pipes *pipes)
{
	struct pipe *pipe = pipes->idle;

	if (pipe == NULL)
		return pipes->n < PIPES_FDS / 2 ? pipe_make(pipes) : NULL;
	pipes->idle = NULL;
	return pipe;
}

void pipe_give_back(struct pipe *pipe)
{
	struct pipes *pipes;

	if (pipe == NULL)
		return;
	pipes = pipe->pipes;
	if (pipe->len == 0 && pipes->idle == NULL) {
		pipes->idle = pipe;
		return;
	}
	pipe_close(pipe);
	if (pipes->idle == NULL)
		pipes->idle = pipe_make(pipes);
}
