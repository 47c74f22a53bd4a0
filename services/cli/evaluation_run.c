/*
 * Running an evaluation: a few workers take users, then files, one after the
 * other. A file is uploaded once and scored against all its claims in one
 * pass. What goes wrong with one file is told and counted, and the run goes
 * on; only services that stay away end it.
 */
#include "evaluation.h"

#include "cli.h"
#include "format.h"
#include "terminal.h"

#include "base/clock.h"
#include "base/id.h"
#include "ml/trial_scores.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMPLAINTS_MAX    20
#define FAILURES_IN_A_ROW 4 /* of the services, before the run is given up */
/* With the pause, longer than the services remember an evaluation that was killed. */
#define BUSY_TRIES_MAX 800
#define BUSY_PAUSE_MS  50

/* Trials of one file, or enrolment lines of one user: positions in the list. */
typedef struct group {
	uint32_t *members;
	size_t count;
} group;

typedef struct run_state {
	evaluation_data *evaluation;
	FILE *log;
	bool show_progress;
	int64_t started_us;
	const group *groups;
	size_t group_count;
	const char *phase;
	void (*work)(struct run_state *state, size_t index);

	pthread_mutex_t mutex; /* guards what follows and the counts of the evaluation */
	size_t next;
	size_t done;
	size_t complaints;
	unsigned failures_in_a_row;
	vu_status status;
	vu_error error;
} run_state;

static bool is_cancelled(const evaluation_data *evaluation)
{
	return evaluation->cancel && voiceunlock_cancel_is_triggered(evaluation->cancel);
}

/* With the mutex held. */
static void draw_progress(run_state *state)
{
	char line[256], left[FORMAT_MAX] = "";
	double seconds = (double)(vu_clock_monotonic_us() - state->started_us) / 1e6;
	unsigned cells = 30, filled = (unsigned)(state->done * cells / state->group_count);
	size_t used;

	if (!state->show_progress)
		return;
	if (state->done > 0 && seconds > 2)
		format_duration(seconds / (double)state->done * (double)(state->group_count - state->done), left);
	used = (size_t)snprintf(line, sizeof line, "%-9s ", state->phase);
	for (unsigned i = 0; i < cells; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, "%s",
		                         terminal_has_utf8() ? (i < filled ? "█" : "·") : (i < filled ? "#" : "-"));
	snprintf(line + used, sizeof line - used, " %zu of %zu%s%s", state->done, state->group_count,
	         left[0] ? ", another " : "", left);
	terminal_draw_line(state->log, line);
}

static void complain(run_state *state, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(run_state *state, const char *format, ...)
{
	char message[1024], printable[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&state->mutex);
	if (state->show_progress)
		terminal_clear_line(state->log);
	if (++state->complaints <= COMPLAINTS_MAX)
		fprintf(state->log, "%s\n", cli_printable(message, printable, sizeof printable));
	else if (state->complaints == COMPLAINTS_MAX + 1)
		fprintf(state->log, "… further complaints are counted, not shown\n");
	pthread_mutex_unlock(&state->mutex);
}

/* Remembers what ends the run; the first reason stays. */
static void give_up(run_state *state, vu_status status, const char *message)
{
	pthread_mutex_lock(&state->mutex);
	if (state->status == VU_OK)
		state->status = vu_fail(&state->error, status, "%s", message);
	pthread_mutex_unlock(&state->mutex);
}

/* True when the services, not the audio, are at fault. Several such in a row end the run. */
static bool note_service_failure(run_state *state, const voiceunlock_error *error)
{
	switch (error->code) {
	case VOICEUNLOCK_CANCELLED:
		give_up(state, VU_CANCELLED, "interrupted");
		return true;
	case VOICEUNLOCK_UNAVAILABLE:
	case VOICEUNLOCK_DEADLINE_EXCEEDED:
	case VOICEUNLOCK_ABORTED:
	case VOICEUNLOCK_RESOURCE_EXHAUSTED:
	case VOICEUNLOCK_INTERNAL:
	case VOICEUNLOCK_UNKNOWN:
	case VOICEUNLOCK_UNIMPLEMENTED: {
		bool too_many;
		pthread_mutex_lock(&state->mutex);
		too_many = ++state->failures_in_a_row >= FAILURES_IN_A_ROW;
		pthread_mutex_unlock(&state->mutex);
		if (too_many || error->code == VOICEUNLOCK_UNIMPLEMENTED)
			give_up(state, (vu_status)error->code, error->message);
		return true;
	}
	case VOICEUNLOCK_PERMISSION_DENIED:
	case VOICEUNLOCK_UNAUTHENTICATED:
	default:
		return false;
	}
}

static void note_success(run_state *state)
{
	pthread_mutex_lock(&state->mutex);
	state->failures_in_a_row = 0;
	pthread_mutex_unlock(&state->mutex);
}

/*
 * True when a service had no room and it is worth asking again: others may be
 * evaluating, or people authenticating, at the same time.
 */
static bool was_busy(const evaluation_data *evaluation, voiceunlock_code code, unsigned *tries)
{
	struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};

	if (code != VOICEUNLOCK_RESOURCE_EXHAUSTED || ++*tries > BUSY_TRIES_MAX || is_cancelled(evaluation))
		return false;
	nanosleep(&pause, NULL);
	return true;
}

