/* Any bytes as a list of trials, with and without labels: taken whole and consistent, or refused with a line. */
#include "../../services/cli/trial_list.c"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const char *path, int with_labels)
{
	trial_list *list = NULL;
	vu_error error = {.status = VU_OK};
	vu_status status = trial_list_read(path, with_labels, &list, &error);

	if (status != VU_OK) {
		assert(!list && error.message[0] != '\0');
		return;
	}
	assert(list->count > 0);
	for (size_t i = 0; i < list->count; i++) {
		char *resolved = trial_list_resolve(list, list->trials[i].file);
		assert(resolved && list->trials[i].user < list->users.count);
		assert(vu_user_name_check(list->users.texts[list->trials[i].user], NULL) == VU_OK);
		assert(list->trials[i].label != TRIAL_SPOOF || list->trials[i].kind < list->kinds.count);
		free(resolved);
	}
	trial_list_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("list", MFD_CLOEXEC);

	assert(fd >= 0);
	assert(size == 0 || write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	try(path, 0);
	try(path, 1);
	close(fd);
	return 0;
}
