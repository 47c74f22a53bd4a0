/*
 * Every scalar key once: its place in vu_config, environment variable, default,
 * range and help. Reading, checking, showing and editing all follow this table;
 * a new key is one line here and one field in vu_config.
 */
#include "base/config_table.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define FLAG(key, variable, initial, text) \
	{#key, variable, "true or false", text, VU_CONFIG_BOOL, 0, 1, #initial, NULL, offsetof(vu_config, key)}
#define COUNT(key, variable, initial, low, high, text) \
	{#key, variable, #low " to " #high, text, VU_CONFIG_UINT, low, high, #initial, NULL, offsetof(vu_config, key)}
#define NUMBER(key, variable, initial, low, high, text) \
	{#key, variable, #low " to " #high, text, VU_CONFIG_NUMBER, low, high, #initial, NULL, offsetof(vu_config, key)}
#define TEXT(key, variable, initial, what, text) \
	{#key, variable, what, text, VU_CONFIG_TEXT, 0, 0, initial, NULL, offsetof(vu_config, key)}
#define CHOICE(key, variable, initial, names, what, text) \
	{#key, variable, what, text, VU_CONFIG_CHOICE, 0, 0, initial, names, offsetof(vu_config, key)}

const char *const VU_LEVEL_NAMES[] = {"convenient", "standard", "strict", NULL};
const char *const VU_ANTISPOOF_LEVEL_NAMES[] = {"off", "low", "medium", "high", "maximum", NULL};
static const char *const CONFINEMENT_NAMES[] = {"off", "on", "required", NULL};
static const char *const MODE_NAMES[] = {"screensaver", "pam", "both", NULL};

static const vu_config_key KEYS[] = {
	{"performance.max_memory_mb", "VOICE_UNLOCK_MAX_MEMORY", "32 to 65536, as with less the model server cannot serve",
	 "ceiling for the memory of the model server, MB; a large background model needs more than 32", VU_CONFIG_UINT,
	 32, 65536, "400", NULL, offsetof(vu_config, performance.max_memory_mb)},
	COUNT(performance.cache_size_mb, "VOICE_UNLOCK_CACHE_SIZE", 150, 1, 65536,
	      "part of it that caches may fill, MB; at most max_memory_mb"),
	COUNT(performance.max_cpu_percent, "VOICE_UNLOCK_MAX_CPU", 25, 1, 100,
	      "average share of one processor core that the suite may use"),
	FLAG(performance.background_monitoring, "VOICE_UNLOCK_BACKGROUND", true,
	     "keep metrics history and raise alerts; the memory ceiling holds either way"),
	FLAG(performance.use_gpu, "VOICE_UNLOCK_USE_GPU", false, "compute on a graphics processor where the build can"),

	FLAG(ml.enable_lazy_loading, "VOICE_UNLOCK_LAZY_LOADING", true,
	     "load models when they are first needed instead of at start"),
	FLAG(ml.enable_predictive_loading, "VOICE_UNLOCK_PREDICTIVE_LOADING", true,
	     "load the models of people who are expected soon"),
	FLAG(ml.enable_quantization, "VOICE_UNLOCK_QUANTIZATION", true, "write models with 16-bit numbers"),
	FLAG(ml.enable_mmap, "VOICE_UNLOCK_MMAP", true, "map model files instead of reading them into memory"),
	NUMBER(ml.prune, "VOICE_UNLOCK_PRUNE", 0, 0, 0.9,
	       "share of support vectors and mixture components to drop"),
	NUMBER(ml.preload_threshold, "VOICE_UNLOCK_PRELOAD_THRESHOLD", 0.7, 0, 1,
	       "probability from which a model is loaded ahead; higher preloads less"),
	COUNT(ml.max_preload_queue, "VOICE_UNLOCK_MAX_PRELOAD_QUEUE", 5, 0, 1000, "models waiting to be loaded ahead"),
	COUNT(ml.aggressive_unload_timeout_s, "VOICE_UNLOCK_AGGRESSIVE_TIMEOUT", 60, 1, 86400,
	      "under memory pressure, models idle for longer are unloaded first, seconds"),
	COUNT(ml.load_timeout_ms, "VOICE_UNLOCK_LOAD_TIMEOUT", 10000, 1, 600000,
	      "longest wait for a model to load, milliseconds"),
	COUNT(ml.pca_components, "VOICE_UNLOCK_PCA_COMPONENTS", 50, 10, 100,
	      "dimensions kept of a voice; a change retrains users on next use"),
	TEXT(ml.background_model, "VOICE_UNLOCK_BACKGROUND_MODEL", "", "a path, or nothing for the built-in one",
	     "background model to use instead of the built-in one"),

	TEXT(audio.device, "VOICE_UNLOCK_DEVICE", "default", "default or the name of a device", "microphone to listen to"),
	COUNT(audio.sample_rate, "VOICE_UNLOCK_SAMPLE_RATE", 16000, 8000, 192000, "rate asked of the device, Hz"),
	COUNT(audio.channels, "VOICE_UNLOCK_CHANNELS", 1, 1, 2, "channels asked of the device"),
	NUMBER(audio.min_duration_s, "VOICE_UNLOCK_MIN_DURATION", 1, 0.3, 60, "least speech to judge, seconds"),
	NUMBER(audio.max_duration_s, "VOICE_UNLOCK_MAX_DURATION", 10, 1, 120, "longest recording, seconds"),
	NUMBER(audio.vad_silence_s, "VOICE_UNLOCK_VAD_SILENCE", 0.8, 0.1, 5, "silence that ends speech, seconds"),
	NUMBER(audio.min_snr_db, "VOICE_UNLOCK_MIN_SNR", 10, -10, 60, "least signal-to-noise ratio to judge, dB"),

	COUNT(enrollment.min_samples, "VOICE_UNLOCK_MIN_SAMPLES", 5, 1, 100, "good samples that enrolment needs"),
	COUNT(enrollment.max_samples, "VOICE_UNLOCK_MAX_SAMPLES", 10, 1, 100, "samples that enrolment takes at most"),

	CHOICE(authentication.level, "VOICE_UNLOCK_LEVEL", "standard", VU_LEVEL_NAMES, "convenient, standard or strict",
	       "false accepts aimed at: convenient 1 %, standard 0.1 %, strict 0.01 %"),
	COUNT(authentication.max_attempts, "VOICE_UNLOCK_MAX_ATTEMPTS", 5, 1, 100, "failures before a lockout"),
	COUNT(authentication.lockout_s, "VOICE_UNLOCK_LOCKOUT_DURATION", 300, 1, 604800,
	      "first lockout, seconds; each further one is twice as long"),
	NUMBER(authentication.timeout_s, "VOICE_UNLOCK_AUTH_TIMEOUT", 10, 1, 300, "wait for speech to begin, seconds"),
	FLAG(authentication.adaptive, "VOICE_UNLOCK_ADAPTIVE", true, "let templates follow a voice as it changes"),

	CHOICE(security.anti_spoofing, "VOICE_UNLOCK_ANTI_SPOOFING", "high", VU_ANTISPOOF_LEVEL_NAMES,
	       "off, low, medium, high or maximum", "how hard recordings and synthetic voices are looked for"),
	FLAG(security.encrypt, "VOICE_UNLOCK_ENCRYPT", true, "encrypt templates on disk"),
	FLAG(security.audit, "VOICE_UNLOCK_AUDIT", true, "keep the tamper-evident log"),
	COUNT(security.audit_retention_days, "VOICE_UNLOCK_AUDIT_RETENTION", 90, 1, 3650, "days that audit entries are kept"),
	FLAG(security.anonymize_logs, "VOICE_UNLOCK_ANONYMIZE_LOGS", false, "keep user names out of logs and diagnostics"),

	CHOICE(security.confinement, "VOICE_UNLOCK_CONFINEMENT", "on", CONFINEMENT_NAMES, "off, on or required",
	       "keep each service from what it does not need: on does what the system can, required starts none without"),

	CHOICE(system.mode, "VOICE_UNLOCK_MODE", "screensaver", MODE_NAMES, "screensaver, pam or both",
	       "what a voice may unlock"),
	FLAG(system.machine, "VOICE_UNLOCK_MACHINE", false,
	     "serve the whole machine: any local user may ask for himself; set by the system unit"),

	NUMBER(monitoring.interval_s, "VOICE_UNLOCK_MONITOR_INTERVAL", 5, 0.1, 3600, "time between two measurements, seconds"),

	NUMBER(alerts.memory_percent, NULL, 80, 1, 100, "memory of the ceiling in use that raises an alert"),
	NUMBER(alerts.cpu_percent, NULL, 50, 1, 100, "processor use that raises an alert"),
	NUMBER(alerts.inference_ms, NULL, 100, 1, 60000, "time of a decision that raises an alert, milliseconds"),
	NUMBER(alerts.cache_hit_percent, NULL, 70, 0, 100, "cache hit rate below which an alert is raised"),
	TEXT(alerts.command, NULL, "", "a program to run, or nothing", "program run for each alert"),

	COUNT(http.port, "VOICE_UNLOCK_HTTP_PORT", 8640, 0, 65535, "loopback port for health and metrics; 0 = off"),
};
/* clang-format on */

#define KEY_COUNT (sizeof KEYS / sizeof KEYS[0])
_Static_assert(KEY_COUNT <= VU_CONFIG_KEYS_MAX, "raise VU_CONFIG_KEYS_MAX");

const char *const VU_CONFIG_SECTIONS[] = {"performance",    "ml",       "audio",    "enrollment",
                                          "authentication", "security", "system",   "monitoring",
                                          "alerts",         "http",     "services", NULL};

/* Sentences with all sounds of English between them, each three to four seconds at ease. */
const char *const VU_CONFIG_DEFAULT_PHRASES[] = {
    "My voice opens this computer, and nobody else's does.",
    "The quick brown fox jumps over the lazy dog near the river.",
    "Bright sunshine shimmers on the ocean every morning in July.",
    "Please join five happy children eating thick vegetable soup.",
    "We thought the weather would change before the train arrived.",
    "Good music always brings back the pleasure of an old journey.",
    "Seven boys chose the yellow boat with the blue canvas roof.",
    "They finally measured the distance between both houses by hand.",
    "A pure white cat watched the girl feed her chickens at dawn.",
    "Nothing is as easy as saying which road you should have taken.",
    NULL,
};

static const char *const SERVICE_NAMES[VU_SERVICE_COUNT] = {"capture",   "features",     "models",
                                                            "antispoof", "orchestrator", "supervisor"};

const char *vu_service_name(vu_service_id id)
{
	return (unsigned)id < VU_SERVICE_COUNT ? SERVICE_NAMES[id] : NULL;
}

vu_service_id vu_service_by_name(const char *name)
{
	for (unsigned id = 0; name && id < VU_SERVICE_COUNT; id++) {
		if (strcmp(SERVICE_NAMES[id], name) == 0)
			return (vu_service_id)id;
	}
	return VU_SERVICE_COUNT;
}

const vu_config_key *vu_config_keys(size_t *count_out)
{
	*count_out = KEY_COUNT;
	return KEYS;
}

const char *vu_config_key_in_section(const vu_config_key *key, const char *section)
{
	size_t length = strlen(section);

	if (strncmp(key->name, section, length) != 0 || key->name[length] != '.')
		return NULL;
	return key->name + length + 1;
}

/* The whole name that `name` is nearest to: by its own spelling, or by its last part alone. */
static const char *nearest_name(const char *name)
{
	const char *whole[KEY_COUNT];
	const char *last[KEY_COUNT];
	const char *dot = strrchr(name, '.');
	const char *found;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		whole[i] = KEYS[i].name;
		last[i] = strchr(KEYS[i].name, '.') + 1;
	}
	found = vu_text_nearest(dot ? dot + 1 : name, last, KEY_COUNT);
	for (size_t i = 0; found && i < KEY_COUNT; i++) {
		if (last[i] == found)
			return whole[i];
	}
	return vu_text_nearest(name, whole, KEY_COUNT);
}

const vu_config_key *vu_config_find_key(const char *name, vu_error *error)
{
	const char *nearest;

	for (size_t i = 0; name && i < KEY_COUNT; i++) {
		if (strcmp(KEYS[i].name, name) == 0)
			return &KEYS[i];
	}
	nearest = name ? nearest_name(name) : NULL;
	if (nearest)
		vu_fail(error, VU_NOT_FOUND, "unable to find key %.*s: did you mean %s?", VU_CONFIG_NAME_MAX, name,
		        nearest);
	else
		vu_fail(error, VU_NOT_FOUND, "unable to find key %.*s: `configure` without a key lists all of them",
		        VU_CONFIG_NAME_MAX, name ? name : "");
	return NULL;
}
