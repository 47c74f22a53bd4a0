/*
 * Any bytes as a sealed file and as the file of the master key: refused with a
 * reason. What is not what the key sealed is never opened.
 */
#include "aid/fake_call.h"
#include "store/master_key.h"
#include "store/seal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t MASTER[VU_SEAL_KEY_BYTES] = {9, 8, 7};

static void expect_refusal(vu_status status, const vu_error *error)
{
	if (status == VU_OK || error->status != status || error->message[0] == '\0')
		abort();
}

static void open_any(const uint8_t *data, size_t size)
{
	uint8_t id[VU_SEAL_ID_BYTES];
	uint8_t *content = malloc(size + 1);
	uint8_t *copy = malloc(size + 1);
	vu_error error = {VU_OK, ""};
	vu_status status;

	if (!content || !copy)
		abort();
	memcpy(copy, data, size);
	status = vu_seal_needs(data, size, VU_SEAL_TEMPLATE, "fuzz", id, &error);
	if (status != VU_OK)
		expect_refusal(status, &error);
	/* The id of a master key is no secret: with the right one the rest must be refused all the same. */
	if (status == VU_OK)
		vu_seal_key_id(MASTER, copy + 16);
	expect_refusal(vu_seal_decrypt(MASTER, VU_SEAL_TEMPLATE, "/ada", "fuzz", copy, size, content, &error),
	               &error);
	expect_refusal(vu_seal_rewrap(MASTER, MASTER, VU_SEAL_TEMPLATE, "/ada", "fuzz", copy, size, &error), &error);
	free(copy);
	free(content);
}

/* What was sealed here, with the input laid over it, opens only when that changed nothing. */
static void open_edited(const uint8_t *data, size_t size)
{
	static uint8_t sealed[512 + VU_SEAL_OVERHEAD_BYTES];
	static uint8_t edited[sizeof sealed];
	uint8_t content[512] = {0};
	vu_error error = {VU_OK, ""};
	vu_status status;
	size_t at;

	if (sealed[0] == 0 &&
	    vu_seal_encrypt(MASTER, VU_SEAL_TEMPLATE, "/ada", content, sizeof content, sealed, &error) != VU_OK)
		abort();
	if (size < 3)
		return;
	memcpy(edited, sealed, sizeof sealed);
	at = (data[0] | (size_t)data[1] << 8) % sizeof sealed;
	for (size_t i = 2; i < size && at < sizeof sealed; i++, at++)
		edited[at] ^= data[i];
	status = vu_seal_decrypt(MASTER, VU_SEAL_TEMPLATE, "/ada", "fuzz", edited, sizeof edited, content, &error);
	if ((status == VU_OK) != (memcmp(edited, sealed, sizeof sealed) == 0))
		abort();
}

static void read_key(const uint8_t *data, size_t size)
{
	char path[128];
	vu_master_key key;
	vu_error error = {VU_OK, ""};
	vu_status status;
	int fd;

	snprintf(path, sizeof path, "%s/master", fake_calls_folder());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	status = vu_master_key_read(path, &key, &error);
	if (status != VU_OK)
		expect_refusal(status, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	open_any(data, size);
	open_edited(data, size);
	read_key(data, size);
	return 0;
}
