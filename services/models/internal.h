/* What the files of the model-server share. */
#ifndef VU_MODELS_INTERNAL_H
#define VU_MODELS_INTERNAL_H

#include "base/user_name.h"
#include "cache.h"
#include "expiry.h"
#include "habit_store.h"
#include "ml/scorer.h"
#include "models.h"
#include "platform/platform.h"
#include "rpc/dedup.h"
#include "store/store.h"
#include "template_store.h"
#include "voice_index.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <pthread.h>
#include <stdatomic.h>

/* Two writers of one user are kept apart by one of these. */
#define USER_LOCKS 16
/* What works on templates was seen to reach so deep into its stack; that is overwritten afterwards. */
#define WORK_STACK_BYTES 49152

/* Settings of a moment, as a request uses them from beginning to end. */
typedef struct settings {
	char background_path[PATH_MAX];
	bool map;
	bool quantize;
	double prune;
	uint32_t components;
	uint32_t load_timeout_ms;
	vu_level level;
	bool adaptive;
	size_t cache_bytes;
	uint64_t max_memory_bytes;
	int64_t aggressive_unload_us;
	bool predict;
	double preload_threshold;
	uint32_t preload_queue;
	uint32_t cpu_percent; /* 0: any */
	uint32_t max_attempts;
	uint32_t lockout_s;
} settings;

/* Shown in the status at most. */
#define EXPECTED_MAX 16

/* Who is likely to come, and why. */
typedef struct expected_user {
	char user[VU_USER_NAME_MAX + 1];
	double p;
	char reason[96];
} expected_user;

struct models {
	template_store store;
	vu_vault *vault; /* may be NULL */
	cache *cache;
	pthread_rwlock_t settings_lock;
	settings settings;
	pthread_mutex_t user_locks[USER_LOCKS];
	pthread_mutex_t removal_lock;
	voice_index *index; /* of real users */
	atomic_int users;   /* in the namespace of real users; -1: not counted yet */
	/* Goes up, under the user's lock, whenever somebody is enrolled or removed: who worked on a template without
	 * the lock sees that it may be another's by now. */
	atomic_uint enrolments;
	vu_clock clock;                  /* dates visits */
	atomic_llong asked_us;           /* when somebody last asked for a score or an enrolment, monotonic */
	atomic_llong looked_us;          /* when Expire last looked, monotonic */
	pthread_mutex_t prediction_lock; /* of the next four */
	char state_folder[PATH_MAX];
	char prediction_path[PATH_MAX];
	habit_store *habits; /* NULL until needed */
	expected_user expected[EXPECTED_MAX];
	size_t expected_count;
	pthread_mutex_t expiry_lock; /* of the next */
	expiry_clock expiry_clock;
	pthread_mutex_t loader_lock; /* of the next two */
	vu_loader_config loaders[VU_CONFIG_LOADERS_MAX];
	unsigned loader_count;
	struct preloader *preloader; /* NULL: not running */
	pthread_mutex_t guess_lock;  /* of the next two, throughout a transaction */
	char guesses_path[PATH_MAX];
	vu_store *guesses; /* NULL until needed */
	char boot_id[VU_BOOT_ID_SIZE];
	vu_dedup *dedup;
	vu_rpc_service service;
};

/* A checked key. */
typedef struct user_key {
	const char *namespace; /* "": real users */
	const char *user;
} user_key;

/* ---- loading.c: background and templates through the cache ---- */

/* The background's parts, held for one request. */
typedef struct held_scorer {
	vu_scorer scorer;
	cache_entry *background;
	cache_entry *parts; /* scaler */
	cache_entry *projection;
} held_scorer;

vu_status hold_scorer(models *models, const settings *with, int64_t deadline_us, held_scorer *held, vu_error *error);
/* The same before anybody asked: counts neither as hit nor as miss. */
vu_status hold_scorer_ahead(models *models, const settings *with, held_scorer *held, vu_error *error);
void release_scorer(models *models, held_scorer *held);

/* A user's template, verified, fit for this scorer; trained again from what was kept where that is all it takes. */
vu_status hold_template(models *models, const settings *with, const held_scorer *held, user_key key,
                        int64_t deadline_us, cache_entry **entry_out, bool *hit_out, vu_error *error);
/* The same before anybody asked: counts neither as hit nor as miss. */
vu_status hold_template_ahead(models *models, const settings *with, const held_scorer *held, user_key key,
                              cache_entry **entry_out, vu_error *error);
const vu_template *held_template(const cache_entry *entry);

/* The same past the cache, which a walk over all users would empty; the caller destroys it. */
vu_status read_template(models *models, const settings *with, const held_scorer *held, user_key key,
                        vu_template **template_out, vu_error *error);

/* What the owner of templates writes into them besides the scorers' sections. */
typedef struct template_facts {
	uint64_t enrolled_us;
	uint64_t samples;
	uint64_t support_vectors;
	uint64_t train_us;
	uint8_t request_id[VU_ID_BYTES];
} template_facts;

void write_facts(vu_model_writer *writer, user_key key, const template_facts *facts);
/* DATA_LOSS: not there or not fit; PERMISSION_DENIED: the file is somebody else's. */
vu_status read_facts(const vu_model_file *file, user_key key, template_facts *facts, vu_error *error);

/* ---- phrases.c: what was said at enrolment, for challenges ---- */

/* Writes what each sample said; nothing when no sample says. */
void write_phrases(vu_model_writer *writer, Vu__EnrollSample *const *samples, size_t count);
/* The same from a template that is trained again. */
void copy_phrases(vu_model_writer *writer, const vu_model_file *from);
/* INVALID_ARGUMENT: too long, not UTF-8, or with control characters. */
vu_status check_phrase(const char *phrase, vu_error *error);