static voiceunlock_code upload(run_state *state, const char *path, char session_id[VOICEUNLOCK_SESSION_ID_SIZE],
                               voiceunlock_error *error)
{
	evaluation_data *evaluation = state->evaluation;
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = path};
	unsigned tries = 0;
	voiceunlock_code code;

	do
		code = voiceunlock_upload(evaluation->client, &audio, true, evaluation->cancel, session_id, error);
	while (was_busy(evaluation, code, &tries));
	return code;
}

/* Adds one line of the enrolment list; false when the enrolment as a whole has failed. */
static bool add_sample(run_state *state, voiceunlock_enrollment *enrollment, uint32_t file)
{
	evaluation_data *evaluation = state->evaluation;
	char *path = trial_list_resolve(evaluation->enroll, file);
	char session_id[VOICEUNLOCK_SESSION_ID_SIZE];
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_SESSION, .session_id = session_id};
	voiceunlock_sample sample;
	voiceunlock_error error;
	voiceunlock_code code;
	unsigned tries = 0;
	bool go_on = true;

	if (!path) {
		give_up(state, VU_RESOURCE_EXHAUSTED, "unable to evaluate: out of memory");
		return false;
	}
	if (upload(state, path, session_id, &error) != VOICEUNLOCK_OK) {
		if (note_service_failure(state, &error)) {
			go_on = false;
		} else {
			pthread_mutex_lock(&state->mutex);
			evaluation->enroll_files_unreadable++;
			pthread_mutex_unlock(&state->mutex);
		}
		if (!is_cancelled(evaluation))
			complain(state, "%s", error.message);
		free(path);
		return go_on;
	}
	do
		code = voiceunlock_enrollment_add(enrollment, &audio, &sample, &error);
	while (was_busy(evaluation, code, &tries));
	if (code != VOICEUNLOCK_OK) {
		go_on = !note_service_failure(state, &error);
		if (!is_cancelled(evaluation))
			complain(state, "%s: %s", path, error.message);
	} else if (!sample.accepted) {
		complain(state, "%s: not used to enroll: %s", path, sample.advice);
	}
	voiceunlock_session_close(evaluation->client, session_id);
	free(path);
	return go_on;
}

static void enroll_user(run_state *state, size_t index)
{
	evaluation_data *evaluation = state->evaluation;
	const char *user = evaluation->enroll->users.texts[index];
	const group *lines = &state->groups[index];
	voiceunlock_enroll_options options = {.size = sizeof options,
	                                      .name_space = evaluation->name_space,
	                                      .isolated = true,
	                                      .cancel = evaluation->cancel};
	voiceunlock_enrollment *enrollment = NULL;
	voiceunlock_enrolled *enrolled = NULL;
	voiceunlock_error error;
	voiceunlock_code code;
	unsigned tries = 0;
	bool good = false;

	do
		code = voiceunlock_enrollment_begin(evaluation->client, user, &options, &enrollment, &error);
	while (was_busy(evaluation, code, &tries));
	if (code == VOICEUNLOCK_OK) {
		good = true;
		for (size_t i = 0; good && i < lines->count; i++)
			good = add_sample(state, enrollment, evaluation->enroll->trials[lines->members[i]].file);
		if (good && voiceunlock_enrollment_commit(enrollment, &enrolled, &error) != VOICEUNLOCK_OK) {
			good = false;
			note_service_failure(state, &error);
			if (!is_cancelled(evaluation))
				complain(state, "%s is not enrolled: %s", user, error.message);
		}
	} else {
		/* No file is read before this, so the permission that is wanting is that to use the suite. */
		if (error.code == VOICEUNLOCK_PERMISSION_DENIED)
			give_up(state, VU_PERMISSION_DENIED, error.message);
		note_service_failure(state, &error);
		if (!is_cancelled(evaluation))
			complain(state, "%s is not enrolled: %s", user, error.message);
	}
	voiceunlock_enrolled_free(enrolled);
	voiceunlock_enrollment_close(enrollment);
	if (good)
		note_success(state);
	pthread_mutex_lock(&state->mutex);
	*(good ? &evaluation->users_enrolled : &evaluation->users_failed) += 1;
	pthread_mutex_unlock(&state->mutex);
}

