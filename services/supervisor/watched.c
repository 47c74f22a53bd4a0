/*
 * Carries out what the state machine decides. Nothing in here decides on its
 * own but when to look: on readiness, on exit, on every tick.
 */
#include "watched.h"

#include "base/log.h"
#include "child.h"
#include "memory_ceiling.h"
#include "model_care.h"
#include "platform/platform.h"
#include "service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct vu_watched {
	vu_watched_config config;
	const char *name;
	vu_endpoint endpoint; /* on this machine */
	char *elsewhere;      /* where a service on another machine is, in words; NULL: it is here */
	char *program;
	vu_service_machine machine;
	vu_memory_ceiling ceiling;
	vu_prober *prober;
	vu_model_care *care; /* of models alone, else NULL */
	vu_child *child;     /* NULL when there is none */
	vu_service_log *log;
	uv_pipe_t log_pipe; /* reading end */
	int log_write_fd;
	char log_buffer[4096];
	uv_timer_t deadline;
	vu_health health;
	uint64_t rss_bytes;
	uint64_t limit_bytes;
	uint64_t system_kills; /* how often the system had killed it for its memory when this process began */
	bool refuse_loads;     /* so near its ceiling that nothing new is to be loaded */
	vu_machine_state reported_state;
	vu_health reported_health;
};

static void feed(vu_watched *watched, const vu_machine_event *event);

/* ---- the log pipe ---- */

static void give_log_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	vu_watched *watched = handle->data;
	(void)suggested;
	*buffer = uv_buf_init(watched->log_buffer, sizeof watched->log_buffer);
}

static void take_log(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	vu_watched *watched = stream->data;
	if (count > 0)
		vu_service_log_feed(watched->log, buffer->base, (size_t)count);
	/* We hold the writing end ourselves, so there is no end of file; a read error leaves the log silent. */
}

/* Takes what a process that is gone has left in the pipe, before anybody asks why it died. */
static void drain_log(vu_watched *watched)
{
	uv_os_fd_t fd;
	ssize_t count;

	if (uv_fileno((uv_handle_t *)&watched->log_pipe, &fd) != 0)
		return;
	while ((count = read(fd, watched->log_buffer, sizeof watched->log_buffer)) > 0 ||
	       (count < 0 && errno == EINTR)) {
		if (count > 0)
			vu_service_log_feed(watched->log, watched->log_buffer, (size_t)count);
	}
	vu_service_log_flush(watched->log);
}

/* ---- reports ---- */

static void report_changes(vu_watched *watched)
{
	const vu_service_machine *machine = &watched->machine;
	bool changed = machine->state != watched->reported_state || watched->health != watched->reported_health;

	if (machine->state != watched->reported_state) {
		switch (machine->state) {
		case VU_MACHINE_RUNNING:
			vu_log_info("%s runs (pid %ld), ready %lld ms after its start", watched->name,
			            (long)vu_child_pid(watched->child),
			            (long long)((machine->ready_us - machine->spawned_us) / 1000));
			break;
		case VU_MACHINE_BACKOFF:
			vu_log_warn("%s: %s; starting it again shortly", watched->name, machine->reason);
			break;
		case VU_MACHINE_FAILED:
			vu_log_error("%s has failed: %s; once that is mended, run: jarvis-voice-unlock restart %s",
			             watched->name, machine->reason, watched->name);
			break;
		default:
			break;
		}
	}
	watched->reported_state = machine->state;
	watched->reported_health = watched->health;
	if (changed)
		watched->config.on_change(watched->config.context, watched->config.entry->id);
}

/* ---- effects ---- */

static void sample_memory(vu_watched *watched)
{
	vu_process_memory memory;
	if (vu_platform_process_memory(vu_child_pid(watched->child), &memory) == VU_OK)
		watched->rss_bytes = memory.rss_bytes;
}

static void note_ready(void *context)
{
	vu_watched *watched = context;

	sample_memory(watched);
	feed(watched, &(vu_machine_event){.kind = VU_MACHINE_READY});
	/* Not waiting for the next tick: somebody may be waiting for SERVING. */
	vu_prober_check(watched->prober, watched->machine.spawns);
}

