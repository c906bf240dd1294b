/* SPDX-License-Identifier: ISC */
/*
 * crossing - a stage whose listeners have routes, and clients that ask for names
 *
 * Beside the stage's own listeners there are
 *
 *	names   routes admin, wild, tls, dead, staff, boss and stranger; the rest goes
 *	        to the plain door
 *	only    routes admin and wild; there is no rest
 *	strict  route admin; unknown-sni = reject
 *	closed  asks for a certificate; routes open, which does not, and same
 *
 * with names like admin.test, and files web.pem, boss.pem, revoked.pem, unknown.pem
 * and strangers.pem for clients to show; see crossing.c.
 */
#ifndef CROSSING_H
#define CROSSING_H

#include "scene.h"

/* For scene_case(). The doors that routes lead to, beside the stage's, want closing, too. */
void crossing_open(void);
void crossing_close(void);
struct door *crossing_admin_door(void);
struct door *crossing_wild_door(void);

/* Changes the first place in the configuration that says from, and has it reloaded. */
void crossing_reload(const char *from, const char *to);

struct crossing_call {
	const char *listener;
	const char *name;       /* NULL: none */
	SSL_SESSION *session;   /* to resume; NULL: none */
	SSL_CTX *tls;
};
struct peer *crossing_call(const struct crossing_call *call);

/*
 * It comes out at door, data goes both ways, both ends are good, and the relay's
 * line says these words. The second begins with a client of that version.
 */
void crossing_play(struct peer *client, struct door *door, const char *words);
void crossing_leads(int version, const char *listener, const char *name, struct door *door,
                    const char *words);

/* It hears this alert, the log says these words of the handshake, and no backend hears of it. */
void crossing_tells(struct peer *client, const char *alert, const char *words);

/* The same with a client of tls, which they take. The first returns what can be resumed. */
SSL_SESSION *crossing_comes_in(SSL_CTX *tls, const char *listener, const char *name,
                               SSL_SESSION *session, struct door *door, const char *words);
void crossing_refuses(SSL_CTX *tls, const char *listener, const char *name, SSL_SESSION *session,
                      const char *alert, const char *words);

#endif
