/*
 * What we use of Apple's Security and CoreFoundation frameworks, with the types
 * that their headers give it. Those come with Xcode only; declared here, a cross
 * compiler can check what calls them as well.
 */
#ifndef VU_PLATFORM_DARWIN_SECURITY_H
#define VU_PLATFORM_DARWIN_SECURITY_H

#include <stdint.h>

typedef const void *CFTypeRef;
typedef const void *CFAllocatorRef;
typedef const void *CFStringRef;
typedef const void *CFDictionaryRef;
typedef const void *CFDataRef;
typedef const void *CFBooleanRef;
typedef void *CFMutableDictionaryRef;
typedef void *CFMutableDataRef;
typedef long CFIndex;
typedef int32_t OSStatus;

/* Their callbacks, of which only the addresses matter. */
struct vu_cf_callbacks;
extern const struct vu_cf_callbacks kCFTypeDictionaryKeyCallBacks;
extern const struct vu_cf_callbacks kCFTypeDictionaryValueCallBacks;

extern const CFBooleanRef kCFBooleanTrue;
extern const CFStringRef kSecClass;
extern const CFStringRef kSecClassGenericPassword;
extern const CFStringRef kSecAttrService;
extern const CFStringRef kSecAttrAccount;
extern const CFStringRef kSecAttrAccessible;
extern const CFStringRef kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly;
extern const CFStringRef kSecValueData;
extern const CFStringRef kSecReturnData;
extern const CFStringRef kSecMatchLimit;
extern const CFStringRef kSecMatchLimitOne;

#define kCFStringEncodingUTF8 0x08000100u

enum {
	errSecSuccess = 0,
	errSecUserCanceled = -128,
	errSecAuthFailed = -25293,
	errSecDuplicateItem = -25299,
	errSecItemNotFound = -25300,
	errSecInteractionNotAllowed = -25308,
};

void CFRelease(CFTypeRef object);
CFStringRef CFStringCreateWithCString(CFAllocatorRef allocator, const char *text, uint32_t encoding);
CFMutableDictionaryRef CFDictionaryCreateMutable(CFAllocatorRef allocator, CFIndex capacity,
                                                 const struct vu_cf_callbacks *of_keys,
                                                 const struct vu_cf_callbacks *of_values);
void CFDictionarySetValue(CFMutableDictionaryRef dictionary, const void *key, const void *value);
CFMutableDataRef CFDataCreateMutable(CFAllocatorRef allocator, CFIndex capacity);
void CFDataAppendBytes(CFMutableDataRef data, const uint8_t *bytes, CFIndex length);
uint8_t *CFDataGetMutableBytePtr(CFMutableDataRef data);
const uint8_t *CFDataGetBytePtr(CFDataRef data);
CFIndex CFDataGetLength(CFDataRef data);

OSStatus SecItemAdd(CFDictionaryRef attributes, CFTypeRef *result);
OSStatus SecItemCopyMatching(CFDictionaryRef query, CFTypeRef *result);

#endif
