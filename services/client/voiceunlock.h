/*
 * libvoiceunlock: the C interface of Voice Unlock.
 *
 *	voiceunlock_client *client = NULL;
 *	voiceunlock_error error;
 *	voiceunlock_attempt *attempt = NULL;
 *	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = "me.wav"};
 *
 *	if (voiceunlock_create(NULL, &client, &error) != VOICEUNLOCK_OK ||
 *	    voiceunlock_authenticate(client, "maria", &audio, NULL, &attempt, &error) != VOICEUNLOCK_OK)
 *		fprintf(stderr, "%s\n", error.message);
 *	else if (attempt->verdict == VOICEUNLOCK_ACCEPT)
 *		puts("welcome");
 *	voiceunlock_attempt_free(attempt);
 *	voiceunlock_destroy(client);
 *
 * Conventions, for every function unless it says otherwise:
 * - It returns VOICEUNLOCK_OK, or a code with "unable to …" and the remedy in
 *   `error`, which may be NULL. On failure outputs are left as they were.
 * - OK means that the question was answered, not that the answer is yes: only
 *   verdict == VOICEUNLOCK_ACCEPT recognizes anybody, and only may_unlock may
 *   open anything.
 * - It may be called from any thread, several at once on one client. There is
 *   no global state. Strings are UTF-8 and end in a NUL.
 * - Results are allocated by the library, owned by the caller and released by
 *   the matching free function, which takes NULL.
 * - An options structure may be NULL; else set its `size` to sizeof, zero the
 *   rest, and fill what is wanted.
 */
#ifndef VOICEUNLOCK_H
#define VOICEUNLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOICEUNLOCK_API __attribute__((visibility("default")))

typedef struct voiceunlock_client voiceunlock_client;
typedef struct voiceunlock_cancel voiceunlock_cancel;
typedef struct voiceunlock_enrollment voiceunlock_enrollment;

/* ---- codes: numbers and meanings of gRPC ---- */

typedef enum voiceunlock_code {
	VOICEUNLOCK_OK = 0,
	VOICEUNLOCK_CANCELLED = 1,
	VOICEUNLOCK_UNKNOWN = 2,
	VOICEUNLOCK_INVALID_ARGUMENT = 3, /* a bad user name, level, option, or configuration */
	VOICEUNLOCK_DEADLINE_EXCEEDED = 4,
	VOICEUNLOCK_NOT_FOUND = 5,          /* no such user, file, or service */
	VOICEUNLOCK_ALREADY_EXISTS = 6,     /* the user is enrolled: replace, or remove first */
	VOICEUNLOCK_PERMISSION_DENIED = 7,  /* the suite or the file belongs to somebody else */
	VOICEUNLOCK_RESOURCE_EXHAUSTED = 8, /* too much at once, or too large */
	VOICEUNLOCK_FAILED_PRECONDITION = 9,
	VOICEUNLOCK_ABORTED = 10, /* begin the larger sequence again */
	VOICEUNLOCK_OUT_OF_RANGE = 11,
	VOICEUNLOCK_UNIMPLEMENTED = 12, /* the service does not offer it (yet) */
	VOICEUNLOCK_INTERNAL = 13,
	VOICEUNLOCK_UNAVAILABLE = 14, /* the suite is down or a service is restarting */
	VOICEUNLOCK_DATA_LOSS = 15,
	VOICEUNLOCK_UNAUTHENTICATED = 16,
} voiceunlock_code;

/* "NOT_FOUND"; "UNKNOWN" for what is no code. Static. */
VOICEUNLOCK_API const char *voiceunlock_code_name(voiceunlock_code code);

#define VOICEUNLOCK_MESSAGE_MAX 512

typedef struct voiceunlock_error {
	voiceunlock_code code;
	char message[VOICEUNLOCK_MESSAGE_MAX];
} voiceunlock_error;

