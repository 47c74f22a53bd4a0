/*
 * What differs between Linux and macOS, behind one header. linux/ and darwin/
 * each implement all of it; nothing else tells systems apart.
 */
#ifndef VU_PLATFORM_PLATFORM_H
#define VU_PLATFORM_PLATFORM_H

#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- paths: the caller frees the result; NULL only when out of memory ---- */

/* $VOICE_UNLOCK_HOME, else the platform's state folder for voice-unlock. */
char *vu_platform_home_folder(void);
/* $VOICE_UNLOCK_RUNTIME_DIR, else the platform's folder for sockets. */
char *vu_platform_runtime_folder(void);
/* The user's config.yaml, whether or not it exists (not looking at $VOICE_UNLOCK_CONFIG). */
char *vu_platform_user_config_path(void);
/* Absolute path of the running executable. */
char *vu_platform_executable_path(void);

/* ---- the system's own store of secrets ----
 *
 * macOS: the Keychain, a generic password that never leaves this Mac and can be
 * read once its user has logged in after a start. Linux has none that outlives
 * a restart: UNIMPLEMENTED. `account` names the secret among ours. Any thread.
 */

/* NOT_FOUND; PERMISSION_DENIED; DATA_LOSS when it has another length than `bytes`. */
vu_status vu_platform_key_load(const char *account, void *secret, size_t bytes, vu_error *error);
/* ALREADY_EXISTS: there is one, which stays. */
vu_status vu_platform_key_store(const char *account, const void *secret, size_t bytes, vu_error *error);

/* ---- how the suite is installed ---- */

/* Where PAM's services are configured, and where libpam looks for a module without a path. NULL at the end. */
extern const char *const VU_PLATFORM_PAM_SERVICES[];
extern const char *const VU_PLATFORM_PAM_MODULES[];

/* Where the machine suite is, as its unit says (deploy/). */
typedef struct vu_platform_machine {
	const char *home;
	const char *runtime;
	const char *key_file;
	const char *config;
} vu_platform_machine;
extern const vu_platform_machine VU_PLATFORM_MACHINE;

/* What starts the suite at the boot or at the login. */
typedef struct vu_platform_unit {
	char path[PATH_MAX];    /* its file; "" when there is none */
	char program[PATH_MAX]; /* what that starts; "" when it cannot be told */
	bool enabled;           /* is started without being asked */
	bool managed;           /* what follows could be asked */
	bool running;
	bool failed;
	bool stale;       /* the file has changed since it was read, or was not read at all */
	const char *name; /* what the system calls such a file */
	/* The command that does so, for a person to run. */
	const char *enable;
	const char *reload;
	const char *explain; /* what shows why it failed */
} vu_platform_unit;

/* Of this user's own suite, or of the machine's. Runs the system's own command; may take a second. */
void vu_platform_find_unit(bool machine, vu_platform_unit *out);
/* Has the manager read changed files again. FAILED_PRECONDITION: it does not. */
vu_status vu_platform_reload_units(bool machine, vu_error *error);

/* ---- memory ---- */

typedef struct vu_process_memory {
	uint64_t rss_bytes; /* Linux: statm resident; macOS: phys_footprint */
	uint64_t virtual_bytes;
} vu_process_memory;

/* NOT_FOUND when there is no such process. */
vu_status vu_platform_process_memory(pid_t pid, vu_process_memory *out);

/* Proportional share of one process in bytes (Linux: smaps_rollup Pss); macOS: phys_footprint. */
vu_status vu_platform_process_pss(pid_t pid, uint64_t *pss_bytes);

/* CPU time used so far by a process, microseconds (user + system). */
vu_status vu_platform_process_cpu(pid_t pid, uint64_t *cpu_us);

/* Bytes that a process has caused to be read from and written to disks so far. */
vu_status vu_platform_process_disk(pid_t pid, uint64_t *read_bytes, uint64_t *written_bytes);

/* Private writable memory that a process has mapped, used or not. UNIMPLEMENTED where it is not limited either. */
vu_status vu_platform_process_data(pid_t pid, uint64_t *bytes);

/*
 * Bounds what vu_platform_process_data says of this process: beyond it mapping
 * memory fails. 0 lifts the bound. What it starts inherits it.
 */
vu_status vu_platform_limit_data(uint64_t bytes);

/* Total and available memory of the machine in bytes. */
vu_status vu_platform_machine_memory(uint64_t *total_bytes, uint64_t *available_bytes);

/* True when the machine as a whole is short of memory (Linux: pressure stall; macOS: the kernel's own level). */
bool vu_platform_memory_short(void);

/* ---- processes ---- */

/*
 * Ends this process (SIGTERM to itself) when its parent dies. `parent` is the
 * pid the caller was started by; when that is already gone, acts at once.
 */
vu_status vu_platform_die_with_parent(pid_t parent);

/* True when `pid` runs (zombies do not). */
bool vu_platform_process_alive(pid_t pid);

/* True when `pid` was stopped (SIGSTOP, or by a debugger) and does not go on by itself. */
bool vu_platform_process_stopped(pid_t pid);

