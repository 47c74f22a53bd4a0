/* Choosing a device by name. */
#include "audio/device_name.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "'A', 'B' and 'C'" of all devices, or of those whose name contains `part`; cut when it gets long. */
static void list_names(const vu_device_info *devices, size_t count, const char *part, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		int wrote;
		if (part && !strcasestr(devices[i].name, part))
			continue;
		wrote = snprintf(text + used, size - used, "%s'%s'", used ? ", " : "", devices[i].name);
		if (wrote < 0 || (size_t)wrote >= size - used) {
			if (used)
				snprintf(text + used, size - used, "%s", size - used > 5 ? ", …" : "");
			return;
		}
		used += (size_t)wrote;
	}
}

vu_status vu_device_choose(const vu_device_info *devices, size_t count, const char *name, size_t *index_out,
                           vu_error *error)
{
	char names[300];
	size_t found = count;
	size_t found_count = 0;

	if (count == 0)
		return vu_fail(error, VU_NOT_FOUND,
		               "unable to find a microphone: this machine has no device that can record; "
		               "connect one, or check that the sound server runs");
	if (!name || !*name || strcmp(name, "default") == 0) {
		*index_out = 0;
		for (size_t i = 0; i < count; i++)
			if (devices[i].is_default)
				*index_out = i;
		return VU_OK;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(devices[i].name, name) == 0) {
			*index_out = i;
			return VU_OK;
		}
		if (strcasestr(devices[i].name, name)) {
			found = i;
			found_count++;
		}
	}
	if (found_count == 1) {
		*index_out = found;
		return VU_OK;
	}
	if (found_count > 1) {
		list_names(devices, count, name, names, sizeof names);
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to choose microphone '%.60s': several fit (%s); set audio.device to one of them", name,
		    names);
	}
	list_names(devices, count, NULL, names, sizeof names);
	return vu_fail(error, VU_NOT_FOUND,
	               "unable to find microphone '%.60s': there are %s; set audio.device to one of them", name,
	               names);
}
