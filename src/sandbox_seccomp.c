/* SPDX-License-Identifier: ISC */
/*
 * Which system calls are there. What a thread does not need answers ENOSYS, as
 * a kernel that does not have it would: libraries try what is new before they
 * fall back, and a C library of next year shall not be a reason to die. What
 * only an intruder calls ends the process, and the kernel's log says by what.
 *
 * Of calls that are made all the time no argument is looked at, for then the
 * kernel knows beforehand that they pass, and does not run the filter. What is
 * left are 40 ns for each call, 2 % of what an echo costs, and under systemd's own
 * filters they are paid already.
 *
 * An upgrade's new process begins life with the filter of the main thread, and
 * may be a later version with other libraries; so may a module of the name
 * service be anything. That list is one of harmless calls, and not just of those made.
 */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <seccomp.h>

#include "sandbox_impl.h"

/* LeakSanitizer, which comes with AddressSanitizer, stops what runs at the end as debuggers do. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SECCOMP_FOR_DEBUGGING SCMP_ACT_ALLOW
#else
#define SECCOMP_FOR_DEBUGGING SCMP_ACT_KILL_PROCESS
#endif

/* Names with spaces between. What this processor or libseccomp does not know is passed over. */
static const char seccomp_for_all[] =
	/* memory */
	"brk madvise mremap munmap "
	/* threads, time */
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 exit exit_group futex futex_time64 getcpu getpid gettid "
	"gettimeofday nanosleep restart_syscall rseq sched_getaffinity sched_yield "
	"set_robust_list time "
	/* signals */
	"rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack sigreturn "
	/* what is open */
	"close fcntl fcntl64 getrandom poll ppoll ppoll_time64 read readv write writev "
	/* sockets */
	"connect getsockopt send sendmsg sendto setsockopt";

static const char seccomp_for_workers[] =
	"accept accept4 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait getpeername getsockname "
	"pipe pipe2 recv recvfrom recvmsg shutdown splice";

/* And what the others have. */
static const char seccomp_for_main[] =
	/* files */
	"_llseek access arm_fadvise64_64 close_range faccessat faccessat2 fadvise64 fadvise64_64 "
	"fchmod fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
	"ftruncate64 getcwd getdents getdents64 inotify_add_watch inotify_init inotify_init1 "
	"inotify_rm_watch lseek lstat lstat64 memfd_create name_to_handle_at newfstatat open "
	"openat "
	"openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 readahead readlink readlinkat "
	"stat "
	"stat64 statfs statfs64 statx umask unlink unlinkat "
	/* descriptors and sockets */
	"_newselect bind dup dup2 dup3 epoll_create epoll_create1 eventfd eventfd2 listen "
	"pselect6 pselect6_time64 recvmmsg recvmmsg_time64 select sendfile sendfile64 sendmmsg "
	"signalfd signalfd4 socketpair timerfd_create timerfd_gettime timerfd_gettime64 "
	"timerfd_settime timerfd_settime64 "
	/* accounts */
	"capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
	"getresgid getresgid32 getresuid getresuid32 getuid getuid32 setgid setgid32 setgroups "
	"setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid "
	"setreuid32 setuid setuid32 "
	/* processes */
	"alarm arch_prctl cacheflush execve fork get_robust_list getitimer getpgid getpgrp "
	"getppid getpriority getrlimit getrusage getsid membarrier mincore msync pause "
	"pidfd_open pidfd_send_signal prctl "
	"prlimit64 riscv_flush_icache rt_sigpending rt_sigsuspend rt_sigtimedwait "
	"rt_sigtimedwait_time64 sched_get_priority_max sched_get_priority_min sched_getparam "
	"sched_getscheduler set_thread_area set_tid_address set_tls setitimer setrlimit sysinfo "
	"tgkill times ugetrlimit uname vfork wait4 waitid waitpid "
	/* another sandbox on top */
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp";

/* For nobody; what an intruder tries. */
static const char seccomp_deadly[] =
	"acct bpf chroot clock_settime clock_settime64 create_module delete_module finit_module "
	"fsconfig fsmount fsopen init_module ioperm iopl kexec_file_load kexec_load mount "
	"mount_setattr move_mount open_tree perf_event_open pivot_root process_vm_readv "
	"process_vm_writev reboot setns settimeofday swapoff swapon umount umount2 unshare "
	"userfaultfd";