static void note_exit(void *context, int exit_code, int signal)
{
	vu_watched *watched = context;
	char complaint[VU_MACHINE_REASON_MAX];
	vu_machine_event event = {.kind = VU_MACHINE_EXITED, .exit_code = exit_code, .signal = signal};
	bool unexpected = watched->machine.state != VU_MACHINE_STOPPING;

	vu_roster_enter(watched->config.roster, watched->config.entry->id, 0);
	event.out_of_memory = signal == SIGKILL && watched->config.cgroup &&
	                      vu_cgroup_kills(watched->config.cgroup, watched->name) > watched->system_kills;
	drain_log(watched);
	if (vu_service_log_complaint(watched->log, complaint, sizeof complaint))
		event.detail = complaint;
	watched->child = NULL;
	watched->health = VU_HEALTH_UNKNOWN;
	watched->rss_bytes = 0;
	feed(watched, &event);
	if (unexpected && watched->machine.state == VU_MACHINE_STARTING)
		vu_log_warn("%s: %s; started again at once", watched->name, watched->machine.reason);
}

/* What the last process has left: the next one may not remove it. One that somebody serves has its lock taken. */
static void remove_stale_socket(const vu_watched *watched)
{
	char path[VU_SOCKET_PATH_MAX + 8];
	int fd;

	snprintf(path, sizeof path, "%s.lock", watched->endpoint.path);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlink(watched->endpoint.path);
	close(fd);
}

static void spawn(vu_watched *watched)
{
	vu_error error = {0};
	vu_child_config config = {
	    .loop = watched->config.loop,
	    .program = watched->program,
	    .log_fd = watched->log_write_fd,
	    .ring_fd = watched->config.entry->gets_ring ? watched->config.ring_fd : -1,
	    .roster_fd = watched->config.roster_fd,
	    .memory_mb = watched->config.entry->memory_mb,
	    .on_ready = note_ready,
	    .on_exit = note_exit,
	    .context = watched,
	};

	vu_service_log_forget_complaint(watched->log);
	remove_stale_socket(watched);
	memset(&watched->ceiling, 0, sizeof watched->ceiling);
	watched->health = VU_HEALTH_UNKNOWN;
	if (vu_child_spawn(&config, &watched->child, &error) != VU_OK) {
		watched->child = NULL;
		feed(watched, &(vu_machine_event){.kind = VU_MACHINE_SPAWN_FAILED, .detail = error.message});
		return;
	}
	vu_roster_enter(watched->config.roster, watched->config.entry->id, vu_child_pid(watched->child));
	if (!watched->config.cgroup)
		return;
	watched->system_kills = vu_cgroup_kills(watched->config.cgroup, watched->name);
	if (vu_cgroup_place(watched->config.cgroup, watched->name, vu_child_pid(watched->child), watched->limit_bytes,
	                    &error) != VU_OK)
		vu_log_warn("%s is bounded without its control group: %s", watched->name, error.message);
}

/* The configuration may have changed since the process was started. */
static void renew_bound(vu_watched *watched, uint64_t limit_bytes)
{
	vu_error error;

	if (limit_bytes == watched->limit_bytes)
		return;
	watched->limit_bytes = limit_bytes;
	if (watched->config.cgroup && watched->child &&
	    vu_cgroup_bound(watched->config.cgroup, watched->name, limit_bytes, &error) != VU_OK)
		vu_log_warn("%s keeps the bound of its control group: %s", watched->name, error.message);
}

static void note_deadline(uv_timer_t *timer)
{
	vu_watched *watched = timer->data;
	feed(watched, &(vu_machine_event){.kind = VU_MACHINE_TIMER});
}

/* libuv's timers count whole milliseconds: rounded up, so that TIMER never comes early. */
static void arm_deadline(vu_watched *watched)
{
	int64_t deadline_us = vu_service_machine_deadline_us(&watched->machine);
	int64_t left_us = deadline_us - vu_clock_monotonic_us();

	if (deadline_us == 0) {
		uv_timer_stop(&watched->deadline);
		return;
	}
	uv_update_time(watched->config.loop);
	uv_timer_start(&watched->deadline, note_deadline, left_us > 0 ? (uint64_t)(left_us + 999) / 1000 : 0, 0);
}

