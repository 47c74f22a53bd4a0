/* What the HTTP pages say. No page names a user: everybody on the machine can read them. */
#ifndef VU_ORCHESTRATOR_PAGES_H
#define VU_ORCHESTRATOR_PAGES_H

#include "orchestrator.h"

#include <stddef.h>

typedef struct vu_page {
	unsigned status; /* HTTP */
	const char *type;
	char *body; /* owned by the page, from malloc; NULL when out of memory */
	size_t bytes;
} vu_page;

/* The page at `path`; 404 where there is none. Asks other services, half a second at most. */
vu_page vu_page_make(vu_orchestrator *orchestrator, const char *path);

/* A page with one sentence, for refusals. */
vu_page vu_page_error(unsigned status, const char *message);

#endif