/* A template's key in the cache. */
#define KEY_SIZE            (PATH_MAX + 128)
#define TEMPLATE_KEY_PREFIX "template:"
void template_key(user_key key, char text[KEY_SIZE]);

void forget_template(models *models, user_key key);
pthread_mutex_t *user_lock(models *models, user_key key);

/* ---- memory.c ---- */

/* When memory is short (cache, process or machine), frees what is idle and unlikely. */
void relieve_memory(models *models);

/* ---- prediction.c: who comes when ---- */

/* Forgets what is known of a user's habits; a failure is only logged. */
void forget_habit(models *models, const char *user);
void close_habits(models *models);
/*
 * The likeliest users, likeliest first, at least `threshold`, into `items`;
 * remembers them for the status. *count_out 0 when there are none, when nothing
 * was ever learned, or when prediction is off.
 */
vu_status expect_users(models *models, const settings *with, expected_user *items, size_t room, size_t *count_out,
                       vu_error *error);

/* ---- activate.c ---- */

/* Copies the configuration's loaders. */
void set_loaders(models *models, const vu_loader_config *loaders, unsigned count);

/* ---- expire.c ---- */

/* When the user's template was last used or written, wall clock; 0 in an evaluation's namespace. */
int64_t last_known_us(models *models, user_key key);
/* NOT_FOUND when nobody used it for so long that it lets nobody in. */
vu_status check_expiry(models *models, user_key key, vu_error *error);

/* ---- guesses.c: failures at all computers that use these templates ---- */

/* For how long a real user is still locked out; 0: not at all. Makes no file. */
vu_status locked_for(models *models, const char *user, uint64_t *seconds_out, vu_error *error);
/* Forgets the failures of a user who is no more; a failure to do so is only logged. */
void drop_guesses(models *models, const char *user);
void close_guesses(models *models);
void handle_count_guess(void *context, vu_rpc_call *call, const ProtobufCMessage *message);
void handle_forget_guesses(void *context, vu_rpc_call *call, const ProtobufCMessage *message);

/* ---- users.c ---- */

/* Everything that is kept of a user; see template_store_remove. */
vu_status remove_user(models *models, user_key key, const uint8_t request_id[VU_ID_BYTES], uint64_t *bytes_out,
                      vu_error *error);

/* ---- preloader.c ---- */

/* Foretells and loads, once: what the preloader's thread does now and then. Returns how many were loaded. */
unsigned preload_expected(models *models);
/* How long to rest after so much work, so that it takes `percent` of a processor on average; 0 percent: any. */
int64_t preload_rest_us(int64_t worked_us, uint32_t percent);

/* ---- request.c: what comes from outside, checked ---- */

void copy_settings(models *models, settings *out);
vu_status check_key(const Vu__UserKey *key, user_key *out, vu_error *error);
vu_status check_namespace(const char *namespace, vu_error *error);
vu_status check_level(const settings *with, const char *text, vu_level *level_out, vu_error *error);
/* The extractor a request's vectors are by must be the background's. */
vu_status check_extractor(const held_scorer *held, const char *extractor, vu_error *error);
/* `input` borrows from the message. */
vu_status check_input(const Vu__SpeakerVector *vector, ProtobufCBinaryData statistics, const Vu__Quality *quality,
                      vu_scorer_input *input, vu_error *error);
/* Fills `samples` (room for `count`) and allocates *crops_out for all crops; the caller frees it. */
vu_status check_samples(Vu__EnrollSample *const *messages, size_t count, vu_scorer_sample *samples, float **crops_out,
                        vu_error *error);

/* ---- score.c: an utterance made ready, with what it needs ---- */

typedef struct utterance {
	settings with;
	held_scorer held;
	vu_probe probe;
	vu_level level;
	float thresholds[VU_BACKGROUND_LEVELS];
} utterance;

/*
 * Whatever it returns, end_utterance is called afterwards, and before the
 * answer: who has the answer may ask for memory back, and nothing is to be in
 * use then.
 */
vu_status begin_utterance(models *models, vu_rpc_call *call, const char *extractor, const Vu__SpeakerVector *vector,
                          ProtobufCBinaryData statistics, const Vu__Quality *quality, const char *level, utterance *u,
                          vu_error *error);
void end_utterance(models *models, utterance *u);
/* The response points into `u`. */
vu_status score_user(models *models, utterance *u, user_key key, int64_t deadline_us, Vu__ScoreResponse *response,
                     vu_error *error);

/* ---- identify.c ---- */

/*
 * The users of a namespace nearest to the probe, at most `room`; errors as
 * voice_index_search. `call` may be NULL.
 */
vu_status find_nearest(models *models, const settings *with, const held_scorer *held, const char *namespace,
                       const vu_probe *probe, vu_rpc_call *call, int64_t deadline_us, size_t room, voice_found *found,
                       vu_error *error);

/* ---- handlers, one file per family ---- */

void handle_enroll(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_agreement(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_score(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_score_many(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_identify(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_adapt(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_revert(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_list_users(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_remove(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_remove_namespace(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_preload(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_stats(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_states(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_set_pressure(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_activate(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_observe(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_rotate_key(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
/* What time it is for templates that expire. */
int64_t expiry_now_us(models *models);
void handle_expire(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_phrases(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_check_phrases(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void handle_hot(void *context, vu_rpc_call *call, const ProtobufCMessage *request);

/* All users of a namespace; free each and the array. */
vu_status list_names(models *models, const char *namespace, char ***names_out, size_t *count_out, vu_error *error);
void free_names(char **names, size_t count);

#endif