/* Version of the library, "0.1.0". Static. */
VOICEUNLOCK_API const char *voiceunlock_version(void);

/* ---- client ---- */

typedef struct voiceunlock_options {
	size_t size;
	const char
	    *runtime_folder;      /* where the suite's sockets are; NULL: $VOICE_UNLOCK_RUNTIME_DIR or the default */
	const char *config_path;  /* NULL: the usual places */
	const char *caller;       /* names this program in the services' logs; NULL: "client" */
	bool tolerate_bad_config; /* go on with defaults when the configuration cannot be loaded */
	bool machine_suite; /* the suite must run as `suite_uid`: no process of another user will do, nor root's */
	uint32_t suite_uid;
} voiceunlock_options;

/*
 * Reads the configuration and makes a client. Nothing is connected yet, so a
 * suite that is down shows at the first call (UNAVAILABLE). INVALID_ARGUMENT:
 * the configuration is bad. PERMISSION_DENIED: the suite's folder may not be
 * entered.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_create(const voiceunlock_options *options,
                                                    voiceunlock_client **client_out, voiceunlock_error *error);

/* After every call on the client has returned and its enrollments are closed. Takes NULL. */
VOICEUNLOCK_API void voiceunlock_destroy(voiceunlock_client *client);

/* ---- cancelling: one token stops every operation that carries it, for good ---- */

VOICEUNLOCK_API voiceunlock_code voiceunlock_cancel_create(voiceunlock_cancel **cancel_out);
/* From any thread, but not from a signal handler. The operations return CANCELLED and tell the services to stop. */
VOICEUNLOCK_API void voiceunlock_cancel_trigger(voiceunlock_cancel *cancel);
VOICEUNLOCK_API bool voiceunlock_cancel_is_triggered(const voiceunlock_cancel *cancel);
VOICEUNLOCK_API void voiceunlock_cancel_destroy(voiceunlock_cancel *cancel);

/* ---- audio: where speech comes from ---- */

typedef enum voiceunlock_audio_kind {
	VOICEUNLOCK_AUDIO_MICROPHONE = 0,
	VOICEUNLOCK_AUDIO_FILE = 1,    /* any format libsndfile knows; read by this process */
	VOICEUNLOCK_AUDIO_SAMPLES = 2, /* in memory */
	VOICEUNLOCK_AUDIO_SESSION = 3, /* what voiceunlock_upload made; not closed by its use */
} voiceunlock_audio_kind;

typedef struct voiceunlock_audio {
	voiceunlock_audio_kind kind;
	const char *path;       /* FILE */
	const float *samples;   /* SAMPLES: interleaved, full scale is -1 to 1 */
	size_t frame_count;     /* SAMPLES: samples per channel */
	uint32_t sample_rate;   /* SAMPLES: 8000 to 192000 */
	uint32_t channels;      /* SAMPLES: 1 to 8 */
	const char *session_id; /* SESSION */
} voiceunlock_audio;

typedef enum voiceunlock_phase {
	VOICEUNLOCK_PHASE_UPLOADING = 0, /* file and samples only */
	VOICEUNLOCK_PHASE_OPENING = 1,   /* the microphone is being opened */
	VOICEUNLOCK_PHASE_LISTENING = 2, /* it delivers: ask the person to speak */
	VOICEUNLOCK_PHASE_SPEECH = 3,
	VOICEUNLOCK_PHASE_DECIDING = 4,
	VOICEUNLOCK_PHASE_DONE = 5,
} voiceunlock_phase;

/* Phrases that one challenge asks for, at most. */
#define VOICEUNLOCK_CHALLENGE_MAX 4

typedef struct voiceunlock_progress {
	voiceunlock_phase phase;
	float level_dbfs; /* of the last 50 ms; -120 when not known */
	float peak_dbfs;
	uint32_t speech_ms; /* speech heard so far */
	double done;        /* UPLOADING: share sent, 0 to 1 */
	/* What has to be said in this attempt, in this order, at level maximum; 0: anything. Valid within the call.
	 */
	size_t challenge_count;
	const char *challenge[VOICEUNLOCK_CHALLENGE_MAX];
} voiceunlock_progress;

