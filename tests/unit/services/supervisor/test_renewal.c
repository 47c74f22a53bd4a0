/* When services that listen for other hosts are to be started anew: once per change that can be used, and no sooner.
 */
#include "renewal.h"

#include "../../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* A certificate that has signed itself, its key and its list of nobody; good for this test alone. */
static const char CERTIFICATE[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBdDCCARugAwIBAgIUMsV9KzrgvisZgS+I8LvW96kUV1kwCgYIKoZIzj0EAwIw\n"
                                  "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMxMjI0MDhaGA8yMTI2MTAzMDEyMjQw\n"
                                  "OFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLtU\n"
                                  "6F9fXY3lmP+Vzzt6tW/05hZodmNHxycrf4AWmET93LQgwNlKkV0ryYMiuWgGP7+W\n"
                                  "H9v3sMaCGWc6NXI83DKjUzBRMB0GA1UdDgQWBBQaU/UZS11/mXiY8/1Xe5nCBUYJ\n"
                                  "ETAfBgNVHSMEGDAWgBQaU/UZS11/mXiY8/1Xe5nCBUYJETAPBgNVHRMBAf8EBTAD\n"
                                  "AQH/MAoGCCqGSM49BAMCA0cAMEQCIAoQnepKlTLLqrw13Qp6CO4XMYOZrZ/tHlrB\n"
                                  "PkBu8M49AiAZb6QQ5VABuAWfGwuFXwWuH7sj5qPAQo6tJhmzy2sFZA==\n"
                                  "-----END CERTIFICATE-----\n";
static const char KEY[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxyTPpItMHoABE8AY\n"
                          "eOjP4zVyomClwHWXllv+N7tcJPmhRANCAAS7VOhfX12N5Zj/lc87erVv9OYWaHZj\n"
                          "R8cnK3+AFphE/dy0IMDZSpFdK8mDIrloBj+/lh/b97DGghlnOjVyPNwy\n"
                          "-----END PRIVATE KEY-----\n";
static const char REVOKED[] = "-----BEGIN X509 CRL-----\n"
                              "MIGoMFACAQEwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEdGVzdBcNMjYxMTIzMTIy\n"
                              "NDA4WhgPMjEyNjEwMzAxMjI0MDhaoA4wDDAKBgNVHRQEAwIBATAKBggqhkjOPQQD\n"
                              "AgNIADBFAiEA2va+Vvlxiuk4mOoww+BRivK9Om0sLAx55Bubbp5Y3lACIAdXEkY1\n"
                              "eqKS19KdakviQG1n0SSD6UiHfgjFSKFY4AT7\n"
                              "-----END X509 CRL-----\n";

static char folder[TEST_PATH_MAX];
static char tls[TEST_PATH_MAX + 8];
static int64_t now_us;

static void put(const char *name, const char *content)
{
	test_file_create(tls, name, content, 0600, NULL);
}

/* An allow-list of one, ourselves. */
static void write_all(void)
{
	uint8_t secret[32] = {1};
	uint8_t identity[32];
	char hex[65];
	char peers[128];

	put("ca.pem", CERTIFICATE);
	put("cert.pem", CERTIFICATE);
	put("key.pem", KEY);
	put("crl.pem", REVOKED);
	assert_int_equal(crypto_scalarmult_base(identity, secret), 0);
	put("identity.key", sodium_bin2hex(hex, sizeof hex, secret, sizeof secret));
	snprintf(peers, sizeof peers, "me %s none\n", sodium_bin2hex(hex, sizeof hex, identity, sizeof identity));
	put("peers", peers);
}

/* As copying does it, and so that no clock is too coarse to tell. */
static void replace(const char *name, const char *content)
{
	char from[TEST_PATH_MAX];
	char to[2 * TEST_PATH_MAX];

	test_file_create(tls, "new", content, 0600, from);
	snprintf(to, sizeof to, "%s/%s", tls, name);
	assert_int_equal(rename(from, to), 0);
}

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(tls, sizeof tls, "%s/tls", folder);
	assert_int_equal(mkdir(tls, 0700), 0);
	now_us = 1;
	write_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static bool look(vu_renewal *renewal)
{
	bool due = vu_renewal_is_due(renewal, now_us);

	/* Not again before its time. */
	assert_false(vu_renewal_is_due(renewal, now_us + 1));
	now_us += VU_RENEWAL_INTERVAL_US;
	return due;
}

static vu_renewal *begin(void)
{
	vu_renewal *renewal = vu_renewal_create(folder);

	assert_non_null(renewal);
	for (int i = 0; i < 3; i++)
		assert_false(look(renewal));
	return renewal;
}

static void a_renewed_certificate_is_due_once(void **state)
{
	vu_renewal *renewal = begin();

	(void)state;
	replace("cert.pem", CERTIFICATE);
	replace("key.pem", KEY);
	assert_false(look(renewal));
	assert_true(look(renewal));
	for (int i = 0; i < 3; i++)
		assert_false(look(renewal));
	replace("crl.pem", REVOKED);
	assert_false(look(renewal));
	assert_true(look(renewal));
	assert_false(look(renewal));
	vu_renewal_free(renewal);
}

static void what_is_being_copied_is_left_alone(void **state)
{
	vu_renewal *renewal = begin();

	(void)state;
	for (int i = 0; i < 5; i++) {
		replace("cert.pem", CERTIFICATE);
		assert_false(look(renewal));
	}
	assert_true(look(renewal));
	vu_renewal_free(renewal);
}

static void the_allow_list_needs_no_restart(void **state)
{
	vu_renewal *renewal = begin();
	char path[2 * TEST_PATH_MAX];
	char *peers;

	(void)state;
	snprintf(path, sizeof path, "%s/peers", tls);
	peers = test_file_content(path);
	replace("peers", peers);
	free(peers);
	for (int i = 0; i < 3; i++)
		assert_false(look(renewal));
	vu_renewal_free(renewal);
}

static void what_cannot_be_used_changes_nothing(void **state)
{
	vu_renewal *renewal = begin();
	char path[2 * TEST_PATH_MAX];

	(void)state;
	replace("cert.pem", "no certificate");
	for (int i = 0; i < 3; i++)
		assert_false(look(renewal));
	snprintf(path, sizeof path, "%s/key.pem", tls);
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 3; i++)
		assert_false(look(renewal));
	/* And once it can, it is shown. */
	write_all();
	assert_false(look(renewal));
	assert_true(look(renewal));
	assert_false(look(renewal));
	vu_renewal_free(renewal);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FOLDER(a_renewed_certificate_is_due_once),
	    WITH_FOLDER(what_is_being_copied_is_left_alone),
	    WITH_FOLDER(the_allow_list_needs_no_restart),
	    WITH_FOLDER(what_cannot_be_used_changes_nothing),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
