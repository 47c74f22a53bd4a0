#!/usr/bin/env bash
# The real capture process over its socket: uploads, long polls, restarts.
cd "$(dirname "$0")/../.." && exec build/tests/aid/check_capture build/bin/vu-capture
