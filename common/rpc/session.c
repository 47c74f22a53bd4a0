/* The exchange of keys and the sealing of frames. Whatever does not verify is refused before it is looked at. */
#include "rpc/session.h"

#include "base/secret.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define KEY_BYTES   32
#define TAG_BYTES   32
#define MAGIC       "VUS"
#define MAGIC_BYTES 3
#define AT_ID       4
#define AT_LANE     20
#define AT_NUMBER   24
#define AT_TAG      32
#define LABEL       "voice-unlock session 1"

_Static_assert(AT_TAG + TAG_BYTES == VU_SESSION_ENVELOPE_BYTES, "the envelope is these parts");

/* In locked memory. */
typedef struct session_keys {
	uint8_t fresh[KEY_BYTES]; /* the caller's, until the exchange is complete */
	uint8_t up[KEY_BYTES];    /* requests */
	uint8_t down[KEY_BYTES];  /* answers */
} session_keys;

struct vu_session {
	const vu_credentials *credentials;
	bool serves;
	session_keys *keys;
	uint8_t fresh_public[KEY_BYTES]; /* the caller's */
	uint8_t id[VU_ID_BYTES];
	char peer[VU_PEER_NAME_BYTES_MAX + 1];
	uint8_t peer_lasting[KEY_BYTES];
	atomic_uint references;
	uv_mutex_t lock;
	uint64_t numbers[VU_SESSION_LANES_MAX]; /* the last one sent or seen. Guarded by lock. */
};

/* What the keys are made of. */
typedef struct key_exchange {
	const char *caller, *server;
	const uint8_t *caller_lasting, *server_lasting;
	const uint8_t *caller_fresh, *server_fresh;
	const uint8_t *id;
	/* Each side has its two secrets and the other's two public keys: */
	const uint8_t *own_fresh, *own_lasting, *peer_fresh, *peer_lasting;
} key_exchange;

static vu_status malformed(vu_error *error)
{
	return vu_fail(error, VU_INTERNAL, "unable to parse the message: it is no step of a session");
}

vu_session_kind vu_session_kind_of(const void *message, size_t bytes)
{
	const uint8_t *data = message;

	if (bytes < MAGIC_BYTES + 1 || memcmp(data, MAGIC, MAGIC_BYTES) != 0 ||
	    data[MAGIC_BYTES] < VU_SESSION_OFFER || data[MAGIC_BYTES] > VU_SESSION_REFUSED)
		return VU_SESSION_NONE;
	return (vu_session_kind)data[MAGIC_BYTES];
}

static vu_session *create(const vu_credentials *credentials, bool serves)
{
	vu_session *session = calloc(1, sizeof *session);

	if (!session)
		return NULL;
	session->keys = vu_secret_alloc(sizeof *session->keys);
	if (!session->keys || uv_mutex_init(&session->lock) != 0) {
		vu_secret_free(session->keys, sizeof *session->keys);
		free(session);
		return NULL;
	}
	session->credentials = credentials;
	session->serves = serves;
	atomic_init(&session->references, 1);
	return session;
}

vu_session *vu_session_hold(vu_session *session)
{
	atomic_fetch_add(&session->references, 1);
	return session;
}

void vu_session_release(vu_session *session)
{
	if (!session || atomic_fetch_sub(&session->references, 1) != 1)
		return;
	vu_secret_free(session->keys, sizeof *session->keys);
	uv_mutex_destroy(&session->lock);
	free(session);
}

const char *vu_session_peer(const vu_session *session)
{
	return session->peer;
}

/* Looked up each time: the allow-list may have changed since the session began. */
static bool is_allowed(const vu_session *session, unsigned *roles_out)
{
	const uint8_t *lasting = vu_credentials_find(session->credentials, session->peer, roles_out);
	return lasting && sodium_memcmp(lasting, session->peer_lasting, KEY_BYTES) == 0;
}

unsigned vu_session_roles(const vu_session *session)
{
	unsigned roles;
	return is_allowed(session, &roles) ? roles : 0;
}

static void add(crypto_generichash_state *state, const void *data, size_t bytes)
{
	uint8_t length = (uint8_t)bytes;
	crypto_generichash_update(state, &length, 1);
	crypto_generichash_update(state, data, bytes);
}

/*
 * Keys of both directions and the server's proof, from the four results and
 * everything that was said. False when a public key is a weak one.
 */
