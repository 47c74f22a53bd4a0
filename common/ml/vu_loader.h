/*
 * What a custom loader is: a shared object that makes a model, listed in
 * ml.loaders with its SHA-256 and activated by Models.Activate. It runs in a
 * process of its own that is killed when it takes too long, may write no file,
 * and is given little memory; what it makes is verified as a model file of the
 * kind that was asked for before anybody uses it.
 *
 * The object exports one function, vu_loader_get. This header needs no other.
 */
#ifndef VU_ML_VU_LOADER_H
#define VU_ML_VU_LOADER_H

#include <stdint.h>

#define VU_LOADER_ABI 1

typedef struct vu_loader {
	uint32_t abi; /* VU_LOADER_ABI */
	/* How many bytes the model of this kind will have, rather too many; 0 when it cannot be loaded. */
	uint64_t (*predict_size)(const char *kind);
	/* The bytes of a model file, or NULL. */
	void *(*load)(const char *kind);
	/* How many they are: no more than was foretold. */
	uint64_t (*size)(const void *model);
	void (*unload)(void *model);
} vu_loader;

const vu_loader *vu_loader_get(void);

#endif
