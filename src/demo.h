/* SPDX-License-Identifier: ISC */
/*
 * demo - adieu --demo: the first minute, with nothing prepared
 *
 * A certificate made in memory, a TLS and a plaintext listener on free ports
 * of 127.0.0.1, and behind them a small web server that says how a request
 * arrived. Everything between is the real thing: a configuration file like
 * any other, only that it has no name.
 */
#ifndef DEMO_H
#define DEMO_H

/* Runs until Ctrl-C; returns the exit status. */
int demo_run(void);

#endif
