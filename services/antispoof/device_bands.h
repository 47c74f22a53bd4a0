/*
 * What band the attempts at each microphone had. A microphone that always
 * delivered 8 kHz and now nothing above 4 may be a virtual one that is fed a
 * telephone recording, or a headset that has just begun to be used for a call:
 * evidence, no more.
 *
 * The last 16 attempts of 8 devices, in the file microphone-bands of the state
 * folder: a hash of the device's name and frequencies, nothing of the voice.
 * Read at first use; written, atomically, only when something became known that
 * the file does not tell yet. A file that is missing or not understood is begun
 * anew; one that cannot be written costs only what is forgotten by a restart.
 * Any thread.
 */
#ifndef VU_ANTISPOOF_DEVICE_BANDS_H
#define VU_ANTISPOOF_DEVICE_BANDS_H

#define VU_DEVICE_BANDS_KEPT    16
#define VU_DEVICE_BANDS_DEVICES 8
/* With fewer attempts nothing is known of a device. */
#define VU_DEVICE_BANDS_KNOWN 5

typedef struct vu_device_bands vu_device_bands;

/* `folder` is copied and need not exist yet. NULL without memory. */
vu_device_bands *vu_device_bands_create(const char *folder);
void vu_device_bands_destroy(vu_device_bands *bands);

/*
 * Takes down that an attempt at `device` reached up to `limit_hz`. Returns the
 * median of those before when the device is known and less than a quarter of
 * them were about as narrow or narrower; else 0.
 */
double vu_device_bands_meet(vu_device_bands *bands, const char *device, double limit_hz);

#endif