static bool derive(vu_session *session, const key_exchange *in, uint8_t proof[TAG_BYTES])
{
	uint8_t shared[4][KEY_BYTES];
	uint8_t out[64];
	crypto_generichash_state state;
	bool good;
	/* The mixed pair in the caller's order, so that both sides hash alike. */
	unsigned first = session->serves ? 2 : 1;
	unsigned second = session->serves ? 1 : 2;

	good = crypto_scalarmult(shared[0], in->own_fresh, in->peer_fresh) == 0;
	good = crypto_scalarmult(shared[first], in->own_fresh, in->peer_lasting) == 0 && good;
	good = crypto_scalarmult(shared[second], in->own_lasting, in->peer_fresh) == 0 && good;
	good = crypto_scalarmult(shared[3], in->own_lasting, in->peer_lasting) == 0 && good;
	crypto_generichash_init(&state, NULL, 0, sizeof out);
	add(&state, LABEL, strlen(LABEL));
	add(&state, in->caller, strlen(in->caller));
	add(&state, in->server, strlen(in->server));
	add(&state, in->caller_lasting, KEY_BYTES);
	add(&state, in->server_lasting, KEY_BYTES);
	add(&state, in->caller_fresh, KEY_BYTES);
	add(&state, in->server_fresh, KEY_BYTES);
	add(&state, in->id, VU_ID_BYTES);
	add(&state, shared, sizeof shared);
	crypto_generichash_final(&state, out, sizeof out);
	memcpy(session->keys->up, out, KEY_BYTES);
	memcpy(session->keys->down, out + KEY_BYTES, KEY_BYTES);
	/* No sealed frame begins like this, so the proof never passes for one. */
	crypto_generichash(proof, TAG_BYTES, (const uint8_t *)LABEL, strlen(LABEL), session->keys->down, KEY_BYTES);
	sodium_memzero(shared, sizeof shared);
	sodium_memzero(out, sizeof out);
	sodium_memzero(&state, sizeof state);
	return good;
}

/* A name with its length before it; NULL when it does not fit. */
static const uint8_t *read_name(const uint8_t *at, const uint8_t *end, char name[VU_PEER_NAME_BYTES_MAX + 1])
{
	size_t length = at < end ? *at++ : 0;

	if (length == 0 || length > VU_PEER_NAME_BYTES_MAX || (size_t)(end - at) < length || memchr(at, 0, length))
		return NULL;
	memcpy(name, at, length);
	name[length] = '\0';
	return at + length;
}

static uint8_t *write_name(uint8_t *at, const char *name)
{
	size_t length = strlen(name);
	*at++ = (uint8_t)length;
	memcpy(at, name, length);
	return at + length;
}

static uint8_t *write_start(uint8_t *at, vu_session_kind kind)
{
	memcpy(at, MAGIC, MAGIC_BYTES);
	at[MAGIC_BYTES] = (uint8_t)kind;
	return at + MAGIC_BYTES + 1;
}

vu_status vu_session_offer(const vu_credentials *credentials, uint8_t offer[VU_SESSION_HELLO_BYTES_MAX],
                           size_t *bytes_out, vu_session **session_out, vu_error *error)
{
	vu_session *session = create(credentials, false);
	uint8_t *at = write_start(offer, VU_SESSION_OFFER);

	*session_out = NULL;
	if (!session)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to begin a session: no memory");
	randombytes_buf(session->keys->fresh, KEY_BYTES);
	(void)crypto_scalarmult_base(session->fresh_public, session->keys->fresh);
	at = write_name(at, vu_credentials_name(credentials));
	memcpy(at, session->fresh_public, KEY_BYTES);
	*bytes_out = (size_t)(at + KEY_BYTES - offer);
	*session_out = session;
	return VU_OK;
}