static void feed(vu_watched *watched, const vu_machine_event *event)
{
	vu_machine_effect effect = vu_service_machine_feed(&watched->machine, event);

	arm_deadline(watched);
	switch (effect) {
	case VU_EFFECT_SPAWN:
		spawn(watched);
		break;
	case VU_EFFECT_TERMINATE:
		vu_child_signal(watched->child, SIGTERM);
		break;
	case VU_EFFECT_KILL:
		vu_log_warn("%s (pid %ld): %s", watched->name, (long)vu_child_pid(watched->child),
		            watched->machine.kill_cause == VU_KILL_WOULD_NOT_STOP ? "did not stop in time; killed"
		                                                                  : watched->machine.reason);
		vu_child_signal(watched->child, SIGKILL);
		break;
	case VU_EFFECT_NONE:
		break;
	}
	report_changes(watched);
}

/* ---- checks ---- */

static void take_health(void *context, vu_health health, unsigned tag)
{
	vu_watched *watched = context;

	if (watched->elsewhere) {
		watched->health = health == VU_HEALTH_MISSED     ? VU_HEALTH_UNKNOWN
		                  : health == VU_HEALTH_UNJUDGED ? watched->health
		                                                 : health;
		report_changes(watched);
		return;
	}
	/* An answer about a process that is gone, or of one that is on its way down, says nothing. */
	if (tag != watched->machine.spawns || watched->machine.state != VU_MACHINE_RUNNING)
		return;
	switch (health) {
	case VU_HEALTH_SERVING:
	case VU_HEALTH_NOT_SERVING:
		watched->health = health;
		feed(watched, &(vu_machine_event){.kind = VU_MACHINE_ANSWERED});
		if (watched->care && health == VU_HEALTH_SERVING)
			vu_model_care_attend(watched->care, watched->machine.spawns, watched->refuse_loads);
		break;
	case VU_HEALTH_MISSED:
		watched->health = VU_HEALTH_UNKNOWN;
		feed(watched, &(vu_machine_event){.kind = VU_MACHINE_MISSED});
		break;
	case VU_HEALTH_UNKNOWN:
	case VU_HEALTH_UNJUDGED:
		break;
	}
}

static void judge_memory(vu_watched *watched, uint64_t limit_bytes)
{
	char detail[128];

	sample_memory(watched);
	watched->refuse_loads = vu_memory_ceiling_refuses_loads(watched->rss_bytes, limit_bytes);
	switch (
	    vu_memory_ceiling_judge(&watched->ceiling, watched->rss_bytes, limit_bytes, vu_clock_monotonic_us())) {
	case VU_CEILING_FINE:
		break;
	case VU_CEILING_CLEANUP:
		vu_log_warn(
		    "%s holds %llu MB, more than %d %% of its limit of %llu MB: asking it to give memory back",
		    watched->name, (unsigned long long)(watched->rss_bytes >> 20), VU_CLEANUP_PERCENT,
		    (unsigned long long)(limit_bytes >> 20));
		vu_prober_cleanup(watched->prober);
		break;
	case VU_CEILING_KILL:
		snprintf(detail, sizeof detail, "it held %llu MB of memory, its limit is %llu MB",
		         (unsigned long long)(watched->rss_bytes >> 20), (unsigned long long)(limit_bytes >> 20));
		feed(watched, &(vu_machine_event){.kind = VU_MACHINE_CEILING, .detail = detail});
		break;
	}
}

void vu_watched_tick(vu_watched *watched, uint64_t memory_limit_bytes)
{
	if (watched->elsewhere) {
		vu_prober_check(watched->prober, 0);
		return;
	}
	renew_bound(watched, memory_limit_bytes);
	if (watched->child)
		judge_memory(watched, memory_limit_bytes);
	/* It cannot answer, so there is nothing to wait for; feed may have changed what there is. */
	if (watched->child && vu_platform_process_stopped(vu_child_pid(watched->child)))
		feed(watched, &(vu_machine_event){.kind = VU_MACHINE_HALTED});
	if (watched->machine.state == VU_MACHINE_RUNNING)
		vu_prober_check(watched->prober, watched->machine.spawns);
}