static void set_results(evaluation_data *evaluation, const group *trials, voiceunlock_verdict verdict)
{
	for (size_t i = 0; i < trials->count; i++)
		evaluation->results[trials->members[i]] = (evaluation_result){.verdict = verdict,
		                                                              .score = NAN,
		                                                              .antispoof_score = NAN,
		                                                              .fused_score = NAN,
		                                                              .thresholds = {NAN, NAN, NAN}};
}

static void keep_result(evaluation_data *evaluation, uint32_t index, const voiceunlock_attempt *attempt)
{
	evaluation_result *result = &evaluation->results[index];

	result->verdict = attempt->verdict;
	result->spoof_verdict = attempt->antispoof.verdict;
	result->score = attempt->score;
	result->antispoof_score =
	    attempt->antispoof.verdict == VOICEUNLOCK_SPOOF_OFF ? (double)NAN : attempt->antispoof.score;
	result->fused_score = attempt->antispoof.verdict == VOICEUNLOCK_SPOOF_OFF
	                          ? attempt->score
	                          : vu_fuse_speaker_antispoof(result->score, result->antispoof_score);
	memcpy(result->thresholds, attempt->level_thresholds, sizeof result->thresholds);
	result->speech_ms = attempt->quality.speech_ms;
}

/* All claims of one uploaded file. */
static voiceunlock_code score_claims(evaluation_data *evaluation, const group *trials, const char *session_id,
                                     voiceunlock_error *error)
{
	voiceunlock_attempt_options options = {.size = sizeof options,
	                                       .level = evaluation->level,
	                                       .anti_spoofing = evaluation->anti_spoofing,
	                                       .cancel = evaluation->cancel};
	const char *users[VOICEUNLOCK_TRIALS_MAX];

	for (size_t first = 0; first < trials->count; first += VOICEUNLOCK_TRIALS_MAX) {
		size_t count =
		    trials->count - first < VOICEUNLOCK_TRIALS_MAX ? trials->count - first : VOICEUNLOCK_TRIALS_MAX;
		voiceunlock_attempt_list *list = NULL;
		voiceunlock_code code;
		unsigned tries = 0;
		for (size_t i = 0; i < count; i++)
			users[i] = evaluation->trials->users
			               .texts[evaluation->trials->trials[trials->members[first + i]].user];
		do
			code = voiceunlock_run_trials(evaluation->client, session_id, evaluation->name_space, users,
			                              count, &options, &list, error);
		while (was_busy(evaluation, code, &tries));
		if (code != VOICEUNLOCK_OK)
			return code;
		for (size_t i = 0; i < count; i++)
			keep_result(evaluation, trials->members[first + i], list->attempts[i]);
		voiceunlock_attempt_list_free(list);
	}
	return VOICEUNLOCK_OK;
}

static void score_file(run_state *state, size_t index)
{
	evaluation_data *evaluation = state->evaluation;
	const group *trials = &state->groups[index];
	char *path = trial_list_resolve(evaluation->trials, (uint32_t)index);
	char session_id[VOICEUNLOCK_SESSION_ID_SIZE];
	voiceunlock_error error;
	voiceunlock_code code;

	if (!path) {
		give_up(state, VU_RESOURCE_EXHAUSTED, "unable to evaluate: out of memory");
		return;
	}
	code = upload(state, path, session_id, &error);
	if (code == VOICEUNLOCK_OK) {
		code = score_claims(evaluation, trials, session_id, &error);
		voiceunlock_session_close(evaluation->client, session_id);
	}
	if (code == VOICEUNLOCK_OK) {
		note_success(state);
	} else if (note_service_failure(state, &error)) {
		set_results(evaluation, trials, VOICEUNLOCK_VERDICT_UNAVAILABLE);
		pthread_mutex_lock(&state->mutex);
		evaluation->trials_unavailable += trials->count;
		pthread_mutex_unlock(&state->mutex);
		if (!is_cancelled(evaluation))
			complain(state, "%s: %s", path, error.message);
	} else {
		set_results(evaluation, trials, VOICEUNLOCK_NO_SPEECH);
		evaluation->file_unreadable[index] = true;
		pthread_mutex_lock(&state->mutex);
		evaluation->files_unreadable++;
		pthread_mutex_unlock(&state->mutex);
		complain(state, "%s", error.message);
	}
	free(path);
}

