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
 * libseccomp knows the names. The filter is put together here, without its help and
 * without memory from anywhere: where that runs out in the middle, libseccomp
 * (2.5.4) ends, or goes on for ever, or loads a filter that is another one.
 *
 * An upgrade's new process begins life with the filter of the main thread, and
 * may be a later version with other libraries; so may a module of the name
 * service be anything. That list is one of harmless calls, and not just of those made.
 * A file in memory is not harmless: it is in no folder, so Landlock lets it be executed.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <seccomp.h>

#include "sandbox_impl.h"

/* LeakSanitizer, which comes with AddressSanitizer, stops what runs at the end as debuggers do. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SECCOMP_FOR_DEBUGGING SECCOMP_RET_ALLOW
#else
#define SECCOMP_FOR_DEBUGGING SECCOMP_RET_KILL_PROCESS
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
	"close getrandom poll ppoll ppoll_time64 read readv write writev "
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
	"inotify_rm_watch lseek lstat lstat64 name_to_handle_at newfstatat open "
	"openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 readahead readlink "
	"readlinkat stat stat64 statfs statfs64 statx umask unlink unlinkat "
	/* descriptors and sockets */
	"_newselect bind dup dup2 dup3 fcntl fcntl64 epoll_create epoll_create1 eventfd eventfd2 "
	"listen "
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
	"getppid getpriority getrlimit getrusage getsid membarrier mincore msync pause pidfd_open "
	"pidfd_send_signal prctl prlimit64 riscv_flush_icache rt_sigpending rt_sigsuspend "
	"rt_sigtimedwait rt_sigtimedwait_time64 sched_get_priority_max sched_get_priority_min "
	"sched_getparam sched_getscheduler set_thread_area set_tid_address set_tls setitimer "
	"setrlimit sysinfo tgkill times ugetrlimit uname vfork wait4 waitid waitpid "
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

/* ---- a filter, instruction by instruction; it begins with the call's number loaded ---- */

struct seccomp_program {
	struct sock_filter code[1024];
	unsigned short len;
};

static void seccomp_emit(struct seccomp_program *program, struct sock_filter instruction)
{
	assert(program->len < sizeof(program->code) / sizeof(program->code[0]));
	program->code[program->len++] = instruction;
}

static void seccomp_look_at(struct seccomp_program *program, size_t offset)
{
	seccomp_emit(program,
	             (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void seccomp_return(struct seccomp_program *program, uint32_t action)
{
	seccomp_emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* If what is loaded is not that, the next so many are passed over. */
static void seccomp_expect(struct seccomp_program *program, uint32_t value, size_t over)
{
	assert(over <= UINT8_MAX);
	seccomp_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0,
	                                                   (uint8_t)over));
}

/* False: there is no such call. */
static bool seccomp_number(const char *name, size_t len, uint32_t *number)
{
	char room[32];
	int found;

	assert(len < sizeof(room));
	(void)snprintf(room, sizeof(room), "%.*s", (int)len, name);
	found = seccomp_syscall_resolve_name(room);
	*number = (uint32_t)found;
	return found >= 0;
}

static void seccomp_add(struct seccomp_program *program, uint32_t action, const char *names)
{
	while (*names != '\0') {
		const size_t len = strcspn(names, " ");
		uint32_t number;

		if (seccomp_number(names, len, &number)) {
			seccomp_expect(program, number, 1);
			seccomp_return(program, action);
		}
		names += len + strspn(names + len, " ");
	}
}

/* Of an argument the kernel takes an int of, those bits. */
struct seccomp_argument {
	unsigned n;
	uint32_t mask;
	uint32_t value;
};

static size_t seccomp_where(unsigned argument)
{
	const size_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0;

	return offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) + low;
}

/* If all of n arguments are like that; else it goes on. */
static void seccomp_allow(struct seccomp_program *program, const char *name, size_t n,
                          const struct seccomp_argument *arguments)
{
	enum { EACH = 3 };
	uint32_t number;

	if (!seccomp_number(name, strlen(name), &number))
		return;
	seccomp_expect(program, number, n * EACH + 2);
	for (size_t left = n; left > 0; left--, arguments++) {
		seccomp_look_at(program, seccomp_where(arguments->n));
		seccomp_emit(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
		                                                   arguments->mask));
		seccomp_expect(program, arguments->value, (left - 1) * EACH + 1);
	}
	seccomp_return(program, SECCOMP_RET_ALLOW);
	seccomp_look_at(program, offsetof(struct seccomp_data, nr));
}

/* ---- calls that depend on their arguments ---- */

/* What can be written is not executed, and only the main thread loads libraries. */
static void seccomp_allow_memory(struct seccomp_program *program, enum sandbox_role role)
{
	static const struct seccomp_argument data = { 2, PROT_EXEC, 0 };
	static const struct seccomp_argument code = { 2, PROT_EXEC | PROT_WRITE, PROT_EXEC };

#ifdef __s390__
	seccomp_add(program, SECCOMP_RET_ALLOW, "mmap"); /* its arguments are in memory */
#else
	seccomp_allow(program, "mmap", 1, &data);
	if (role == SANDBOX_MAIN)
		seccomp_allow(program, "mmap", 1, &code);
#endif
	seccomp_allow(program, "mmap2", 1, &data);
	if (role == SANDBOX_MAIN)
		seccomp_allow(program, "mmap2", 1, &code);
	seccomp_allow(program, "mprotect", 1, &data);
}

