/* SPDX-License-Identifier: ISC */
#include "scene.h"

const struct casting casting_any[CASTINGS] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },   { TLS_PLAIN, TLS1_2_VERSION, false },
	{ TLS_PLAIN, TLS1_3_VERSION, true },   { TLS_PLAIN, TLS1_3_VERSION, false },
	{ PLAIN_PLAIN, TLS1_3_VERSION, true }, { PLAIN_PLAIN, TLS1_3_VERSION, false },
	{ PLAIN_TLS, TLS1_2_VERSION, true },   { PLAIN_TLS, TLS1_2_VERSION, false },
	{ PLAIN_TLS, TLS1_3_VERSION, true },   { PLAIN_TLS, TLS1_3_VERSION, false },
	{ TLS_TLS, TLS1_2_VERSION, true },     { TLS_TLS, TLS1_2_VERSION, false },
	{ TLS_TLS, TLS1_3_VERSION, true },     { TLS_TLS, TLS1_3_VERSION, false },
};

const struct casting casting_tls[CASTINGS_TLS_ACTOR] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },  { TLS_PLAIN, TLS1_3_VERSION, true },
	{ PLAIN_TLS, TLS1_2_VERSION, false }, { PLAIN_TLS, TLS1_3_VERSION, false },
	{ TLS_TLS, TLS1_2_VERSION, true },    { TLS_TLS, TLS1_2_VERSION, false },
	{ TLS_TLS, TLS1_3_VERSION, true },    { TLS_TLS, TLS1_3_VERSION, false },
};

const struct casting casting_plain[CASTINGS_PLAIN_ACTOR] = {
	{ TLS_PLAIN, TLS1_2_VERSION, false },  { TLS_PLAIN, TLS1_3_VERSION, false },
	{ PLAIN_PLAIN, TLS1_3_VERSION, true }, { PLAIN_PLAIN, TLS1_3_VERSION, false },
	{ PLAIN_TLS, TLS1_2_VERSION, true },   { PLAIN_TLS, TLS1_3_VERSION, true },
};

const struct casting casting_tls_client[CASTINGS_TLS_CLIENT] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },
	{ TLS_PLAIN, TLS1_3_VERSION, true },
	{ TLS_TLS, TLS1_2_VERSION, true },
	{ TLS_TLS, TLS1_3_VERSION, true },
};

const struct casting casting_tls_backend[CASTINGS_TLS_BACKEND] = {
	{ PLAIN_TLS, TLS1_2_VERSION, false },
	{ PLAIN_TLS, TLS1_3_VERSION, false },
	{ TLS_TLS, TLS1_2_VERSION, false },
	{ TLS_TLS, TLS1_3_VERSION, false },
};

const struct casting casting_client[CASTINGS_CLIENT] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },   { TLS_PLAIN, TLS1_3_VERSION, true },
	{ PLAIN_PLAIN, TLS1_3_VERSION, true }, { PLAIN_TLS, TLS1_2_VERSION, true },
	{ PLAIN_TLS, TLS1_3_VERSION, true },   { TLS_TLS, TLS1_2_VERSION, true },
	{ TLS_TLS, TLS1_3_VERSION, true },
};
