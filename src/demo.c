/* SPDX-License-Identifier: ISC */
#include "demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "config.h"
#include "daemon.h"
#include "listener.h"
#include "log.h"
#include "relay.h"
#include "socket.h"
#include "tls_certificate.h"

enum {
	DEMO_ARRIVALS = 256, /* requests that may be on their way to the web server */
	/* More than a newcomer's browser opens, and their descriptors are had anywhere. */
	DEMO_CONNECTIONS = 256,
};

/* How a connection to the web server came about, by the port it comes from. */
struct arrival {
	uint16_t port;
	uint64_t id;
	const char *listener;
	const char *tls;
	const char *cipher;
};

struct demo {
	pthread_mutex_t lock;
	struct arrival arrivals[DEMO_ARRIVALS];
	unsigned n_arrivals;
	struct evhttp *http;
	int certificate;                /* memfd */
	int listening;                  /* the web server's descriptor */
	uint16_t port;
};

/* ---- the web server ---- */

/* In a worker's thread, before the first byte of the relay is carried. */
static void demo_on_relay(void *arg, const struct relay *relay)
{
	struct demo *demo = arg;
	const struct tls_facts *facts = socket_tls_facts(relay->client);
	const struct arrival arrival = {
		.port = socket_local_port(relay->backend),
		.id = relay->id,
		.listener = listener_config(relay->listener)->name,
		.tls = facts != NULL ? facts->version : "none",
		.cipher = facts != NULL ? facts->cipher : "none",
	};

	(void)pthread_mutex_lock(&demo->lock); /* a plain mutex does not fail */
	demo->arrivals[demo->n_arrivals++ % DEMO_ARRIVALS] = arrival;
	(void)pthread_mutex_unlock(&demo->lock);
}

static struct arrival demo_find(struct demo *demo, uint16_t port)
{
	struct arrival found = { .listener = "none", .tls = "none", .cipher = "none" };

	(void)pthread_mutex_lock(&demo->lock); /* a plain mutex does not fail */
	/* The newest of this port is the last one written. */
	for (unsigned i = 0; i < DEMO_ARRIVALS; i++) {
		const struct arrival *arrival =
			&demo->arrivals[(demo->n_arrivals + DEMO_ARRIVALS - 1 - i) % DEMO_ARRIVALS];

		if (arrival->port == port && port != 0) {
			found = *arrival;
			break;
		}
	}
	(void)pthread_mutex_unlock(&demo->lock);
	return found;
}

static void demo_on_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	char *host;
	ev_uint16_t port = 0;
	struct arrival arrival;

	if (body == NULL) {
		evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	evhttp_connection_get_peer(evhttp_request_get_connection(request), &host, &port);
	arrival = demo_find(arg, port);
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
	                        "text/plain; charset=utf-8");
	/* Without memory the answer is shorter. */
	(void)evbuffer_add_printf(body,
	                          "Hello. This request came through adieu " ADIEU_VERSION ".\n"
	                          "listener:  %s\n"
	                          "tls:       %s\n"
	                          "cipher:    %s\n"
	                          "relay:     %llu\n",
	                          arrival.listener, arrival.tls, arrival.cipher,
	                          (unsigned long long)arrival.id);
	evhttp_send_reply(request, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

/* The backend's port has to be known before the configuration is. */
static bool demo_listen(struct demo *demo)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	demo->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (demo->listening < 0 ||
	    bind(demo->listening, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(demo->listening, SOMAXCONN) != 0 ||
	    getsockname(demo->listening, (struct sockaddr *)&address, &len) != 0)
		return false;
	demo->port = ntohs(address.sin_port);
	return true;
}

static bool demo_serve(struct demo *demo, struct event_base *base)
{
	struct evhttp_bound_socket *bound = NULL;

	demo->http = evhttp_new(base);
	if (demo->http != NULL)
		bound = evhttp_accept_socket_with_handle(demo->http, demo->listening);
	if (bound == NULL)
		return false;
	demo->listening = -1; /* evhttp's now */
	evhttp_set_gencb(demo->http, demo_on_request, demo);
	/* That was tried already, but without a word if there was no memory for it. */
	return evconnlistener_enable(evhttp_bound_socket_get_listener(bound)) == 0;
}

/* ---- the proxy ---- */

/* In memory, yet with a path that a configuration can name. */
static bool demo_make_certificate(struct demo *demo)
{
	FILE *file;
	bool made;
	int fd;

	demo->certificate = memfd_create("adieu-demo-certificate", MFD_CLOEXEC);
	fd = demo->certificate >= 0 ? dup(demo->certificate) : -1;
	file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	made = tls_certificate_make(file);
	return fclose(file) == 0 && made;
}

/* An empty reason has been told already. */
static int demo_fail(const char *reason)
{
	if (*reason != '\0')
		(void)fprintf(stderr, "adieu --demo: %s\n", reason);
	return EXIT_FAILURE;
}

/* NULL: and it said why. */
static struct config *demo_configure(const struct demo *demo)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
	                   "[global]\n"
	                   "workers = 2\n"
	                   "drain-timeout = 1s\n"
	                   "max-connections = %d\n"
	                   "[listener:demo-tls]\n"
	                   "bind = 127.0.0.1:0\n"
	                   "cert = /proc/self/fd/%d\n"
	                   "backend = 127.0.0.1:%u\n"
	                   "[listener:demo-plain]\n"
	                   "mode = tcp\n"
	                   "bind = 127.0.0.1:0\n"
	                   "backend = 127.0.0.1:%u\n",
	                   DEMO_CONNECTIONS, demo->certificate, demo->port, demo->port);
	FILE *file = fmemopen(text, (size_t)len, "r");
	struct config *config;

	if (file == NULL) {
		(void)demo_fail("out of memory");
		return NULL;
	}
	config = config_read(file, "demo", stderr);
	(void)fclose(file); /* only read from */
	return config;
}