vu_status vu_session_accept(const vu_credentials *credentials, const void *offer, size_t bytes,
                            uint8_t answer[VU_SESSION_HELLO_BYTES_MAX], size_t *bytes_out, vu_session **session_out,
                            vu_error *error)
{
	const uint8_t *end = (const uint8_t *)offer + bytes;
	const uint8_t *at = (const uint8_t *)offer + MAGIC_BYTES + 1;
	uint8_t fresh[KEY_BYTES];
	uint8_t fresh_public[KEY_BYTES];
	uint8_t proof[TAG_BYTES];
	uint8_t *out = write_start(answer, VU_SESSION_ANSWER);
	const uint8_t *lasting;
	vu_session *session;
	key_exchange exchange;
	bool good;

	*session_out = NULL;
	if (vu_session_kind_of(offer, bytes) != VU_SESSION_OFFER)
		return malformed(error);
	session = create(credentials, true);
	if (!session)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to begin a session: no memory");
	at = read_name(at, end, session->peer);
	if (!at || end - at != KEY_BYTES) {
		vu_session_release(session);
		return malformed(error);
	}
	lasting = vu_credentials_find(credentials, session->peer, NULL);
	if (!lasting) {
		vu_session_release(session);
		return vu_fail(error, VU_UNAUTHENTICATED,
		               "unable to accept the caller: it is not in this host's allow-list, or was revoked");
	}
	memcpy(session->peer_lasting, lasting, KEY_BYTES);
	randombytes_buf(fresh, sizeof fresh);
	(void)crypto_scalarmult_base(fresh_public, fresh);
	vu_id_generate(session->id);
	exchange.caller = session->peer;
	exchange.server = vu_credentials_name(credentials);
	exchange.caller_lasting = lasting;
	exchange.server_lasting = vu_credentials_identity(credentials);
	exchange.caller_fresh = at;
	exchange.server_fresh = fresh_public;
	exchange.id = session->id;
	exchange.own_fresh = fresh;
	exchange.own_lasting = vu_credentials_secret(credentials);
	exchange.peer_fresh = at;
	exchange.peer_lasting = lasting;
	good = derive(session, &exchange, proof);
	sodium_memzero(fresh, sizeof fresh);
	if (!good) {
		vu_session_release(session);
		return vu_fail(error, VU_UNAUTHENTICATED, "unable to accept the caller: its key is a weak one");
	}
	memcpy(out, session->id, VU_ID_BYTES);
	out = write_name(out + VU_ID_BYTES, vu_credentials_name(credentials));
	memcpy(out, fresh_public, KEY_BYTES);
	memcpy(out + KEY_BYTES, proof, TAG_BYTES);
	*bytes_out = (size_t)(out + KEY_BYTES + TAG_BYTES - answer);
	*session_out = session;
	return VU_OK;
}

vu_status vu_session_complete(vu_session *session, const void *answer, size_t bytes, vu_error *error)
{
	const vu_credentials *credentials = session->credentials;
	const uint8_t *end = (const uint8_t *)answer + bytes;
	const uint8_t *at = (const uint8_t *)answer + MAGIC_BYTES + 1;
	uint8_t proof[TAG_BYTES];
	const uint8_t *lasting;
	key_exchange exchange;
	bool good;

	if (session->serves || vu_session_kind_of(answer, bytes) != VU_SESSION_ANSWER || end - at < VU_ID_BYTES)
		return malformed(error);
	memcpy(session->id, at, VU_ID_BYTES);
	at = read_name(at + VU_ID_BYTES, end, session->peer);
	if (!at || end - at != KEY_BYTES + TAG_BYTES)
		return malformed(error);
	lasting = vu_credentials_find(credentials, session->peer, NULL);
	if (!lasting)
		return vu_fail(error, VU_UNAUTHENTICATED,
		               "unable to trust the server: it is not in this host's allow-list, or was revoked");
	memcpy(session->peer_lasting, lasting, KEY_BYTES);
	exchange.caller = vu_credentials_name(credentials);
	exchange.server = session->peer;
	exchange.caller_lasting = vu_credentials_identity(credentials);
	exchange.server_lasting = lasting;
	exchange.caller_fresh = session->fresh_public;
	exchange.server_fresh = at;
	exchange.id = session->id;
	exchange.own_fresh = session->keys->fresh;
	exchange.own_lasting = vu_credentials_secret(credentials);
	exchange.peer_fresh = at;
	exchange.peer_lasting = lasting;
	good = derive(session, &exchange, proof);
	sodium_memzero(session->keys->fresh, KEY_BYTES);
	if (!good || sodium_memcmp(proof, at + KEY_BYTES, TAG_BYTES) != 0) {
		/* Nothing may ever be sealed with these. */
		sodium_memzero(session->keys, sizeof *session->keys);
		return vu_fail(error, VU_UNAUTHENTICATED,
		               "unable to trust the server: it does not have the key of %s", session->peer);
	}
	return VU_OK;
}

