# shellcheck shell=bash
# TAP for the system tests, which source this from the root of the tree and say
# in `why` what a failed check has to show, where the last output of a command
# ($out) is not it.

count=0
failures=0

why() {
	head -n 20 "$out"
}
ok() { # STATUS NAME
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $count - $2"
	why 2>/dev/null | cut -c1-600 | sed 's/^/# /'
}
check() { # NAME COMMAND…
	local name=$1
	shift
	"$@" >"$out" 2>&1
	ok $? "$name"
}
within() { # SECONDS COMMAND…: until it succeeds, so long at most
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
