/*
 * When a voice may be listened to for the screen: only while it is locked, only
 * after the cool-down that follows locking, and only on a trigger that came
 * after that and is fresh. One trigger is one attempt. Pure: time is given.
 */
#ifndef VU_SCREEN_GATE_H
#define VU_SCREEN_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* Who has just locked his screen may still be speaking, and has not left. */
#define VU_SCREEN_COOL_DOWN_MS 5000
/* A trigger that could not be followed at once is forgotten. */
#define VU_SCREEN_FRESH_MS 3000

typedef struct vu_screen_gate {
	bool locked;
	uint64_t lock_number; /* counts lockings: an attempt is for one of them */
	int64_t locked_ms;
	bool triggered;
	int64_t trigger_ms;
} vu_screen_gate;

/* What the session says now. The first time it is locked is taken for the moment of locking. */
void vu_screen_gate_see(vu_screen_gate *gate, bool locked, int64_t now_ms);
/* A hot key, or the machine woke up. */
void vu_screen_gate_trigger(vu_screen_gate *gate, int64_t now_ms);
/* True when an attempt may begin now; uses the trigger up. */
bool vu_screen_gate_take(vu_screen_gate *gate, int64_t now_ms);

#endif
