/* SPDX-License-Identifier: ISC */
/*
 * When the network gives up on a peer, nobody ended anything: the other side
 * gets what came before, and a RST.
 */
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scene.h"

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

START_TEST(one_who_cannot_be_reached_any_more_is_lost)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_wait_data(scene->other, 100);
	daemon_lose_patience(stage_daemon(), peer_fd(scene->actor));
	peer_vanish(scene->actor);
	peer_send(scene->other, 50);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=lost other-end=sink-gone first=actor "
	                                "actor-sent=100 other-sent=50");
	scene_expect_no_log(scene, "event=truncation");
}
END_TEST

START_TEST(one_who_ended_well_before_was_not_lost)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100 end");
	daemon_lose_patience(stage_daemon(), peer_fd(scene->actor));
	peer_vanish(scene->actor);
	peer_send(scene->other, 50);
	peer_end(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=100");
	peer_expect(scene->other, "data:100 end");
}
END_TEST

/* ---- a router that does not know the way ---- */

/* What it sends back: the head of what it could not forward. */
struct complaint {
	struct icmphdr icmp;
	struct iphdr ip;
	uint16_t source;
	uint16_t dest;
	uint32_t seq;
} __attribute__((packed));

/* RFC 1071 */
static uint16_t checksum(const void *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t word;

		memcpy(&word, (const char *)data + i, sizeof(word));
		sum += word;
	}
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* What its kernel waits for, which is what adieu's will send next. */
static uint32_t next_of(int fd)
{
	const int on = 1;
	const int off = -1; /* TCP_REPAIR_OFF_NO_WP */
	const int queue = TCP_RECV_QUEUE;
	uint32_t seq = 0;
	socklen_t len = sizeof(seq);

	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)), 0);
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, &len), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)), 0);
	return seq;
}

/* To adieu, of what it sent to fd. */
static void complain(int raw, int fd)
{
	struct sockaddr_in to;
	struct sockaddr_in from;
	socklen_t len = sizeof(to);
	struct complaint complaint = {
		.icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_HOST_UNREACH },
		.ip = { .version = 4, .ihl = 5, .ttl = 1, .protocol = IPPROTO_TCP },
		.seq = htonl(next_of(fd)),
	};

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&from, &len), 0);
	complaint.ip.saddr = from.sin_addr.s_addr;
	complaint.ip.daddr = to.sin_addr.s_addr;
	complaint.ip.tot_len = htons(sizeof(complaint) - sizeof(complaint.icmp));
	complaint.source = from.sin_port;
	complaint.dest = to.sin_port;
	complaint.icmp.checksum = checksum(&complaint, sizeof(complaint));
	from.sin_port = 0;
	ck_assert_int_eq(sendto(raw, &complaint, sizeof(complaint), 0, (struct sockaddr *)&from,
	                        sizeof(from)),
	                 sizeof(complaint));
}

START_TEST(one_who_cannot_be_reached_for_a_moment_is_not_lost)
{
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct scene *scene;

	if (raw < 0) {
		ck_assert_int_eq(errno, EPERM); /* only root may be a router */
		return;
	}
	scene = scene_open(&casting_tls[_i]);
	peer_send(scene->actor, 100);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100 end");
	complain(raw, peer_fd(scene->actor));
	(void)close(raw);
	peer_send(scene->other, 1000);
	peer_wait_data(scene->actor, 1000);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:1000 end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end first=actor");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lost");
	TCase *tcase = scene_case(suite, "a peer that the network lost", open_stage);

	tcase_add_loop_test(tcase, one_who_cannot_be_reached_any_more_is_lost, 0, CASTINGS);
	tcase_add_loop_test(tcase, one_who_ended_well_before_was_not_lost, 0, CASTINGS);
	tcase_add_loop_test(tcase, one_who_cannot_be_reached_for_a_moment_is_not_lost, 0,
	                    CASTINGS_TLS_ACTOR);
	scene_last(tcase);
	return scene_run(suite);
}