void vu_watched_feed(vu_watched *watched, vu_machine_event_kind kind)
{
	if (!watched->elsewhere)
		feed(watched, &(vu_machine_event){.kind = kind});
}

void vu_watched_kill(vu_watched *watched)
{
	if (watched->child)
		vu_child_signal(watched->child, SIGKILL);
}

/* ---- making ---- */

static vu_status open_log_pipe(vu_watched *watched, vu_error *error)
{
	uv_file ends[2];
	int result = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);

	if (result != 0)
		return vu_fail_errno(error, -result, "unable to make the log pipe of %s", watched->name);
	watched->log_write_fd = ends[1];
	uv_pipe_init(watched->config.loop, &watched->log_pipe, 0);
	watched->log_pipe.data = watched;
	result = uv_pipe_open(&watched->log_pipe, ends[0]);
	if (result == 0)
		result = uv_read_start((uv_stream_t *)&watched->log_pipe, give_log_buffer, take_log);
	return result == 0 ? VU_OK
	                   : vu_fail_errno(error, -result, "unable to read the log pipe of %s", watched->name);
}

static char *join(const char *folder, const char *name)
{
	size_t size = strlen(folder) + 1 + strlen(name) + 1;
	char *path = malloc(size);
	if (path)
		snprintf(path, size, "%s/%s", folder, name);
	return path;
}

/* "served at tls+tcp://…, else …", for people. NULL when out of memory. */
static char *describe_place(const vu_placement *placement)
{
	size_t size = 16 + placement->call_count * (VU_ENDPOINT_URI_MAX + 8);
	char *text = malloc(size);
	size_t used = 0;

	for (size_t i = 0; text && i < placement->call_count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", else " : "served at ",
		                         placement->call[i].uri);
	return text;
}

vu_status vu_watched_create(const vu_watched_config *config, vu_watched **watched_out, vu_error *error)
{
	vu_watched *watched = calloc(1, sizeof *watched);
	vu_status status;

	if (!watched)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to watch a service: out of memory");
	watched->config = *config;
	watched->name = vu_service_name(config->entry->id);
	watched->limit_bytes = config->memory_limit_bytes;
	watched->endpoint = config->placement->local;
	watched->program = join(config->program_folder, config->entry->program);
	if (!config->placement->here)
		watched->elsewhere = describe_place(config->placement);
	if (!watched->program || (!config->placement->here && !watched->elsewhere)) {
		free(watched->program);
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to watch %s: out of memory", watched->name);
		free(watched);
		return status;
	}
	vu_service_machine_init(&watched->machine, vu_clock_system());
	uv_timer_init(config->loop, &watched->deadline);
	watched->deadline.data = watched;
	status = vu_service_log_create(config->log_folder, watched->name, &watched->log, error);
	if (status == VU_OK)
		status = open_log_pipe(watched, error);
	if (status == VU_OK)
		status = vu_prober_create(config->loop, config->entry->id, config->placement, config->credentials,
		                          take_health, watched, &watched->prober, error);
	if (status == VU_OK && config->entry->id == VU_SERVICE_MODELS && !watched->elsewhere)
		status =
		    vu_model_care_create(config->loop, vu_prober_channel(watched->prober), &watched->care, error);
	/* On failure the process ends: what was made so far goes with it. */
	if (status == VU_OK)
		*watched_out = watched;
	return status;
}

void vu_watched_get_status(const vu_watched *watched, vu_watched_status *out)
{
	const vu_service_machine *machine = &watched->machine;

	out->state = machine->state;
	out->health = watched->health;
	out->pid = watched->child ? vu_child_pid(watched->child) : 0;
	out->restarts = vu_service_machine_restarts(machine);
	out->spawns = machine->spawns;
	out->rss_bytes = watched->rss_bytes;
	out->uptime_us = watched->child ? vu_clock_monotonic_us() - machine->spawned_us : 0;
	out->reason = machine->reason;
	out->last_exit_code = machine->last_exit_code;
	out->settled = vu_service_machine_is_settled(machine);
	out->elsewhere = watched->elsewhere != NULL;
	if (watched->elsewhere) {
		out->reason = watched->elsewhere;
		out->settled = true;
	}
}

vu_prober *vu_watched_prober(vu_watched *watched)
{
	return watched->prober;
}
