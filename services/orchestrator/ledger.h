/*
 * history.db: past attempts and lockouts, in the state folder.
 *
 * The file is opened at the first transaction and checked then. A damaged file
 * is moved aside with an error in the log and a new one begun; when damage
 * shows later, the transaction fails with DATA_LOSS and the next one starts so.
 * Any number of threads; one transaction at a time.
 */
#ifndef VU_ORCHESTRATOR_LEDGER_H
#define VU_ORCHESTRATOR_LEDGER_H

#include "base/clock.h"
#include "base/status.h"
#include "store/store.h"

#include <stdint.h>

typedef struct vu_ledger vu_ledger;

/* `home` is the state folder (made when it is missing, at the first use). Free with vu_ledger_destroy. */
vu_status vu_ledger_create(const char *home, vu_clock clock, vu_ledger **ledger_out, vu_error *error);
void vu_ledger_destroy(vu_ledger *ledger);

/* Opens the file when needed and begins a transaction on *store_out. On failure none is begun. */
vu_status vu_ledger_begin(vu_ledger *ledger, vu_store **store_out, vu_error *error);
/* Ends it: durable after OK, not done otherwise. */
vu_status vu_ledger_commit(vu_ledger *ledger, vu_error *error);
/* Undoes it. `reason` is why: after DATA_LOSS the file is examined again before the next transaction. */
void vu_ledger_rollback(vu_ledger *ledger, vu_status reason);

/* This run of the machine, and the clocks. */
const char *vu_ledger_boot_id(const vu_ledger *ledger);
int64_t vu_ledger_monotonic_us(const vu_ledger *ledger);
int64_t vu_ledger_wall_us(const vu_ledger *ledger);

#endif