/* All but the tag itself, under the key of the direction. */
static void compute_tag(const uint8_t *key, const uint8_t *message, size_t bytes, uint8_t tag[TAG_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, KEY_BYTES, TAG_BYTES);
	crypto_generichash_update(&state, message, AT_TAG);
	crypto_generichash_update(&state, message + VU_SESSION_ENVELOPE_BYTES, bytes - VU_SESSION_ENVELOPE_BYTES);
	crypto_generichash_final(&state, tag, TAG_BYTES);
	sodium_memzero(&state, sizeof state);
}

static void put_number(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_number(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

void vu_session_seal(const vu_session *session, uint32_t lane, uint64_t number, uint8_t *message, size_t bytes)
{
	(void)write_start(message, VU_SESSION_SEALED);
	memcpy(message + AT_ID, session->id, VU_ID_BYTES);
	put_number(message + AT_LANE, lane, 4);
	put_number(message + AT_NUMBER, number, 8);
	compute_tag(session->serves ? session->keys->down : session->keys->up, message, bytes, message + AT_TAG);
}

uint64_t vu_session_next_number(vu_session *session, uint32_t lane)
{
	uint64_t number;

	uv_mutex_lock(&session->lock);
	number = ++session->numbers[lane % VU_SESSION_LANES_MAX];
	uv_mutex_unlock(&session->lock);
	return number;
}

/* OK when the message is of this session and unaltered. */
static vu_status verify(const vu_session *session, const uint8_t *key, const uint8_t *message, size_t bytes,
                        vu_error *error)
{
	uint8_t tag[TAG_BYTES];

	if (vu_session_kind_of(message, bytes) != VU_SESSION_SEALED || bytes < VU_SESSION_ENVELOPE_BYTES)
		return vu_fail(error, VU_UNAUTHENTICATED, "unable to accept the message: it is not sealed");
	if (memcmp(message + AT_ID, session->id, VU_ID_BYTES) != 0)
		return vu_fail(error, VU_UNAUTHENTICATED, "unable to accept the message: it is of another session");
	compute_tag(key, message, bytes, tag);
	if (sodium_memcmp(tag, message + AT_TAG, TAG_BYTES) != 0)
		return vu_fail(error, VU_UNAUTHENTICATED, "unable to accept the message: its seal is broken");
	return VU_OK;
}

vu_status vu_session_open_request(vu_session *session, const uint8_t *message, size_t bytes, uint32_t *lane_out,
                                  uint64_t *number_out, vu_span *frame_out, vu_error *error)
{
	vu_status status = verify(session, session->keys->up, message, bytes, error);
	uint64_t lane;
	uint64_t number;
	bool fresh;

	if (status)
		return status;
	if (!is_allowed(session, NULL))
		return vu_fail(error, VU_UNAUTHENTICATED,
		               "unable to accept the message: its host is not in the allow-list any more");
	lane = get_number(message + AT_LANE, 4);
	number = get_number(message + AT_NUMBER, 8);
	if (lane >= VU_SESSION_LANES_MAX)
		return vu_fail(error, VU_UNAUTHENTICATED, "unable to accept the message: it has no such lane");
	uv_mutex_lock(&session->lock);
	fresh = number > session->numbers[lane];
	if (fresh)
		session->numbers[lane] = number;
	uv_mutex_unlock(&session->lock);
	if (!fresh)
		return vu_fail(error, VU_UNAUTHENTICATED,
		               "unable to accept the message: it was replayed or comes out of order");
	*lane_out = (uint32_t)lane;
	*number_out = number;
	*frame_out = (vu_span){message + VU_SESSION_ENVELOPE_BYTES, bytes - VU_SESSION_ENVELOPE_BYTES};
	return VU_OK;
}

vu_status vu_session_open_response(const vu_session *session, uint32_t lane, uint64_t number, const uint8_t *message,
                                   size_t bytes, vu_span *frame_out, vu_error *error)
{
	vu_status status = verify(session, session->keys->down, message, bytes, error);

	if (status)
		return status;
	if (get_number(message + AT_LANE, 4) != lane || get_number(message + AT_NUMBER, 8) != number)
		return vu_fail(error, VU_UNAUTHENTICATED,
		               "unable to accept the answer: it is that of another request");
	*frame_out = (vu_span){message + VU_SESSION_ENVELOPE_BYTES, bytes - VU_SESSION_ENVELOPE_BYTES};
	return VU_OK;
}