static const char seccomp_debugging[] = "ptrace";

/* The main thread does it for an upgrade. */
static const char seccomp_running[] = "execve execveat";

/* ---- a filter, and the first error in its making ---- */

struct seccomp_making {
	scmp_filter_ctx filter;
	int error; /* errno; 0: none */
};

static void seccomp_note(struct seccomp_making *making, int result)
{
	if (making->error == 0 && result < 0)
		making->error = -result;
}

static void seccomp_add(struct seccomp_making *making, uint32_t action, const char *names)
{
	char name[32];

	for (; *names != '\0'; names += strspn(names, " ")) {
		const size_t len = strcspn(names, " ");
		int call;

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, names);
		names += len;
		call = seccomp_syscall_resolve_name(name);
		if (call != __NR_SCMP_ERROR)
			seccomp_note(making, seccomp_rule_add(making->filter, action, call, 0));
	}
}

static struct scmp_arg_cmp seccomp_is(unsigned argument, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){ .arg = argument, .op = SCMP_CMP_EQ, .datum_a = value };
}

/* Of its bits those in mask. */
static struct scmp_arg_cmp seccomp_has(unsigned argument, scmp_datum_t mask, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){
		.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value
	};
}

/* Once more for each kind of arguments it may have. */
static void seccomp_allow(struct seccomp_making *making, const char *name, unsigned n,
                          const struct scmp_arg_cmp *arguments)
{
	const int call = seccomp_syscall_resolve_name(name);

	if (call != __NR_SCMP_ERROR)
		seccomp_note(making, seccomp_rule_add_array(making->filter, SCMP_ACT_ALLOW, call, n,
		                                            arguments));
}

/* ---- calls that depend on their arguments ---- */

/* What can be written is not executed, and only the main thread loads libraries. */
static void seccomp_allow_memory(struct seccomp_making *making, enum sandbox_role role)
{
	const struct scmp_arg_cmp data = seccomp_has(2, PROT_EXEC, 0);
	const struct scmp_arg_cmp code = seccomp_has(2, PROT_EXEC | PROT_WRITE, PROT_EXEC);

#ifdef __s390__
	seccomp_allow(making, "mmap", 0, NULL); /* its arguments are in memory */
#else
	seccomp_allow(making, "mmap", 1, &data);
	if (role == SANDBOX_MAIN)
		seccomp_allow(making, "mmap", 1, &code);
#endif
	seccomp_allow(making, "mmap2", 1, &data);
	if (role == SANDBOX_MAIN)
		seccomp_allow(making, "mmap2", 1, &code);
	seccomp_allow(making, "mprotect", 1, &data);
}

static void seccomp_allow_sockets(struct seccomp_making *making, enum sandbox_role role)
{
	static const struct {
		enum sandbox_role role;
		int family;
		int type; /* 0: any */
	} sockets[] = {
		{ SANDBOX_MAIN, AF_UNIX, 0 },
		{ SANDBOX_MAIN, AF_INET, 0 },
		{ SANDBOX_MAIN, AF_INET6, 0 },
		{ SANDBOX_MAIN, AF_NETLINK, 0 }, /* getaddrinfo(3) */
		{ SANDBOX_WORKER, AF_UNIX, SOCK_STREAM },
		{ SANDBOX_WORKER, AF_INET, SOCK_STREAM },
		{ SANDBOX_WORKER, AF_INET6, SOCK_STREAM },
		{ SANDBOX_LOG, AF_UNIX, SOCK_DGRAM },
	};
	const scmp_datum_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		const struct scmp_arg_cmp arguments[] = {
			seccomp_is(0, (scmp_datum_t)sockets[i].family),
			seccomp_has(1, ~flags, (scmp_datum_t)sockets[i].type),
		};

		if (sockets[i].role == role)
			seccomp_allow(making, "socket", sockets[i].type == 0 ? 1 : 2, arguments);
	}
}

