/* Loaders that misbehave, one way each: -DODD_FAILS, -DODD_HANGS, -DODD_LIES, -DODD_CRASHES, -DODD_GROWS,
 * -DODD_NONSENSE, -DODD_ABI; -DODD_PRIES loads nonsense if it can read what is none of its business. */
#include "ml/vu_loader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES 4096

static uint64_t predict_size(const char *kind)
{
	(void)kind;
#ifdef ODD_GROWS
	return UINT64_C(1) << 40;
#else
	return BYTES;
#endif
}

static void *load(const char *kind)
{
	(void)kind;
#if defined(ODD_FAILS)
	return NULL;
#elif defined(ODD_HANGS)
	/* With a child that outlives it, if it may. */
	if (fork() == 0)
		for (;;)
			pause();
	while (getpid() > 0)
		pause();
	return NULL;
#elif defined(ODD_CRASHES)
	abort();
#elif defined(ODD_PRIES)
	return open("/etc/passwd", O_RDONLY) < 0 ? NULL : calloc(1, BYTES);
#else
	return calloc(1, 10 * BYTES);
#endif
}

static uint64_t size(const void *model)
{
	(void)model;
#ifdef ODD_LIES
	return 10 * BYTES;
#else
	return BYTES;
#endif
}

static void unload(void *model)
{
	free(model);
}

const vu_loader *vu_loader_get(void)
{
#ifdef ODD_ABI
	static const vu_loader LOADER = {VU_LOADER_ABI + 1, predict_size, load, size, unload};
#else
	static const vu_loader LOADER = {VU_LOADER_ABI, predict_size, load, size, unload};
#endif
	return &LOADER;
}
