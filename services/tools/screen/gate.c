/* Every doubt is a no: a trigger during the cool-down is forgotten, not kept for later. */
#include "gate.h"

void vu_screen_gate_see(vu_screen_gate *gate, bool locked, int64_t now_ms)
{
	if (locked && !gate->locked) {
		gate->locked_ms = now_ms;
		gate->lock_number++;
		gate->triggered = false;
	}
	if (!locked)
		gate->triggered = false;
	gate->locked = locked;
}

void vu_screen_gate_trigger(vu_screen_gate *gate, int64_t now_ms)
{
	if (!gate->locked || now_ms - gate->locked_ms < VU_SCREEN_COOL_DOWN_MS)
		return;
	gate->triggered = true;
	gate->trigger_ms = now_ms;
}

bool vu_screen_gate_take(vu_screen_gate *gate, int64_t now_ms)
{
	bool may = gate->locked && gate->triggered && now_ms - gate->trigger_ms <= VU_SCREEN_FRESH_MS;

	gate->triggered = false;
	return may;
}
