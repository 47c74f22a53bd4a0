/*
 * The configuration: one YAML file, environment over it, defaults under it.
 *
 * The file is $VOICE_UNLOCK_CONFIG, else $XDG_CONFIG_HOME/voice-unlock/config.yaml
 * (macOS: config.yaml in the state folder), else /etc/voice-unlock/config.yaml,
 * else none. Unknown keys and values out of range are errors that name file,
 * line, key and remedy. An unknown VOICE_UNLOCK_* variable is a warning.
 *
 * vu_config is plain data: whoever holds it may read it from any thread as
 * long as nobody frees it.
 */
#ifndef VU_BASE_CONFIG_H
#define VU_BASE_CONFIG_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_CONFIG_FILE_BYTES_MAX (256 * 1024)
#define VU_CONFIG_ENDPOINTS_MAX  8
#define VU_CONFIG_PHRASES_MAX    64
#define VU_CONFIG_LOADERS_MAX    32

typedef enum vu_level { VU_LEVEL_CONVENIENT, VU_LEVEL_STANDARD, VU_LEVEL_STRICT } vu_level;
typedef enum vu_antispoof_level {
	VU_ANTISPOOF_OFF,
	VU_ANTISPOOF_LOW,
	VU_ANTISPOOF_MEDIUM,
	VU_ANTISPOOF_HIGH,
	VU_ANTISPOOF_MAXIMUM,
} vu_antispoof_level;
/* Whether services are kept from what they do not need: on, where the system can; or not without. */
typedef enum vu_confinement_wish {
	VU_CONFINEMENT_OFF,
	VU_CONFINEMENT_ON,
	VU_CONFINEMENT_REQUIRED
} vu_confinement_wish;

typedef enum vu_system_mode { VU_MODE_SCREENSAVER, VU_MODE_PAM, VU_MODE_BOTH } vu_system_mode;

/* The services a configuration may place elsewhere, in the order of their folder names. */
typedef enum vu_service_id {
	VU_SERVICE_CAPTURE,
	VU_SERVICE_FEATURES,
	VU_SERVICE_MODELS,
	VU_SERVICE_ANTISPOOF,
	VU_SERVICE_ORCHESTRATOR,
	VU_SERVICE_SUPERVISOR,
	VU_SERVICE_COUNT,
} vu_service_id;

/* "capture", …; NULL for anything else. */
const char *vu_service_name(vu_service_id id);
/* VU_SERVICE_COUNT when there is no such service. */
vu_service_id vu_service_by_name(const char *name);

typedef struct vu_endpoints {
	char *uris[VU_CONFIG_ENDPOINTS_MAX]; /* none: the local default */
	unsigned count;
} vu_endpoints;

typedef struct vu_loader_config {
	char *kind;
	char *object; /* or NULL */
	char *path;   /* or NULL */
	char *sha256;
} vu_loader_config;

typedef struct vu_config {
	struct {
		uint32_t max_memory_mb;
		uint32_t cache_size_mb;
		uint32_t max_cpu_percent;
		bool background_monitoring;
		bool use_gpu;
	} performance;
	struct {
		bool enable_lazy_loading;
		bool enable_predictive_loading;
		bool enable_quantization;
		bool enable_mmap;
		double prune;
		double preload_threshold;
		uint32_t max_preload_queue;
		uint32_t aggressive_unload_timeout_s;
		uint32_t load_timeout_ms;
		uint32_t pca_components;
		char *background_model; /* NULL: the one that ships */
		vu_loader_config loaders[VU_CONFIG_LOADERS_MAX];
		unsigned loader_count;
	} ml;
	struct {
		char *device; /* "default" or a name */
		uint32_t sample_rate;
		uint32_t channels;
		double min_duration_s;
		double max_duration_s;
		double vad_silence_s;
		double min_snr_db;
	} audio;
	struct {
		uint32_t min_samples;
		uint32_t max_samples;
		char *phrases[VU_CONFIG_PHRASES_MAX];
		unsigned phrase_count;
	} enrollment;
	struct {
		vu_level level;
		uint32_t max_attempts;
		uint32_t lockout_s;
		double timeout_s;
		bool adaptive;
	} authentication;
	struct {
		vu_antispoof_level anti_spoofing;
		bool encrypt;
		bool audit;
		uint32_t audit_retention_days;
		bool anonymize_logs;
		vu_confinement_wish confinement;
	} security;
	struct {
		vu_system_mode mode;
		bool machine;
	} system;
	struct {
		double interval_s;
	} monitoring;
	struct {
		double memory_percent;
		double cpu_percent;
		double inference_ms;
		double cache_hit_percent;
		char *command; /* or NULL */
	} alerts;
	struct {
		uint32_t port; /* 0 = off */
		bool port_is_default;
	} http;
	vu_endpoints endpoints[VU_SERVICE_COUNT];
	char *source_path; /* the file that was read, or NULL */
} vu_config;

