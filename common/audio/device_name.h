/* Choosing a device by what the user wrote. Apart from device.c so that it needs no device to be tested. */
#ifndef VU_AUDIO_DEVICE_NAME_H
#define VU_AUDIO_DEVICE_NAME_H

#include "audio/device.h"

/*
 * The index in `devices` that `name` means: "default" (or empty) is the
 * default device, else the first; then the device of exactly this name; then
 * the only one whose name contains it, whatever the case. NOT_FOUND and
 * INVALID_ARGUMENT (several fit) name the devices there are.
 */
vu_status vu_device_choose(const vu_device_info *devices, size_t count, const char *name, size_t *index_out,
                           vu_error *error);

#endif
