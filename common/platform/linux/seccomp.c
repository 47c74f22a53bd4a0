/*
 * Which system calls this process can make, by seccomp on all its threads: those
 * listed, no others. What is not listed is answered with EPERM, as a library may
 * try it and do without; clone3 with ENOSYS, since its flags cannot be looked at
 * and libc then takes clone. What only somebody who took the process over would
 * try ends the process, with a line in its log that says which call it was.
 *
 * Sanitizers make calls of their own: built with one, nothing is refused.
 */
#include "platform/platform.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Names that an architecture does not have are passed over. */
static const char *const ALLOWED[] = {
    /* reading, writing, files */
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "lseek",
    "_llseek",
    "close",
    "close_range",
    "open",
    "openat",
    "openat2",
    "creat",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "fstatat64",
    "fstat64",
    "stat64",
    "lstat64",
    "statfs",
    "fstatfs",
    "statfs64",
    "fstatfs64",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "getcwd",
    "chdir",
    "fchdir",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "lchown",
    "umask",
    "utimensat",
    "futimesat",
    "ftruncate",
    "ftruncate64",
    "truncate",
    "truncate64",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "flock",
    "fcntl",
    "fcntl64",
    "fadvise64",
    "readahead",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "sendfile",
    "sendfile64",
    "splice",
    "copy_file_range",
    "ioctl",
    "inotify_init",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    "memfd_create",
    /* memory */
    "brk",
    "mmap",
    "mmap2",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "msync",
    "mincore",
    "mlock",
    "mlock2",
    "munlock",
    "membarrier",
    "get_mempolicy",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    /* waiting and time */
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "signalfd4",
    "nanosleep",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "gettimeofday",
    "time",
    "times",
    "alarm",
    "setitimer",
    "getitimer",
    "timer_create",
    "timer_settime",
    "timer_delete",
    "pause",
    /* threads and signals */
    "futex",
    "futex_time64",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "set_tid_address",
    "gettid",
    "getpid",
    "getppid",
    "getpgrp",
    "getpgid",
    "getsid",
    "exit",
    "exit_group",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "getpriority",
    "setpriority",
    "getcpu",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "sigaltstack",
    "sigreturn",
    "restart_syscall",
    "wait4",
    "waitid",
    "waitpid",
    "arch_prctl",
    "set_thread_area",
    /* sockets; socket itself is below */
    "socketpair",
    "accept",
    "accept4",
    "connect",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "send",
    "recv",
    "shutdown",
    "socketcall",
    /* who and what */
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "getuid32",
    "geteuid32",
    "getgid32",
    "getegid32",
    "uname",
    "sysinfo",
    "getrlimit",
    "ugetrlimit",
    "setrlimit",
    "getrusage",
    "getrandom",
    "capget",
    "ioprio_set",
    "ioprio_get",
};

/* Sound: shared memory of the sound library's, and a thread of higher priority. */
static const char *const ALLOWED_SOUND[] = {
    "sched_setscheduler",
    "sched_setparam",
    "sched_setattr",
    "sched_getattr",
    "mlockall",
    "munlockall",
    "shmget",
    "shmat",
    "shmctl",
    "shmdt",
    "semget",
    "semop",
    "semctl",
    "semtimedop",
    "fchmodat",
    "mknodat",
};

/*
 * Binding more sockets than those of its start, and giving files another name:
 * who could do both could put its own socket in place of another service's.
 */
static const char *const ALLOWED_LISTENS[] = {"bind", "listen"};
static const char *const ALLOWED_LINKS[] = {"link", "linkat"};

/* Starting a program, which may confine itself further: clone is below. */
static const char *const ALLOWED_PROGRAMS[] = {
    "execve",
    "execveat",
    "vfork",
    "setpgid",
    "setsid",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
};

/* Nothing in here is any library's business. */
static const char *const DEADLY[] = {
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    "bpf",
    "userfaultfd",
    "perf_event_open",
    "mount",
    "umount2",
    "move_mount",
    "fsopen",
    "open_tree",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "add_key",
    "keyctl",
    "request_key",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "capset",
    "personality",
    "iopl",
    "ioperm",
    "acct",
    "quotactl",
    "syslog",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "clock_adjtime",
    "sethostname",
    "setdomainname",
    "open_by_handle_at",
    "name_to_handle_at",
    "lookup_dcookie",
    "nfsservctl",
    "vhangup",
    "modify_ldt",
};

/* Besides, where no program may be started and no library is known to try. */
static const char *const DEADLY_PROGRAMS[] = {"execve", "execveat", "fork", "vfork"};

static char service_name[32];