static void demo_greet(const struct daemon *daemon)
{
	const unsigned tls = ntohs(daemon_address(daemon, 0)->in.sin_port);
	const unsigned plain = ntohs(daemon_address(daemon, 1)->in.sin_port);

	(void)printf(
		"adieu " ADIEU_VERSION ": a TLS listener, a plaintext listener, and a web server "
		"behind both.\n"
		"Try these in another terminal, and look at what the log says here:\n"
		"\n"
		"  curl -k https://127.0.0.1:%u/\n"
		"  curl http://127.0.0.1:%u/\n"
		"  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect "
		"127.0.0.1:%u\n"
		"\n"
		"and this one, which goes away without close_notify:\n"
		"\n"
		"  timeout -s KILL 1 openssl s_client -quiet -connect 127.0.0.1:%u </dev/null\n"
		"\n"
		"Ctrl-C ends it.\n\n",
		tls, plain, tls, tls);
	(void)fflush(stdout); /* a closed stdout is the reader's business */
}

static int demo_run_daemon(struct demo *demo, struct daemon *daemon)
{
	char reason[TLS_REASON_ROOM];

	if (!demo_serve(demo, daemon_base(daemon)))
		return demo_fail("cannot serve: out of memory or descriptors");
	demo_greet(daemon);
	return daemon_run(daemon, reason) ? EXIT_SUCCESS : demo_fail(reason);
}

/* Takes config. */
static int demo_with_config(struct demo *demo, struct config *config)
{
	const struct observer observer = { demo_on_relay, demo };
	char reason[TLS_REASON_ROOM];
	struct daemon *daemon = daemon_new(NULL, config, &observer, reason);
	int status;

	if (daemon == NULL)
		return demo_fail(reason);
	status = demo_run_daemon(demo, daemon);
	if (demo->http != NULL)
		evhttp_free(demo->http);
	daemon_free(daemon);
	return status;
}

int demo_run(void)
{
	struct demo demo = { .lock = PTHREAD_MUTEX_INITIALIZER,
		             .certificate = -1,
		             .listening = -1 };
	struct config *config = NULL;
	const char *reason = NULL;
	int status = EXIT_FAILURE;

	if (!demo_make_certificate(&demo))
		status = demo_fail("cannot make a certificate: out of memory or descriptors");
	else if (!demo_listen(&demo))
		status = demo_fail(strerror(errno));
	else if ((config = demo_configure(&demo)) == NULL)
		status = EXIT_FAILURE; /* and it said why */
	else if ((reason = log_open(&config->log)) != NULL) {
		status = demo_fail(reason);
		config_free(config);
	} else {
		status = demo_with_config(&demo, config);
		log_close();
	}
	if (demo.listening >= 0)
		(void)close(demo.listening);
	if (demo.certificate >= 0)
		(void)close(demo.certificate);
	return status;
}
