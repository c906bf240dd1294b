/* SPDX-License-Identifier: ISC */
/*
 * talk - what load and serve say to each other
 *
 * A client speaks in requests of 128 bytes. The first byte says what it wants;
 * the first two may be followed by further requests, the others are the last one:
 *
 *   E   the same 128 bytes back
 *   P   a page: 64 KiB
 *   D   a download: bytes without end, until the client goes away
 *   U   an upload: what follows is counted, and each full MiB is answered by
 *       one byte, so that the client knows what has arrived
 */
#ifndef BENCH_TALK_H
#define BENCH_TALK_H

enum {
	TALK_ECHO = 'E',
	TALK_PAGE = 'P',
	TALK_DOWNLOAD = 'D',
	TALK_UPLOAD = 'U',

	TALK_LEN = 128,
	TALK_PAGE_LEN = 64 << 10,
	TALK_MIB = 1 << 20,
	TALK_CHUNK = 64 << 10, /* offered to a read or write in bulk; TLS takes 16 KiB of it */
	TALK_TURN = 256 << 10, /* bytes after which another connection is served */
};

#endif
