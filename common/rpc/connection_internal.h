/* What the files of a connection share. Used by connection*.c only. */
#ifndef VU_RPC_CONNECTION_INTERNAL_H
#define VU_RPC_CONNECTION_INTERNAL_H

#include "rpc/connection.h"

/*
 * NNG doubles its wait between tries, so that it is never late by more than a
 * service was away; and it must not try much faster than its poller closes the
 * descriptors of failed tries, or a busy machine runs out of them.
 */
#define VU_LOCAL_RECONNECT_MIN_MS 1
#define VU_LOCAL_RECONNECT_MAX_MS 25

/* With the lock held: when to dial again, if no connection comes about by itself. */
void vu_connection_plan_redial(vu_connection *connection);

/* With the lock held, which is released meanwhile: the first dialling of a channel. */
vu_status vu_connection_dial(vu_connection *connection, vu_error *error);

/*
 * With the lock held, which is released meanwhile: replaces dialers that NNG
 * may have given up (see nng_aid.h), soon at first and then ever more seldom.
 */
void vu_connection_redial(vu_connection *connection);

/* Why there is no connection: OK when one may still come about. Without the lock. */
vu_status vu_connection_diagnose(const vu_connection *connection, vu_error *error);

#endif
