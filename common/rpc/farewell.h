/*
 * Hanging up later, on connections where answers may still arrive.
 *
 * NNG 1.5.2 waits forever, and with it everything that is closed afterwards in
 * this process, for a connection that is closed while a message is being read
 * from it (ipc_pipe_recv_cb begins to read the body with an operation that is
 * stopped, and so never ends). The answer to a call that was given up comes just
 * when its channel is destroyed: the server ends the call at the same deadline.
 */
#ifndef VU_RPC_FAREWELL_H
#define VU_RPC_FAREWELL_H

#include "rpc/connection.h"

/*
 * Closes the dialers of a connection, which has dialled and is used by nobody
 * else any more, a second from now, in a thread of its own that ends when
 * nothing is left to close. At once when there is none to be had. The socket
 * stays open, and the connection must remain until the process ends. Returns at
 * once; may be called from any thread.
 */
void vu_farewell_later(vu_connection *connection);

#endif
