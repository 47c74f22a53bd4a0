/*
 * Runs foreign loader code away from everything else: vu-loader-host OBJECT
 * SHA256 KIND BYTES writes what the loader makes to descriptor 3, as two
 * little-endian numbers (bytes foretold, bytes made) and the bytes. Started by
 * vu-models, which kills it when it takes too long and believes nothing.
 *
 * The object is copied before it is opened, so that what was hashed is what
 * runs. Exit: 0 done, 2 usage, 3 another object than was listed, 4 not a
 * loader, 5 it could not load.
 */
#include "base/file.h"
#include "ml/vu_loader.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#define OBJECT_BYTES_MAX (64u * 1024 * 1024)
#define OUTPUT           3
/* What a process and its libraries take besides. */
#define HEADROOM_BYTES (64u * 1024 * 1024)

enum { DONE = 0, USAGE = 2, OTHER_OBJECT = 3, NO_LOADER = 4, NOT_LOADED = 5 };

static bool write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes > 0) {
		ssize_t written = write(fd, at, bytes);
		if (written <= 0)
			return false;
		at += written;
		bytes -= (size_t)written;
	}
	return true;
}

/* Opens a copy of what has the hash; NULL with *exit_out. */
static void *open_object(const char *path, const char *sha256, int *exit_out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];
	char folder[] = "/tmp/vu-loader-XXXXXX";
	char copy[sizeof folder + 8];
	char *data = NULL;
	size_t bytes;
	void *object = NULL;
	int fd;

	*exit_out = OTHER_OBJECT;
	if (vu_file_read(path, OBJECT_BYTES_MAX, &data, &bytes, NULL) != VU_OK)
		return NULL;
	crypto_hash_sha256(hash, (const unsigned char *)data, bytes);
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	if (strcasecmp(hex, sha256) != 0 || !mkdtemp(folder))
		goto out;
	*exit_out = NO_LOADER;
	snprintf(copy, sizeof copy, "%s/object", folder);
	fd = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (fd >= 0) {
		if (write_all(fd, data, bytes) && close(fd) == 0)
			object = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
		unlink(copy);
	}
	rmdir(folder);
out:
	free(data);
	return object;
}

/* From here on: no files, no cores, no more memory than what is loaded may take. Failing is no harm: others watch. */
static void confine(uint64_t bytes)
{
	struct rlimit none = {0, 0};
#ifndef VU_SANITIZER /* whose shadow memory counts as well */
	struct rlimit memory = {2 * bytes + HEADROOM_BYTES, 2 * bytes + HEADROOM_BYTES};

	setrlimit(RLIMIT_DATA, &memory);
#endif
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
}

static const vu_loader *find_loader(void *object)
{
	const vu_loader *(*get)(void);
	const vu_loader *loader;
	void *symbol = dlsym(object, "vu_loader_get");

	if (!symbol)
		return NULL;
	/* ISO C has no cast from one to the other; POSIX says that the bytes are the same. */
	memcpy(&get, &symbol, sizeof get);
	loader = get();
	if (!loader || loader->abi != VU_LOADER_ABI || !loader->predict_size || !loader->load || !loader->size ||
	    !loader->unload)
		return NULL;
	return loader;
}

static bool tell(uint64_t number)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	return write_all(OUTPUT, bytes, sizeof bytes);
}

int main(int argc, char **argv)
{
	const vu_loader *loader;
	void *object;
	void *model;
	uint64_t bytes;
	int exit_code;

	if (argc != 5 || sodium_init() < 0) {
		fputs("usage: vu-loader-host OBJECT SHA256 KIND BYTES\n\nRuns a custom loader for vu-models.\n",
		      argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? DONE : USAGE;
	}
	/* Nothing of who started this is the loader's business. */
	for (int fd = OUTPUT + 1; fd < 256; fd++)
		close(fd);
	/* Copying comes first: afterwards nothing can be written. */
	bytes = strtoull(argv[4], NULL, 10);
	object = open_object(argv[1], argv[2], &exit_code);
	if (!object)
		return exit_code;
	loader = find_loader(object);
	if (!loader)
		return NO_LOADER;
	confine(bytes);
	if (!tell(loader->predict_size(argv[3])))
		return NOT_LOADED;
	model = loader->load(argv[3]);
	if (!model)
		return NOT_LOADED;
	bytes = loader->size(model);
	exit_code = tell(bytes) && write_all(OUTPUT, model, (size_t)bytes) ? DONE : NOT_LOADED;
	loader->unload(model);
	return exit_code;
}