static void *work(void *context)
{
	run_state *state = context;

	for (;;) {
		size_t index;
		pthread_mutex_lock(&state->mutex);
		if (state->status == VU_OK && is_cancelled(state->evaluation))
			state->status = vu_fail(&state->error, VU_CANCELLED, "interrupted");
		if (state->status != VU_OK || state->next == state->group_count) {
			pthread_mutex_unlock(&state->mutex);
			return NULL;
		}
		index = state->next++;
		pthread_mutex_unlock(&state->mutex);
		state->work(state, index);
		pthread_mutex_lock(&state->mutex);
		state->done++;
		draw_progress(state);
		pthread_mutex_unlock(&state->mutex);
	}
}

static vu_status run_phase(run_state *state)
{
	pthread_t threads[64];
	unsigned wanted = state->evaluation->jobs < 64 ? state->evaluation->jobs : 64;
	unsigned started = 0;

	state->next = state->done = 0;
	state->started_us = vu_clock_monotonic_us();
	while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, state) == 0)
		started++;
	work(state);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	if (state->show_progress)
		terminal_clear_line(state->log);
	return state->status;
}

/* Sorts the trials of a list into groups, by user or by file. */
static vu_status make_groups(const trial_list *list, bool by_user, group **groups_out, size_t *count_out,
                             vu_error *error)
{
	size_t count = by_user ? list->users.count : list->files.count;
	group *groups = calloc(count, sizeof *groups);
	uint32_t *members = calloc(list->count, sizeof *members);
	size_t used = 0;

	if (!groups || !members) {
		free(groups);
		free(members);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to evaluate: out of memory");
	}
	for (size_t i = 0; i < list->count; i++)
		groups[by_user ? list->trials[i].user : list->trials[i].file].count++;
	for (size_t i = 0; i < count; i++) {
		groups[i].members = members + used;
		used += groups[i].count;
		groups[i].count = 0;
	}
	for (size_t i = 0; i < list->count; i++) {
		group *one = &groups[by_user ? list->trials[i].user : list->trials[i].file];
		one->members[one->count++] = (uint32_t)i;
	}
	*groups_out = groups;
	*count_out = count;
	return VU_OK;
}

static void free_groups(group *groups)
{
	if (groups)
		free(groups[0].members);
	free(groups);
}

vu_status evaluation_run(evaluation_data *evaluation, FILE *log, vu_error *error)
{
	run_state state = {.evaluation = evaluation, .log = log, .show_progress = terminal_is(log)};
	char id[VU_ID_HEX_SIZE];
	group *by_user = NULL, *by_file = NULL;
	size_t user_count, file_count;
	int64_t began_us = vu_clock_monotonic_us();
	voiceunlock_error remove_error;
	vu_status status;

	vu_id_generate_hex(id);
	snprintf(evaluation->name_space, sizeof evaluation->name_space, "evaluation-%s", id);
	evaluation->results = calloc(evaluation->trials->count, sizeof *evaluation->results);
	evaluation->file_unreadable = calloc(evaluation->trials->files.count, sizeof *evaluation->file_unreadable);
	if (!evaluation->results || !evaluation->file_unreadable)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to evaluate: out of memory");
	status = make_groups(evaluation->enroll, true, &by_user, &user_count, error);
	if (status == VU_OK)
		status = make_groups(evaluation->trials, false, &by_file, &file_count, error);
	if (status != VU_OK)
		goto out;
	pthread_mutex_init(&state.mutex, NULL);
	state.groups = by_user;
	state.group_count = user_count;
	state.phase = "enrolling";
	state.work = enroll_user;
	status = run_phase(&state);
	if (status == VU_OK && evaluation->users_enrolled == 0)
		status = state.status =
		    vu_fail(&state.error, VU_FAILED_PRECONDITION, "unable to evaluate: nobody could be enrolled");
	if (status == VU_OK) {
		state.groups = by_file;
		state.group_count = file_count;
		state.phase = "scoring";
		state.work = score_file;
		status = run_phase(&state);
	}
	pthread_mutex_destroy(&state.mutex);
	if (status != VU_OK && error)
		*error = state.error;
	/* Without the token: the users must go even when the run was interrupted. */
	if (voiceunlock_remove_namespace(evaluation->client, evaluation->name_space, &remove_error) != VOICEUNLOCK_OK)
		fprintf(log, "%s: unable to remove the users of the evaluation: %s\n", CLI_NAME,
		        remove_error.message);
	evaluation->seconds = (double)(vu_clock_monotonic_us() - began_us) / 1e6;
out:
	free_groups(by_user);
	free_groups(by_file);
	return status;
}

void evaluation_clear(evaluation_data *evaluation)
{
	free(evaluation->results);
	free(evaluation->file_unreadable);
	evaluation->results = NULL;
	evaluation->file_unreadable = NULL;
}