/* Called on the thread that made the call, about 20 times a second while the microphone is open. */
typedef void (*voiceunlock_progress_callback)(void *context, const voiceunlock_progress *progress);

typedef struct voiceunlock_quality {
	uint32_t speech_ms;
	uint32_t total_ms;
	float snr_db;
	float clipped_pct;
	float level_dbfs;
	char advice[256]; /* one sentence for the speaker; empty when nothing is to be bettered */
} voiceunlock_quality;

/* ---- authenticate and identify ---- */

typedef enum voiceunlock_verdict {
	VOICEUNLOCK_VERDICT_UNKNOWN = 0, /* never an accept */
	VOICEUNLOCK_ACCEPT = 1,
	VOICEUNLOCK_REJECT = 2,
	VOICEUNLOCK_SPOOF = 3,
	VOICEUNLOCK_NO_SPEECH = 4,
	VOICEUNLOCK_VERDICT_UNAVAILABLE = 5,
	VOICEUNLOCK_NOT_ENROLLED = 6,
	VOICEUNLOCK_LOCKED = 7,
} voiceunlock_verdict;

/* "accept", "no_speech", …; "unknown" otherwise. Static. */
VOICEUNLOCK_API const char *voiceunlock_verdict_name(voiceunlock_verdict verdict);

typedef enum voiceunlock_spoof_verdict {
	VOICEUNLOCK_SPOOF_UNKNOWN = 0, /* not assessed; never a pass */
	VOICEUNLOCK_SPOOF_BONAFIDE = 1,
	VOICEUNLOCK_SPOOF_SPOOF = 2,
	VOICEUNLOCK_SPOOF_UNAVAILABLE = 3,
	VOICEUNLOCK_SPOOF_OFF = 4,
} voiceunlock_spoof_verdict;

/* "bonafide", "spoof", "unavailable", "off", "unknown". Static. */
VOICEUNLOCK_API const char *voiceunlock_spoof_verdict_name(voiceunlock_spoof_verdict verdict);

typedef struct voiceunlock_detector {
	char *name;
	double score;
	voiceunlock_spoof_verdict verdict;
	char *reason;
} voiceunlock_detector;

typedef struct voiceunlock_antispoof {
	voiceunlock_spoof_verdict verdict;
	double score; /* log-likelihood ratio, higher = more bona fide; NaN when not computed */
	char *level;
	char *reason;
	voiceunlock_detector *detectors;
	size_t detector_count;
} voiceunlock_antispoof;

/* One authentication. Scores are NaN where they were not computed. */
typedef struct voiceunlock_attempt {
	char *attempt_id;
	char *user;
	voiceunlock_verdict verdict;
	char *reason; /* for a person, with what to do next */
	double score; /* higher = more the speaker */
	double threshold;
	struct {
		double svm;
		double second;
		double fused;
	} speaker;
	voiceunlock_antispoof antispoof;
	voiceunlock_quality quality;
	struct { /* milliseconds, as the services measured them */
		double capture;
		double features;
		double antispoof;
		double score;
		double decision;
		double total;
	} timing_ms;
	uint32_t failures_left; /* before lockout */
	uint64_t locked_for_s;
	bool may_unlock; /* an accept by microphone at no less than the configured levels: only this may open anything
	                  */
	double level_thresholds[3]; /* of a trial: at convenient, standard and strict; else NaN */
} voiceunlock_attempt;

