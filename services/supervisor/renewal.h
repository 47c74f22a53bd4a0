/*
 * Certificates that were renewed. NNG takes those of a listener once and for all
 * (common/rpc/remote_listener.c), so a service that listens for other hosts has
 * to be started anew to show new ones; a restart costs no request.
 *
 * Looks at the files that a listener is made with: ca.pem, crl.pem, cert.pem,
 * key.pem in <home>/tls. The allow-list needs no restart. Loop thread only.
 */
#ifndef VU_SUPERVISOR_RENEWAL_H
#define VU_SUPERVISOR_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#define VU_RENEWAL_INTERVAL_US 1000000LL

typedef struct vu_renewal vu_renewal;

/* As they are now is what the services show. NULL when out of memory. */
vu_renewal *vu_renewal_create(const char *home);

/*
 * True once after they have changed, stayed the same for two looks (what is being
 * copied is left alone) and can be used; what cannot be used is logged, and what
 * is shown stays. May be asked as often as one likes.
 */
bool vu_renewal_is_due(vu_renewal *renewal, int64_t now_us);

void vu_renewal_free(vu_renewal *renewal);

#endif
