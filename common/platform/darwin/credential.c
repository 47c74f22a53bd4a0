/*
 * The user's keychain. Found at run time, because its headers come with Xcode
 * only; without it, or when it is locked and nobody is asked, there is none.
 */
/* For memset_s, which no compiler leaves out. */
#define __STDC_WANT_LIB_EXT1__ 1

#include "platform/platform.h"

#include <dlfcn.h>
#include <string.h>

#define FRAMEWORK "/System/Library/Frameworks/Security.framework/Security"
#define SERVICE   "org.voiceunlock"
/* OSStatus errSecItemNotFound. */
#define ITEM_NOT_FOUND (-25300)

typedef int (*find_password)(const void *keychain, uint32_t service_length, const char *service,
                             uint32_t account_length, const char *account, uint32_t *length, void **data,
                             void **item);
typedef int (*free_content)(void *attributes, void *data);

vu_status vu_platform_read_credential(const char *name, uint8_t *out, size_t room, size_t *bytes_out, vu_error *error)
{
	void *library = dlopen(FRAMEWORK, RTLD_LAZY | RTLD_LOCAL);
	find_password find;
	free_content release;
	void *data = NULL;
	uint32_t length = 0;
	int result;
	vu_status status = VU_OK;

	if (!library)
		return vu_fail(error, VU_NOT_FOUND, "there is no keychain");
	/* As POSIX would have it: a function's address by way of an object's. */
	*(void **)&find = dlsym(library, "SecKeychainFindGenericPassword");
	*(void **)&release = dlsym(library, "SecKeychainItemFreeContent");
	if (!find || !release)
		return vu_fail(error, VU_NOT_FOUND, "there is no keychain");
	result = find(NULL, (uint32_t)strlen(SERVICE), SERVICE, (uint32_t)strlen(name), name, &length, &data, NULL);
	if (result == ITEM_NOT_FOUND)
		return vu_fail(error, VU_NOT_FOUND, "there is no item %s in the keychain", name);
	if (result != 0)
		return vu_fail(
		    error, VU_PERMISSION_DENIED,
		    "unable to read %s from the keychain: error %d; unlock it and allow vu-models to use it", name,
		    result);
	if (length > room)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to use %s of the keychain: it is too long", name);
	else
		memcpy(out, data, length);
	*bytes_out = length;
	if (data)
		memset_s(data, length, 0, length);
	release(NULL, data);
	return status;
}