typedef struct voiceunlock_attempt_options {
	size_t size;
	const char *level;         /* "convenient" "standard" "strict"; NULL: configured */
	const char *anti_spoofing; /* "off" to "maximum"; NULL: configured */
	double timeout_s;          /* for the person to begin, and for the services to answer; 0: configured */
	voiceunlock_progress_callback progress; /* or NULL */
	void *context;
	voiceunlock_cancel *cancel; /* or NULL */
	bool enrolled_first;        /* opens no microphone for a user who is not enrolled */
	/*
	 * Where the person stands, for callers who ask for many at many places: the PAM service and the terminal, as
	 * in "sudo:pts/3", of at most 64 letters, digits and ".:/_@+-"; NULL elsewhere. It is believed from root
	 * alone, and then failures count against this door and this user and not against all that root asks.
	 */
	const char *door;
} voiceunlock_attempt_options;

/*
 * Is this `user`? Audio NULL is the microphone. Audio that is not the
 * microphone runs the same checks, but never unlocks or teaches anything.
 *
 * A file that cannot be read, or audio nobody speaks in, is the verdict
 * NO_SPEECH (or a stronger one) with the reason, and a service that does not
 * answer in time the verdict UNAVAILABLE; codes are for what kept the question
 * from being asked.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_authenticate(voiceunlock_client *client, const char *user,
                                                          const voiceunlock_audio *audio,
                                                          const voiceunlock_attempt_options *options,
                                                          voiceunlock_attempt **attempt_out,
                                                          voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_attempt_free(voiceunlock_attempt *attempt);

typedef struct voiceunlock_candidate {
	char *user;
	double score;
} voiceunlock_candidate;

typedef struct voiceunlock_identification {
	voiceunlock_verdict verdict; /* ACCEPT: `user` is set; REJECT: nobody */
	char *reason;
	char *user; /* NULL: nobody */
	double score;
	double threshold;
	double margin;                     /* to the next candidate; NaN when there is none */
	voiceunlock_candidate *candidates; /* best first */
	size_t candidate_count;
	voiceunlock_antispoof antispoof;
	voiceunlock_quality quality;
} voiceunlock_identification;

/* Which enrolled user is this, if any? */
VOICEUNLOCK_API voiceunlock_code voiceunlock_identify(voiceunlock_client *client, const voiceunlock_audio *audio,
                                                      const voiceunlock_attempt_options *options,
                                                      voiceunlock_identification **result_out,
                                                      voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_identification_free(voiceunlock_identification *result);

/* ---- enrolment: begin, add samples until there are enough, commit or cancel ---- */

typedef struct voiceunlock_enroll_options {
	size_t size;
	bool replace;           /* an enrolled user is replaced when the new template is ready */
	const char *name_space; /* users of an evaluation; NULL: real ones */
	bool isolated;          /* evaluation: quality only warns, nothing is remembered against replay */
	voiceunlock_progress_callback progress;
	void *context;
	voiceunlock_cancel *cancel;
} voiceunlock_enroll_options;

/* ALREADY_EXISTS without `replace`; INVALID_ARGUMENT: bad user name. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_enrollment_begin(voiceunlock_client *client, const char *user,
                                                              const voiceunlock_enroll_options *options,
                                                              voiceunlock_enrollment **enrollment_out,
                                                              voiceunlock_error *error);
VOICEUNLOCK_API uint32_t voiceunlock_enrollment_samples_wanted(const voiceunlock_enrollment *enrollment);
VOICEUNLOCK_API uint32_t voiceunlock_enrollment_samples_max(const voiceunlock_enrollment *enrollment);
/* A sentence to have read aloud for sample `index` (0, 1, …), NULL when the service suggests none. */
/*
 * Says what the person is asked to say with the samples added from now on
 * (copied; NULL: not known). Level maximum asks for such phrases again: samples
 * without one cannot answer a challenge.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_enrollment_ask(voiceunlock_enrollment *enrollment, const char *phrase,
                                                            voiceunlock_error *error);
VOICEUNLOCK_API const char *voiceunlock_enrollment_phrase(const voiceunlock_enrollment *enrollment, uint32_t index);

typedef struct voiceunlock_sample {
	bool accepted;
	voiceunlock_quality quality;
	double agreement; /* 1 = as alike as one person's samples usually are, 0 = as strangers'; NaN: nothing to
	                     compare */
	char advice[VOICEUNLOCK_MESSAGE_MAX];
	uint32_t samples; /* good ones so far */
	bool enough; /* false while one more is asked for because a voice seems to be somebody else's; commit may be
	                called all the same once there are samples_wanted */
} voiceunlock_sample;

