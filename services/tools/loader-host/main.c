/*
 * Runs foreign loader code away from everything else: vu-loader-host OBJECT
 * SHA256 KIND BYTES writes what the loader makes to descriptor 3, as two
 * little-endian numbers (bytes foretold, bytes made) and the bytes. Started by
 * vu-models, which kills it when it takes too long and believes nothing.
 *
 * The object is copied before it is opened, so that what was hashed is what
 * runs; and before that this process is kept from all files but those of the
 * system, the models and the object's own folder, so that foreign code sees
 * neither templates nor keys, which the model-server may read. Exit: 0 done, 2 usage, 3 another object than was
 * listed, 4 not a loader, 5 it could not load.
 */
#include "base/allocator.h"
#include "base/file.h"
#include "ml/vu_loader.h"
#include "platform/platform.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
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

/* In full or not at all; the folder that `path` lies in, `up` levels above. */
static bool folder_of(const char *path, unsigned up, const char *below, char folder[PATH_MAX])
{
	char base[PATH_MAX];

	if ((size_t)snprintf(base, sizeof base, "%s", path) >= sizeof base)
		return false;
	for (; up > 0; up--) {
		char *slash = strrchr(base, '/');
		if (!slash || slash == base)
			return false;
		*slash = '\0';
	}
	return (size_t)snprintf(folder, PATH_MAX, "%s%s", base, below) < PATH_MAX;
}

/* Where the system has no such thing, what started this is not kept from files either. */
static void hide_files(const char *object)
{
	char *own = vu_platform_executable_path();
	char models[PATH_MAX];
	char beside[PATH_MAX];
	vu_place places[] = {
	    {"/usr", VU_MAY_READ},
	    {"/lib", VU_MAY_READ},
	    {"/lib64", VU_MAY_READ},
	    {"/opt/homebrew", VU_MAY_READ},
	    {"/etc/ld.so.cache", VU_MAY_READ},
	    {"/proc/self", VU_MAY_READ},
	    {"/dev/null", VU_MAY_READ | VU_MAY_WRITE},
	    {"/dev/urandom", VU_MAY_READ},
	    {"/tmp", VU_MAY_READ | VU_MAY_WRITE},
	    {models, VU_MAY_READ},
	    {beside, VU_MAY_READ},
	};
	vu_confinement confinement = {
	    .name = "vu-loader-host", .places = places, .place_count = sizeof places / sizeof *places};
	vu_error error;

	if (!own || !folder_of(own, 2, "/share/voice-unlock", models))
		snprintf(models, sizeof models, "/dev/null");
	if (!folder_of(object, 1, "", beside))
		snprintf(beside, sizeof beside, "/dev/null");
	free(own);
	/* A thread of before would not be bound; the allocator needs none here. */
	vu_allocator_run_thread(false);
	if (vu_platform_confine_files(&confinement, &error) != VU_OK)
		fprintf(stderr, "vu-loader-host: %s; going on without\n", error.message);
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
	hide_files(argv[1]);
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