/* Of drivers' thousands of orders these. */
static void seccomp_allow_ioctls(struct seccomp_making *making, enum sandbox_role role)
{
	static const unsigned long requests[] = {
		FIONREAD,    SIOCOUTQ, /* everybody's */
		FIONBIO,     FIOCLEX,      FIONCLEX,     TCGETS,      TIOCGWINSZ,
		SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFINDEX, SIOCGIFNAME, /* the name service's */
	};
	const size_t n = role == SANDBOX_MAIN ? sizeof(requests) / sizeof(requests[0]) : 2;

	for (size_t i = 0; i < n; i++) {
		const struct scmp_arg_cmp request = seccomp_is(1, requests[i]);

		seccomp_allow(making, "ioctl", 1, &request);
	}
}

/* Threads and children, but no namespaces. clone3 is not there: its flags cannot be seen. */
static void seccomp_allow_clone(struct seccomp_making *making)
{
	const scmp_datum_t spaces = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS |
	                            CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS;
#ifdef __s390__
	const struct scmp_arg_cmp none = seccomp_has(1, spaces, 0);
#else
	const struct scmp_arg_cmp none = seccomp_has(0, spaces, 0);
#endif

	seccomp_allow(making, "clone", 1, &none);
}

/* For abort(3). */
static void seccomp_allow_signals_to_us(struct seccomp_making *making)
{
	const struct scmp_arg_cmp ours = seccomp_is(0, (scmp_datum_t)getpid());

	seccomp_allow(making, "tgkill", 1, &ours);
}

/* ---- the roles ---- */

static void seccomp_make_main(struct seccomp_making *making)
{
	seccomp_add(making, SCMP_ACT_ALLOW, seccomp_for_workers);
	seccomp_add(making, SCMP_ACT_ALLOW, seccomp_for_main);
	seccomp_allow_clone(making);
	seccomp_add(making, SECCOMP_FOR_DEBUGGING, seccomp_debugging);
}

/* One that only serves. */
static void seccomp_make_other(struct seccomp_making *making, const char *names)
{
	seccomp_add(making, SCMP_ACT_ALLOW, names);
	seccomp_allow_signals_to_us(making);
	seccomp_add(making, SCMP_ACT_KILL_PROCESS, seccomp_running);
	seccomp_add(making, SCMP_ACT_KILL_PROCESS, seccomp_debugging);
}

static void seccomp_make_role(struct seccomp_making *making, enum sandbox_role role)
{
	switch (role) {
	case SANDBOX_MAIN:   seccomp_make_main(making); return;
	case SANDBOX_WORKER: seccomp_make_other(making, seccomp_for_workers); return;
	case SANDBOX_LOG:    seccomp_make_other(making, ""); return;
	}
	abort();
}

static void seccomp_make(struct seccomp_making *making, enum sandbox_role role)
{
	/* Errors of the kernel as they are. */
	seccomp_note(making, seccomp_attr_set(making->filter, SCMP_FLTATR_API_SYSRAWRC, 1));
	/* Calls of another ABI, of 32 bits for example. */
	seccomp_note(making, seccomp_attr_set(making->filter, SCMP_FLTATR_ACT_BADARCH,
	                                      SCMP_ACT_KILL_PROCESS));
	/* A binary tree. */
	seccomp_note(making, seccomp_attr_set(making->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	/*
	 * Before Linux 5.16 a filter costs the processor's speculation too, which is
	 * against those who run code of others in the same process.
	 */
	seccomp_note(making, seccomp_attr_set(making->filter, SCMP_FLTATR_CTL_SSB, 1));
	seccomp_add(making, SCMP_ACT_ALLOW, seccomp_for_all);
	seccomp_allow_memory(making, role);
	seccomp_allow_sockets(making, role);
	seccomp_allow_ioctls(making, role);
	seccomp_make_role(making, role);
	seccomp_add(making, SCMP_ACT_KILL_PROCESS, seccomp_deadly);
}

const char *sandbox_seccomp_enter(enum sandbox_role role)
{
	struct seccomp_making making = { .filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) };

	if (making.filter == NULL)
		return strerror(ENOMEM);
	seccomp_make(&making, role);
	if (making.error == 0)
		seccomp_note(&making, seccomp_load(making.filter));
	seccomp_release(making.filter);
	return making.error == 0 ? NULL : strerror(making.error);
}