/* Judges one sample. A sample that is not accepted is no failure of the call: read its advice and go on. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_enrollment_add(voiceunlock_enrollment *enrollment,
                                                            const voiceunlock_audio *audio,
                                                            voiceunlock_sample *sample_out, voiceunlock_error *error);

typedef struct voiceunlock_enrolled {
	uint64_t template_bytes;
	uint32_t samples;
	double train_ms;
	char *path;
	char **warnings;
	size_t warning_count;
} voiceunlock_enrolled;

/* Trains and stores. FAILED_PRECONDITION: too few good samples. The enrollment stays valid until it is closed. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_enrollment_commit(voiceunlock_enrollment *enrollment,
                                                               voiceunlock_enrolled **enrolled_out,
                                                               voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_enrolled_free(voiceunlock_enrolled *enrolled);

/* Frees; what was not committed is cancelled at the service and forgotten. Takes NULL. */
VOICEUNLOCK_API void voiceunlock_enrollment_close(voiceunlock_enrollment *enrollment);

/*
 * All of it in one call: every audio is judged, what is good is used, and the
 * user is enrolled when enough is. `judged`, when not NULL, has room for
 * `audio_count` verdicts.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_enroll(voiceunlock_client *client, const char *user,
                                                    const voiceunlock_audio *audios, size_t audio_count,
                                                    const voiceunlock_enroll_options *options,
                                                    voiceunlock_sample *judged, voiceunlock_enrolled **enrolled_out,
                                                    voiceunlock_error *error);

/* ---- users and history ---- */

typedef struct voiceunlock_user {
	char *user;
	uint32_t samples;
	uint64_t bytes;
	char *path;
	bool present;          /* the template file is there */
	bool verified;         /* and it is intact */
	uint64_t enrolled_us;  /* since 1970-01-01 UTC */
	uint64_t last_used_us; /* 0 = never */
	char *background;
	uint64_t expires_us; /* nobody is let in from then on unless it is used before; 0 = not known */
} voiceunlock_user;

typedef struct voiceunlock_user_list {
	voiceunlock_user *users;
	size_t count;
} voiceunlock_user_list;

VOICEUNLOCK_API voiceunlock_code voiceunlock_list(voiceunlock_client *client, voiceunlock_user_list **list_out,
                                                  voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_user_list_free(voiceunlock_user_list *list);

typedef struct voiceunlock_text_list {
	char **texts;
	size_t count;
} voiceunlock_text_list;
VOICEUNLOCK_API void voiceunlock_text_list_free(voiceunlock_text_list *list);

/* Erases the user's templates; *erased_out (may be NULL) says in words what is gone. NOT_FOUND: no such user. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_remove(voiceunlock_client *client, const char *user,
                                                    voiceunlock_text_list **erased_out, voiceunlock_error *error);

/*
 * Clears the user's lockout and failures. PERMISSION_DENIED unless the caller
 * is root: the operating system must have authenticated somebody.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_unlock_user(voiceunlock_client *client, const char *user,
                                                         bool *was_locked_out, voiceunlock_error *error);

/*
 * Gives all templates a new master key. *templates_out: how many; the path of
 * the key's file goes into `key_path` (cut to `size`; both may be NULL).
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_rotate_key(voiceunlock_client *client, uint32_t *templates_out,
                                                        char *key_path, size_t size, voiceunlock_error *error);

typedef struct voiceunlock_past_attempt {
	char *attempt_id;
	uint64_t time_us; /* since 1970-01-01 UTC */
	char *user;
	char *kind;   /* authenticate identify enroll remove */
	char *source; /* microphone upload */
	char *verdict;
	char *reason;
	double score;
	double threshold;
	double antispoof_score;
	double total_ms;
} voiceunlock_past_attempt;