/* Within a signal handler: plain text in a fixed buffer, one write. */
static void tell_and_die(int number, siginfo_t *info, void *context)
{
	char line[256];
	char digits[16];
	int call = info->si_syscall;
	size_t used = 0;
	size_t count = 0;
	const char *const parts[] = {"{\"level\":\"error\",\"service\":\"", service_name,
	                             "\",\"message\":\"unable to go on: system call ", NULL,
	                             " is not for this service, which may have been taken over\"}\n"};
	ssize_t written;

	(void)context;
	do
		digits[count++] = (char)('0' + call % 10);
	while ((call /= 10) > 0 && count < sizeof digits);
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (!parts[i]) {
			while (count > 0)
				line[used++] = digits[--count];
			continue;
		}
		for (const char *at = parts[i]; *at; at++)
			line[used++] = *at;
	}
	written = write(STDERR_FILENO, line, used);
	(void)written;
	raise(number);
	_exit(128 + number);
}

static int add(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
	int failure = 0;

	for (size_t i = 0; i < count && failure == 0; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);
		if (call < 0)
			continue;
		failure = seccomp_rule_add(filter, action, call, 0);
	}
	return failure;
}

/*
 * Other processes of the same user are the rest of the suite: signals and limits are for this one alone. Looking
 * whether there is a process (signal 0), as sound libraries do, does it no harm.
 */
static int add_rules_of_processes(scmp_filter_ctx filter, const vu_confinement *confinement)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	int failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, self));

	if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	if (failure == 0)
		failure =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, self));
	if (confinement->programs) {
		/* It ends what it started, and those are programs that raise signals of their own. */
		if (failure == 0)
			failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 0);
		return failure == 0 ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0) : failure;
	}
	if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_EQ, self));
	if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A1(SCMP_CMP_EQ, 0));
	return failure;
}

static int add_rules(scmp_filter_ctx filter, const vu_confinement *confinement)
{
	int failure = add(filter, SCMP_ACT_ALLOW, ALLOWED, COUNT(ALLOWED));

	if (failure == 0 && confinement->sound)
		failure = add(filter, SCMP_ACT_ALLOW, ALLOWED_SOUND, COUNT(ALLOWED_SOUND));
	if (failure == 0 && confinement->listens)
		failure = add(filter, SCMP_ACT_ALLOW, ALLOWED_LISTENS, COUNT(ALLOWED_LISTENS));
	if (failure == 0 && confinement->links)
		failure = add(filter, SCMP_ACT_ALLOW, ALLOWED_LINKS, COUNT(ALLOWED_LINKS));
	if (failure == 0)
		failure = add(filter, SCMP_ACT_TRAP, DEADLY, COUNT(DEADLY));
	if (failure == 0 && confinement->programs)
		failure = add(filter, SCMP_ACT_ALLOW, ALLOWED_PROGRAMS, COUNT(ALLOWED_PROGRAMS));
	/* The sound library starts its server where there is none: in vain, and it lives on. */
	else if (failure == 0 && !confinement->sound)
		failure = add(filter, SCMP_ACT_TRAP, DEADLY_PROGRAMS, COUNT(DEADLY_PROGRAMS));
	if (failure == 0)
		failure = add_rules_of_processes(filter, confinement);
	if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (failure == 0 && confinement->programs)
		failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 0);
	else if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		                           SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (failure == 0 && !confinement->programs && !confinement->sound)
		failure = seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(clone), 1,
		                           SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (failure == 0)
		failure =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (failure == 0 && confinement->internet)
		failure =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_INET));
	if (failure == 0 && confinement->internet)
		failure =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_INET6));
	/* By which libc asks for this machine's own addresses. */
	if (failure == 0 && confinement->dials)
		failure =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	/* Dumpable is what others may look into. */
	if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
		                           SCMP_A0(SCMP_CMP_NE, PR_SET_DUMPABLE));
	if (failure == 0)
		failure = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
	return failure;
}

vu_status vu_platform_confine_calls(const vu_confinement *confinement, vu_error *error)
{
#ifdef VU_SANITIZER
	(void)confinement;
	return vu_fail(error, VU_UNIMPLEMENTED, "unable to refuse system calls: this build has a sanitizer");
#else
	struct sigaction action;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int failure;

	if (!filter)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to refuse system calls: out of memory");
	snprintf(service_name, sizeof service_name, "%s", confinement->name);
	memset(&action, 0, sizeof action);
	action.sa_sigaction = tell_and_die;
	/* Raised again in there, it ends the process. */
	action.sa_flags = (int)(SA_SIGINFO | SA_NODEFER | SA_RESETHAND);
	failure = sigaction(SIGSYS, &action, NULL) == 0 ? 0 : -errno;
	if (failure == 0)
		failure = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A tree instead of a list; older libraries have none, and then it takes longer. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (failure == 0)
		failure = add_rules(filter, confinement);
	if (failure == 0)
		failure = seccomp_load(filter);
	seccomp_release(filter);
	if (failure != 0)
		return vu_fail(error, VU_UNIMPLEMENTED, "unable to refuse system calls: %s", strerror(-failure));
	return VU_OK;
#endif
}