/*
 * Names this run of the machine: the same until it boots again. At most
 * VU_BOOT_ID_SIZE bytes with the NUL.
 */
#define VU_BOOT_ID_SIZE 64
vu_status vu_platform_boot_id(char id[VU_BOOT_ID_SIZE], vu_error *error);

/* A clock that nobody can set and that also runs while the machine sleeps; its zero is somewhere before the boot. */
int64_t vu_platform_steady_us(void);

/*
 * Keeps this process, its threads to come included, on one of the CPUs it may
 * use (the first of them), so that a measurement does not wander. UNIMPLEMENTED
 * where the system offers no such thing.
 */
vu_status vu_platform_pin_to_one_cpu(void);

/* From now on the calling thread does its work when nobody else has any. Never fails: it is a courtesy. */
void vu_platform_thread_background(void);

/*
 * Every program that serves calls this once, before it listens: it mends what
 * would let a peer that is gone at the wrong moment end NNG's listening or
 * dialling for ever. For programs alone, never for a library in other people's.
 */
void vu_platform_keep_listening(void);

/* Whether that is so in this program: NNG then gives up no dialer, and closes one only when it is asked to. */
bool vu_platform_keeps_dialling(void);

/*
 * True when `host` is a name or an address of this machine, or the address that
 * stands for all of its addresses. Names are looked up, which may take time; one
 * that cannot be is nobody's.
 */
bool vu_platform_is_own_address(const char *host);

/*
 * For a process that holds secrets: no core file, no other process of the same
 * user may look into it, and as much memory may be locked as the system allows.
 * What the system refuses stays as it was.
 */
void vu_platform_protect_memory(void);

/* ---- what this process may do ---- */

enum {
	VU_MAY_READ = 1,
	VU_MAY_WRITE = 2, /* make, change, rename, remove what is in it, sockets included */
	VU_MAY_RUN = 4,
	VU_MAY_CONTROL = 8, /* ioctl of a device */
	VU_MAY_MAKE = 16,   /* make sockets and files in it, not open, rename or remove them */
};

/* A file, or a folder with all that is below it. What does not exist is passed over. */
typedef struct vu_place {
	const char *path;
	unsigned may;
} vu_place;

typedef struct vu_confinement {
	const char *name; /* of the service, for its log and for what is kept by name */
	const vu_place *places;
	size_t place_count;
	bool listens;  /* may bind more sockets once it runs */
	bool links;    /* may give a file a second name */
	bool internet; /* may make sockets of IPv4 and IPv6 */
	bool dials;    /* may connect by them */
	bool programs; /* may start programs */
	bool sound;    /* may do what sound libraries do besides */
	bool secrets;  /* may ask the system's own store of secrets */
} vu_confinement;

/*
 * Renounces all privileges to come and whatever is not in `places`: on Linux
 * for the calling thread and what it starts, so before the first thread; on
 * macOS, where this is all there is, for the process. It cannot be taken back.
 * UNIMPLEMENTED: the system has no such thing; other privileges are renounced
 * all the same.
 */
vu_status vu_platform_confine_files(const vu_confinement *confinement, vu_error *error);

/* Refuses system calls that the process has no need of, to all its threads. UNIMPLEMENTED as above. */
vu_status vu_platform_confine_calls(const vu_confinement *confinement, vu_error *error);

/* Whether the system offers all this, and in words what it offers or lacks. */
bool vu_platform_confinement_offered(char *text, size_t size);

/* ---- shared memory without a name ---- */

/*
 * A file descriptor (close-on-exec) of `bytes` of zeroed shared memory that
 * lives as long as somebody holds it. `label` is for debugging only.
 */
vu_status vu_platform_shared_memory(const char *label, size_t bytes, int *fd_out, vu_error *error);

/* Makes [offset, offset+bytes) read as zeros again and gives the pages back where the system can. `base` is the
 * mapping. */
void vu_platform_shared_memory_release(int fd, void *base, size_t offset, size_t bytes);

/*
 * Zeroed shared memory that this process alone can write, at *base_out until
 * the process ends. *fd_out (close-on-exec) is for others: whoever inherits it
 * can read the memory, and write it by no means.
 */
vu_status vu_platform_shared_notice(const char *label, size_t bytes, void **base_out, int *fd_out, vu_error *error);

/* ---- who sits at the machine ---- */

/*
 * True when this process belongs to a login session from another machine, as
 * far as the system tells. Where it tells nothing, false.
 */
bool vu_platform_session_is_remote(void);
/* True when the machine has a lid and it is closed. */
bool vu_platform_lid_is_closed(void);
/*
 * True when this machine is known to play sound: a sound card of ALSA's has a
 * playback stream running, whoever's it is. False where that is not known
 * (macOS, Bluetooth).
 */
bool vu_platform_plays_sound(void);

/* ---- identity ---- */

/* The login name of this process's user, into `name`. */
vu_status vu_platform_login_name(char *name, size_t size);
/* The login name of `uid`; NOT_FOUND when it has none. */
vu_status vu_platform_user_name(uid_t uid, char *name, size_t size);

#endif