typedef struct voiceunlock_history {
	voiceunlock_past_attempt *attempts; /* newest first */
	size_t count;
} voiceunlock_history;

/* limit 0: 20. user NULL: everybody's. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_get_history(voiceunlock_client *client, uint32_t limit, const char *user,
                                                         voiceunlock_history **history_out, voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_history_free(voiceunlock_history *history);

/* ---- the suite ---- */

typedef struct voiceunlock_service {
	char *name;
	uint64_t pid;
	char *state;  /* stopped starting running stopping backoff failed */
	char *health; /* SERVING NOT_SERVING UNKNOWN */
	uint32_t restarts;
	uint64_t rss_bytes;
	uint64_t limit_bytes; /* 0 = none */
	double uptime_s;
	char *reason;
} voiceunlock_service;

typedef struct voiceunlock_cache {
	char *name; /* models scalers pca */
	uint64_t bytes;
	uint64_t items;
	uint64_t hits;
	uint64_t misses;
} voiceunlock_cache;

typedef struct voiceunlock_lockout {
	char *user;
	uint64_t remaining_s;
	uint32_t failures;
} voiceunlock_lockout;

typedef struct voiceunlock_expected {
	char *user;
	double p;
	char *reason;
} voiceunlock_expected;

typedef struct voiceunlock_suite {
	bool ready;
	bool complete; /* false: the orchestrator did not answer, so only `services` is known */
	double uptime_s;
	voiceunlock_service *services; /* the supervisor first */
	size_t service_count;
	uint64_t model_server_rss_bytes;
	uint64_t max_bytes;
	voiceunlock_cache *caches;
	size_t cache_count;
	uint32_t users;
	voiceunlock_lockout *lockouts;
	size_t lockout_count;
	voiceunlock_expected *expected;
	size_t expected_count;
} voiceunlock_suite;

/* UNAVAILABLE: the suite is down. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_get_status(voiceunlock_client *client, voiceunlock_suite **suite_out,
                                                        voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_suite_free(voiceunlock_suite *suite);

/* The performance report as a JSON object, freed with voiceunlock_text_free. UNIMPLEMENTED: not offered yet. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_report(voiceunlock_client *client, char **json_out,
                                                    voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_text_free(char *text);

typedef struct voiceunlock_alert {
	const char *metric;
	double value;
	double threshold;
	const char *severity;
	uint64_t since_us;
} voiceunlock_alert;
typedef void (*voiceunlock_alert_callback)(void *context, const voiceunlock_alert *alert);

/* Calls `callback` for each alert until `cancel` is triggered. UNIMPLEMENTED: not offered yet. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_watch_alerts(voiceunlock_client *client,
                                                          voiceunlock_alert_callback callback, void *context,
                                                          voiceunlock_cancel *cancel, voiceunlock_error *error);

/* The supervisor answers first and stops everything then; wait for the pids of voiceunlock_get_status to go. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_stop_suite(voiceunlock_client *client, voiceunlock_error *error);
/* Returns when the service is SERVING again; *pid_out may be NULL. NOT_FOUND: no such service. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_restart_service(voiceunlock_client *client, const char *service,
                                                             uint64_t *pid_out, voiceunlock_error *error);
typedef struct voiceunlock_cleanup_result {
	uint64_t freed_bytes; /* by the service's own account */
	uint64_t rss_before_bytes;
	uint64_t rss_after_bytes;
} voiceunlock_cleanup_result;

