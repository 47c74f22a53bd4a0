/*
 * macOS: secrets as generic passwords of the Keychain. What it hands out is
 * wiped here as far as we can reach it; the Keychain's own copies are its own.
 */
#include "platform/platform.h"

#include "platform/darwin/security.h"

#include <string.h>

#define SERVICE "org.voiceunlock"

/* sodium would be a dependency too many here, and memset may be left out. */
static void wipe(void *data, size_t bytes)
{
	volatile unsigned char *at = data;
	while (bytes-- > 0)
		*at++ = 0;
}

static vu_status fail(vu_error *error, OSStatus code, const char *verb)
{
	switch (code) {
	case errSecItemNotFound:
		return vu_fail(error, VU_NOT_FOUND, "unable to %s the secret in the Keychain: there is none", verb);
	case errSecDuplicateItem:
		return vu_fail(error, VU_ALREADY_EXISTS, "unable to %s the secret in the Keychain: there is one",
		               verb);
	case errSecAuthFailed:
	case errSecInteractionNotAllowed:
	case errSecUserCanceled:
		return vu_fail(
		    error, VU_PERMISSION_DENIED,
		    "unable to %s the secret in the Keychain: it is locked or refuses this program; log in, "
		    "unlock the login keychain and allow vu-models",
		    verb);
	default:
		return vu_fail(error, VU_INTERNAL,
		               "unable to %s the secret in the Keychain: error %d (security error %d)", verb,
		               (int)code, (int)code);
	}
}

/* What names the secret. NULL when out of memory; else the caller releases it. */
static CFMutableDictionaryRef make_query(const char *account)
{
	CFStringRef service = CFStringCreateWithCString(NULL, SERVICE, kCFStringEncodingUTF8);
	CFStringRef name = CFStringCreateWithCString(NULL, account, kCFStringEncodingUTF8);
	CFMutableDictionaryRef query =
	    CFDictionaryCreateMutable(NULL, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);

	if (service && name && query) {
		CFDictionarySetValue(query, kSecClass, kSecClassGenericPassword);
		CFDictionarySetValue(query, kSecAttrService, service);
		CFDictionarySetValue(query, kSecAttrAccount, name);
	} else if (query) {
		CFRelease(query);
		query = NULL;
	}
	if (name)
		CFRelease(name);
	if (service)
		CFRelease(service);
	return query;
}

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to ask the Keychain: out of memory");
}

vu_status vu_platform_key_load(const char *account, void *secret, size_t bytes, vu_error *error)
{
	CFMutableDictionaryRef query = make_query(account);
	CFTypeRef found = NULL;
	vu_status status = VU_OK;
	OSStatus code;

	if (!query)
		return out_of_memory(error);
	CFDictionarySetValue(query, kSecReturnData, kCFBooleanTrue);
	CFDictionarySetValue(query, kSecMatchLimit, kSecMatchLimitOne);
	code = SecItemCopyMatching(query, &found);
	if (code != errSecSuccess || !found) {
		status = fail(error, code == errSecSuccess ? errSecItemNotFound : code, "read");
	} else if ((size_t)CFDataGetLength(found) != bytes) {
		status =
		    vu_fail(error, VU_DATA_LOSS, "unable to use the secret in the Keychain: it has another length");
	} else {
		memcpy(secret, CFDataGetBytePtr(found), bytes);
	}
	if (found)
		CFRelease(found);
	CFRelease(query);
	return status;
}

vu_status vu_platform_key_store(const char *account, const void *secret, size_t bytes, vu_error *error)
{
	CFMutableDictionaryRef item = make_query(account);
	CFMutableDataRef data = CFDataCreateMutable(NULL, (CFIndex)bytes);
	vu_status status = VU_OK;
	OSStatus code;

	if (item && data) {
		CFDataAppendBytes(data, secret, (CFIndex)bytes);
		CFDictionarySetValue(item, kSecValueData, data);
		CFDictionarySetValue(item, kSecAttrAccessible, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly);
		code = SecItemAdd(item, NULL);
		if (code != errSecSuccess)
			status = fail(error, code, "store");
	} else {
		status = out_of_memory(error);
	}
	if (data) {
		if ((size_t)CFDataGetLength(data) == bytes)
			wipe(CFDataGetMutableBytePtr(data), bytes);
		CFRelease(data);
	}
	if (item)
		CFRelease(item);
	return status;
}