/*
 * Loads file and environment into a new configuration. `path` NULL: the search
 * order above. Errors: INVALID_ARGUMENT (with line and remedy), PERMISSION_DENIED
 * (file writable by others or not the user's), NOT_FOUND (a path that was named
 * does not exist), OUT_OF_RANGE (file too large). Warnings go to the log.
 * Free with vu_config_free.
 */
vu_status vu_config_load(const char *path, vu_config **config_out, vu_error *error);

void vu_config_free(vu_config *config);

/*
 * The path that configuration is read from, or would be written to when there
 * is none. Caller frees. Implemented in common/platform, which knows the places.
 */
char *vu_config_default_path(void);

/*
 * Loads from memory, without the environment: what a file of that content would
 * give. `label` names it in messages and is copied to source_path. `bytes` of
 * `text`, which need not end in a NUL. Errors as above.
 */
vu_status vu_config_parse(const char *text, size_t bytes, const char *label, vu_config **config_out, vu_error *error);

typedef enum vu_config_kind {
	VU_CONFIG_BOOL,
	VU_CONFIG_UINT,
	VU_CONFIG_NUMBER,
	VU_CONFIG_TEXT,
	VU_CONFIG_CHOICE,
} vu_config_kind;

/* One scalar key: what `configure` shows, and all that loading and editing know of it. */
typedef struct vu_config_key {
	const char *name;        /* "performance.max_memory_mb" */
	const char *environment; /* "VOICE_UNLOCK_MAX_MEMORY" or NULL */
	const char *range;       /* for people: "1 to 100" */
	const char *help;
	vu_config_kind kind;
	double minimum; /* of numbers */
	double maximum;
	const char *default_text;   /* as in the file; "" = none */
	const char *const *choices; /* of a choice, ending in NULL */
	size_t offset;              /* in vu_config */
} vu_config_key;

/* All scalar keys, in the order of the file; *count_out says how many. Static. */
const vu_config_key *vu_config_keys(size_t *count_out);

/* The key of that name, or NULL with NOT_FOUND that names the nearest one. */
const vu_config_key *vu_config_find_key(const char *name, vu_error *error);

/*
 * The value of a key as text, as it would stand in the file; "" when there is
 * none. The lists (enrollment.phrases, ml.loaders, services.NAME.endpoints) are
 * shown as YAML in one line. NOT_FOUND names the nearest key; OUT_OF_RANGE: `size`
 * is too small.
 */
vu_status vu_config_get(const vu_config *config, const char *key, char *text, size_t size, vu_error *error);

/*
 * Checks `value` for `key` and writes it into the file at `path`, keeping all
 * other settings (comments are kept where the key's line allows); the file is
 * replaced atomically and is loadable afterwards, or unchanged. A file that
 * does not exist yet is created. "services.NAME.endpoints" takes a list, "[A, B]"
 * or "A, B". NOT_FOUND: no such key; INVALID_ARGUMENT: the value, or another list
 * key, which is edited in the file.
 */
vu_status vu_config_set(const char *path, const char *key, const char *value, vu_error *error);

/* "standard", … and back; the parse functions return INVALID_ARGUMENT naming the choices. */
const char *vu_level_name(vu_level level);
vu_status vu_level_parse(const char *text, vu_level *level_out, vu_error *error);
const char *vu_antispoof_level_name(vu_antispoof_level level);
vu_status vu_antispoof_level_parse(const char *text, vu_antispoof_level *level_out, vu_error *error);

#endif