/* One service gives memory back now; aggressively, also what is still of some use. NOT_FOUND: no such service. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_cleanup(voiceunlock_client *client, const char *service, bool aggressive,
                                                     voiceunlock_cleanup_result *result_out,
                                                     voiceunlock_error *error);
/* The configuration is read again and handed to the services. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_reload(voiceunlock_client *client, voiceunlock_error *error);

typedef struct voiceunlock_device {
	char *name;
	char *host_api;
	uint32_t channels;
	double default_rate;
	bool is_default;
} voiceunlock_device;

typedef struct voiceunlock_device_list {
	voiceunlock_device *devices;
	size_t count;
} voiceunlock_device_list;

/* The microphones that capture sees. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_list_devices(voiceunlock_client *client,
                                                          voiceunlock_device_list **list_out,
                                                          voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_device_list_free(voiceunlock_device_list *list);

typedef struct voiceunlock_process {
	uint64_t pid;
	char version[64];
	char allocator[64];
	uint64_t uptime_ms;
	uint64_t rss_bytes;
	uint64_t heap_bytes;
} voiceunlock_process;

/* What a service ("models") says of its own process. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_get_process(voiceunlock_client *client, const char *service,
                                                         voiceunlock_process *process_out, voiceunlock_error *error);

/* ---- evaluation: users of a namespace, one upload scored against many claims ---- */

#define VOICEUNLOCK_SESSION_ID_SIZE 33

/* Uploads audio once. `whole`: all of it, not only what an attempt would listen to. Close the session afterwards. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_upload(voiceunlock_client *client, const voiceunlock_audio *audio,
                                                    bool whole, voiceunlock_cancel *cancel,
                                                    char session_id_out[VOICEUNLOCK_SESSION_ID_SIZE],
                                                    voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_session_close(voiceunlock_client *client, const char *session_id);

typedef struct voiceunlock_attempt_list {
	voiceunlock_attempt **attempts; /* one per claimed user, in order */
	size_t count;
} voiceunlock_attempt_list;

#define VOICEUNLOCK_TRIALS_MAX 1000

/* Scores one upload against up to VOICEUNLOCK_TRIALS_MAX claims, isolated from lockout, replay memory and adaptation.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_run_trials(voiceunlock_client *client, const char *session_id,
                                                        const char *name_space, const char *const *users,
                                                        size_t user_count, const voiceunlock_attempt_options *options,
                                                        voiceunlock_attempt_list **list_out,
                                                        voiceunlock_error *error);
VOICEUNLOCK_API void voiceunlock_attempt_list_free(voiceunlock_attempt_list *list);

/* Removes every user of a namespace. INVALID_ARGUMENT for "" or NULL: real users go one by one. */
VOICEUNLOCK_API voiceunlock_code voiceunlock_remove_namespace(voiceunlock_client *client, const char *name_space,
                                                              voiceunlock_error *error);

/* ---- any method, with JSON ---- */

/*
 * `method` is PROCESS/METHOD ("models/Stats", "capture/Process.Info"), or
 * SERVICE/METHOD by its full name ("voiceunlock.v1.Models/Stats"). json_in NULL
 * is an empty request. *json_out is freed with voiceunlock_text_free. NOT_FOUND
 * and UNIMPLEMENTED name the nearest that exists; INVALID_ARGUMENT says what is
 * wrong with the JSON.
 */
VOICEUNLOCK_API voiceunlock_code voiceunlock_call(voiceunlock_client *client, const char *method, const char *json_in,
                                                  double timeout_s, char **json_out, voiceunlock_error *error);
/* The methods of one process, as "voiceunlock.v1.Models/Stats". */
VOICEUNLOCK_API voiceunlock_code voiceunlock_list_methods(voiceunlock_client *client, const char *process,
                                                          voiceunlock_text_list **list_out, voiceunlock_error *error);

#ifdef __cplusplus
}
#endif

#endif
