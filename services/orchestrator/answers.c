/* The table of answers. */
#include "answers.h"

#include <stdbool.h>
#include <stdlib.h>

static vu_status forget_old(vu_store *store, const vu_answer_key *key, vu_error *error)
{
	vu_statement *statement = NULL;
	vu_status status = vu_statement_prepare(
	    store, "DELETE FROM answer WHERE boot_id <> ? OR time_us < ? OR time_us > ?", &statement, error);

	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, key->boot_id);
		vu_statement_bind_int(statement, 2, key->now_us - VU_ANSWERS_KEEP_US);
		vu_statement_bind_int(statement, 3, key->now_us);
		status = vu_statement_step(statement, NULL, error);
	}
	vu_statement_finish(statement);
	return status;
}

vu_status vu_answer_keep(vu_store *store, const vu_answer_key *key, const ProtobufCMessage *answer, vu_error *error)
{
	vu_statement *statement = NULL;
	size_t bytes = protobuf_c_message_get_packed_size(answer);
	uint8_t *packed = malloc(bytes ? bytes : 1);
	vu_status status;

	if (!packed)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep an answer: out of memory");
	protobuf_c_message_pack(answer, packed);
	status = forget_old(store, key, error);
	if (status == VU_OK)
		status = vu_statement_prepare(store,
		                              "INSERT OR REPLACE INTO answer (attempt_id, fingerprint, boot_id, "
		                              "time_us, answer) VALUES (?, ?, ?, ?, ?)",
		                              &statement, error);
	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, key->attempt_id);
		vu_statement_bind_text(statement, 2, key->fingerprint);
		vu_statement_bind_text(statement, 3, key->boot_id);
		vu_statement_bind_int(statement, 4, key->now_us);
		vu_statement_bind_blob(statement, 5, packed, bytes);
		status = vu_statement_step(statement, NULL, error);
	}
	vu_statement_finish(statement);
	free(packed);
	return status;
}

vu_status vu_answer_recall(vu_store *store, const vu_answer_key *key, const ProtobufCMessageDescriptor *descriptor,
                           ProtobufCMessage **answer_out, vu_error *error)
{
	vu_statement *statement = NULL;
	bool row = false;
	vu_status status =
	    vu_statement_prepare(store,
	                         "SELECT answer FROM answer WHERE attempt_id = ? AND fingerprint = ? AND boot_id = ? "
	                         "AND time_us >= ? AND time_us <= ?",
	                         &statement, error);

	*answer_out = NULL;
	if (status == VU_OK) {
		vu_statement_bind_text(statement, 1, key->attempt_id);
		vu_statement_bind_text(statement, 2, key->fingerprint);
		vu_statement_bind_text(statement, 3, key->boot_id);
		vu_statement_bind_int(statement, 4, key->now_us - VU_ANSWERS_KEEP_US);
		vu_statement_bind_int(statement, 5, key->now_us);
		status = vu_statement_step(statement, &row, error);
	}
	if (status == VU_OK && row) {
		size_t bytes = 0;
		const void *packed = vu_statement_blob(statement, 0, &bytes);
		*answer_out = protobuf_c_message_unpack(descriptor, NULL, bytes, packed);
	}
	vu_statement_finish(statement);
	return status;
}