static void seccomp_allow_sockets(struct seccomp_program *program, enum sandbox_role role)
{
	static const struct {
		enum sandbox_role role;
		uint32_t family;
		uint32_t type; /* 0: any */
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
	const uint32_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		const struct seccomp_argument arguments[] = {
			{ 0, UINT32_MAX, sockets[i].family },
			{ 1, ~flags, sockets[i].type },
		};

		if (sockets[i].role == role)
			seccomp_allow(program, "socket", sockets[i].type == 0 ? 1 : 2, arguments);
	}
}

/* Of drivers' thousands of orders these. */
static void seccomp_allow_ioctls(struct seccomp_program *program, enum sandbox_role role)
{
	static const uint32_t requests[] = {
		FIONREAD,    SIOCOUTQ, /* everybody's */
		FIONBIO,     FIOCLEX,      FIONCLEX,     TCGETS,      TIOCGWINSZ,
		SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFINDEX, SIOCGIFNAME, /* the name service's */
	};
	const size_t n = role == SANDBOX_MAIN ? sizeof(requests) / sizeof(requests[0]) : 2;

	for (size_t i = 0; i < n; i++) {
		const struct seccomp_argument request = { 1, UINT32_MAX, requests[i] };

		seccomp_allow(program, "ioctl", 1, &request);
	}
}

/* But for F_SETOWN, F_SETSIG and O_ASYNC: the kernel signals anybody of the account by them. */
static void seccomp_allow_fcntl(struct seccomp_program *program, const char *name)
{
	static const uint32_t commands[] = { F_DUPFD_CLOEXEC, F_GETFD,      F_SETFD,
		                             F_GETFL,         F_GETPIPE_SZ, F_SETPIPE_SZ };
	static const struct seccomp_argument flags[] = { { 1, UINT32_MAX, F_SETFL },
		                                         { 2, O_ASYNC, 0 } };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct seccomp_argument command = { 1, UINT32_MAX, commands[i] };

		seccomp_allow(program, name, 1, &command);
	}
	seccomp_allow(program, name, 2, flags);
}

/* Threads and children, but no namespaces. clone3 is not there: its flags cannot be seen. */
static void seccomp_allow_clone(struct seccomp_program *program)
{
	static const struct seccomp_argument flags = {
#ifdef __s390__
		.n = 1,
#endif
		.mask = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
		        CLONE_NEWUSER | CLONE_NEWUTS,
	};

	seccomp_allow(program, "clone", 1, &flags);
}

/* For abort(3). */
static void seccomp_allow_signals_to_us(struct seccomp_program *program)
{
	const struct seccomp_argument ours = { 0, UINT32_MAX, (uint32_t)getpid() };

	seccomp_allow(program, "tgkill", 1, &ours);
}

/* ---- the roles ---- */

static void seccomp_make_main(struct seccomp_program *program)
{
	seccomp_add(program, SECCOMP_RET_ALLOW, seccomp_for_workers);
	seccomp_add(program, SECCOMP_RET_ALLOW, seccomp_for_main);
	seccomp_allow_clone(program);
	seccomp_add(program, SECCOMP_FOR_DEBUGGING, seccomp_debugging);
}

/* One that only serves. */
static void seccomp_make_other(struct seccomp_program *program, enum sandbox_role role)
{
	if (role == SANDBOX_WORKER)
		seccomp_add(program, SECCOMP_RET_ALLOW, seccomp_for_workers);
	seccomp_allow_signals_to_us(program);
	seccomp_allow_fcntl(program, "fcntl");
	seccomp_allow_fcntl(program, "fcntl64");
	seccomp_add(program, SECCOMP_RET_KILL_PROCESS, seccomp_running);
	seccomp_add(program, SECCOMP_RET_KILL_PROCESS, seccomp_debugging);
}

/* Other processors' calls, and what else has numbers of its own. */
static void seccomp_refuse_foreign(struct seccomp_program *program)
{
	seccomp_look_at(program, offsetof(struct seccomp_data, arch));
	seccomp_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	                                                   seccomp_arch_native(), 1, 0));
	seccomp_return(program, SECCOMP_RET_KILL_PROCESS);
	seccomp_look_at(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	seccomp_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
	                                                   __X32_SYSCALL_BIT, 0, 1));
	seccomp_return(program, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void seccomp_make(struct seccomp_program *program, enum sandbox_role role)
{
	seccomp_refuse_foreign(program);
	seccomp_add(program, SECCOMP_RET_ALLOW, seccomp_for_all);
	seccomp_allow_memory(program, role);
	seccomp_allow_sockets(program, role);
	seccomp_allow_ioctls(program, role);
	if (role == SANDBOX_MAIN)
		seccomp_make_main(program);
	else
		seccomp_make_other(program, role);
	seccomp_add(program, SECCOMP_RET_KILL_PROCESS, seccomp_deadly);
	seccomp_return(program, SECCOMP_RET_ERRNO | ENOSYS);
}

const char *sandbox_seccomp_enter(enum sandbox_role role)
{
	struct seccomp_program program = { .len = 0 };
	struct sock_fprog filter = { .filter = program.code };

	seccomp_make(&program, role);
	filter.len = program.len;
	/*
	 * Before Linux 5.16 a filter without the flag costs the processor's speculation,
	 * which is against those who run code of others in the same process.
	 */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	            &filter) != 0)
		return sandbox_problem(errno);
	return NULL;
}
