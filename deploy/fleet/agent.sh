#!/bin/sh
# What scripts/deploy runs on a host, by ssh: one step each time. The script comes with
# the command, so nothing of it stays there; keys come by standard input alone.
# It says what it found or did in lines, and ends with another status than 0 and a
# reason when it could not. Nothing that is there is lost when it is cut off in the middle:
# what is new is complete under another name before it takes the place of the old.
# What is unpacked belongs to who runs this, also where that is root, who could give it to whom it was packed by.
set -u
umask 077
PATH=$HOME/.local/bin:/usr/local/bin:/opt/homebrew/bin:$PATH
export PATH
cli=jarvis-voice-unlock
unit=voice-unlock.service
label=org.voiceunlock.suite
system=$(uname -s)
if [ -z "${XDG_RUNTIME_DIR:-}" ] && [ -d "/run/user/$(id -u)" ]; then
	XDG_RUNTIME_DIR=/run/user/$(id -u)
	export XDG_RUNTIME_DIR
fi

fail() {
	echo "$*" >&2
	exit 1
}

# The folders of the suite of this user, as common/platform and common/store/master_key.c find them.
if [ -n "${VOICE_UNLOCK_HOME:-}" ]; then
	state=${VOICE_UNLOCK_HOME%/}
elif [ -n "${XDG_STATE_HOME:-}" ]; then
	state=$XDG_STATE_HOME/voice-unlock
elif [ "$system" = Darwin ]; then
	state="$HOME/Library/Application Support/voice-unlock"
else
	state=$HOME/.local/state/voice-unlock
fi
if [ -n "${VOICE_UNLOCK_KEY_FILE:-}" ]; then
	key=$VOICE_UNLOCK_KEY_FILE
elif [ -n "${VOICE_UNLOCK_HOME:-}" ]; then
	key=$state.key
elif [ -n "${XDG_CONFIG_HOME:-}" ]; then
	key=$XDG_CONFIG_HOME/voice-unlock-keys/master.key
elif [ "$system" = Darwin ]; then
	key=$state.key
else
	key=$HOME/.config/voice-unlock-keys/master.key
fi
users=$state/templates/users
copied=$state/copied # what lay here after the last copy between two hosts: CHECKSUM BYTES NAME

checksums() { # FOLDER [PATTERN]: of its files, by name
	[ -d "$1" ] || return 0
	(cd "$1" && find . -type f -name "${2:-*}" -exec cksum {} + | sed 's| \./| |' | LC_ALL=C sort -k 3)
}
checksum() { # FILE
	[ ! -f "$1" ] || cksum <"$1"
}
changed_s() { # FILE: when, in seconds
	stat -c %Y "$1" 2>/dev/null || stat -f %m "$1"
}
# With root's rights, asking nobody; fails where that cannot be.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# ---- looking ----

is_running() {
	"$cli" status --json >/dev/null 2>&1
}
probe() {
	echo "system $system"
	echo "machine $(uname -m)"
	if as_root true 2>/dev/null; then echo 'root yes'; else echo 'root no'; fi
	if command -v dpkg >/dev/null; then echo "dpkg $(dpkg --print-architecture)"; fi
	command -v "$cli" >/dev/null || return 0
	version=$("$cli" version 2>&1) || fail "unable to run the programs that are there: $version"
	echo "version ${version##* }"
	if is_running; then echo 'suite running'; fi
	echo "endpoints $("$cli" configure services.models.endpoints 2>/dev/null)"
	# A file that cannot be read now could not be changed later either.
	problem=$("$cli" configure 2>&1 >/dev/null) || case $problem in
	*'No such file'*) ;;
	*) fail "$problem" ;;
	esac
}
probe_tls() {
	[ ! -f "$state/tls/ca.pem" ] || echo "authority $(checksum "$state/tls/ca.pem")"
	[ -z "$(find "$state/tls" \( -type f ! -perm 600 -o -type d ! -perm 700 \) 2>/dev/null)" ] || echo 'open yes'
	checksums "$state/tls" | sed 's/^/tls /'
}

# ---- programs ----

receive() { # FILE: standard input
	{ cat >"$1" && [ -s "$1" ]; } || fail "unable to receive the package: disk full, or the connection was lost"
}
install_deb() {
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work"' EXIT
	receive "$work/voice-unlock.deb"
	chmod 755 "$work"
	chmod 644 "$work/voice-unlock.deb"
	export DEBIAN_FRONTEND=noninteractive
	as_root apt-get install -y -q --no-install-recommends --reinstall "$work/voice-unlock.deb" >"$work/log" 2>&1 ||
		{ tail -n 5 "$work/log" >&2; fail 'unable to install the package; run there: sudo apt-get update'; }
}
# Programs of the same system and architecture, below ~/.local. Tar takes what is there away before
# it writes, so programs that run keep what they run from.
install_tree() {
	umask 022
	mkdir -p "$HOME/.local" || exit 1
	tar -C "$HOME/.local" --no-same-owner -xf - || fail "unable to write the programs into $HOME/.local"
	said=$("$cli" version 2>&1) || fail "unable to run the programs: $said; install what they need: scripts/bootstrap --run-only"
	[ ! -f "$HOME/.local/lib/systemd/user/$unit" ] || ! command -v systemctl >/dev/null || {
		mkdir -p "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user" &&
			sed "s|@PREFIX@|$HOME/.local|g" "$HOME/.local/lib/systemd/user/$unit" \
				>"${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/$unit"
	} || fail 'unable to write the unit of systemd'
}
install_source() {
	umask 022
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work"' EXIT
	receive "$work/source.tar.gz"
	{ cd "$work" && tar --no-same-owner -xzf source.tar.gz && cd voice-unlock-*/; } || fail 'unable to unpack the source'
	scripts/install --prefix "$HOME/.local" --no-start </dev/null >"$work/log" 2>&1 ||
		{ tail -n 5 "$work/log" >&2; fail 'unable to build it'; }
}

# ---- certificates and configuration ----

install_tls() {
	mkdir -p "$state" && chmod 700 "$state" || exit 1
	{ rm -rf "$state/tls.new" && mkdir "$state/tls.new" && tar -C "$state/tls.new" --no-same-owner -xf -; } ||
		fail "unable to write $state/tls.new"
	for file in ca.pem crl.pem cert.pem key.pem identity.key peers; do
		[ -s "$state/tls.new/$file" ] || fail "$file did not arrive"
		chmod 600 "$state/tls.new/$file" || exit 1
	done
	chmod 700 "$state/tls.new" && rm -rf "$state/tls.old" || exit 1
	[ ! -d "$state/tls" ] || mv "$state/tls" "$state/tls.old" || exit 1
	mv "$state/tls.new" "$state/tls" || { mv "$state/tls.old" "$state/tls"; exit 1; }
	rm -rf "$state/tls.old"
}
set_endpoints() { # LIST
	said=$("$cli" configure services.models.endpoints "$1" 2>&1 >/dev/null) || [ "$("$cli" configure services.models.endpoints)" = "$1" ] ||
		fail "${said#*: }"
}

# ---- the suite ----

has_user_manager() {
	[ "$system" = Linux ] && [ "$(id -u)" -ne 0 ] && command -v systemctl >/dev/null &&
		systemctl --user show-environment >/dev/null 2>&1 && systemctl --user cat "$unit" >/dev/null 2>&1
}
has_agent() {
	[ "$system" = Darwin ] || return 1
	agent=$HOME/Library/LaunchAgents/$label.plist
	for folder in "$HOME/.local" /usr/local /opt/homebrew; do
		[ -e "$agent" ] || [ ! -e "$folder/share/voice-unlock/launchd/$label.plist" ] || {
			mkdir -p "$HOME/Library/LaunchAgents" &&
				install -m 644 "$folder/share/voice-unlock/launchd/$label.plist" "$agent"
		}
	done
	# Without somebody at the screen there is no session to load it into.
	[ -e "$agent" ] && launchctl print "gui/$(id -u)" >/dev/null 2>&1
}
stop_suite() {
	if has_user_manager && systemctl --user --quiet is-active "$unit"; then
		systemctl --user stop "$unit"
	elif has_agent && launchctl print "gui/$(id -u)/$label" >/dev/null 2>&1; then
		launchctl bootout "gui/$(id -u)/$label"
	fi
	! is_running || "$cli" stop >/dev/null
}
start_suite() {
	if has_user_manager; then
		systemctl --user daemon-reload && systemctl --user --quiet enable --now "$unit" || return
		loginctl enable-linger >/dev/null 2>&1 ||
			echo "mind its suite ends with the last login; run there: sudo loginctl enable-linger $(id -un)"
	elif has_agent; then
		launchctl bootstrap "gui/$(id -u)" "$agent" || return
	else
		said=$("$cli" start 2>&1 </dev/null) || { echo "$said" >&2; return 1; }
	fi
}
restart_suite() {
	stop_suite || fail 'unable to stop the suite'
	start_suite || fail 'unable to start the suite'
}
restart_models() {
	said=$("$cli" restart models 2>&1) || fail "$said"
}
is_ready() {
	"$cli" status --json 2>/dev/null | grep -q '"ready": *true'
}
# Ready, and, where somebody may sit, the model-servers take its calls. Of what doctor says the names alone.
verify() { # ROLE
	tries=0
	until is_ready && { [ "$1" = none ] || said=$("$cli" list 2>&1); }; do
		tries=$((tries + 1))
		[ "$tries" -lt 30 ] || {
			is_ready || fail "its suite is not ready: $("$cli" status 2>&1 | tail -n 1)"
			fail "its suite reaches no model-server: ${said#*: }"
		}
		sleep 1
	done
	# Where nobody sits it may not ask others for templates, and need not.
	"$cli" doctor 2>/dev/null | sed -n 's/^problem  //p' | sed 's/  .*//; s/^/doctor /' |
		{ if [ "$1" = none ]; then grep -v 'doctor templates'; else cat; fi || true; }
}

# ---- templates, from one model-server to another ----

list_templates() {
	if [ -f "$key" ]; then
		# As common/store/master_key.c marks a file that is sealed by a place of this machine.
		[ "$(head -c 8 "$key" | od -An -tx1 | tr -d ' \n')" != 56554b45590d0a1b ] || echo 'sealed yes'
		echo "key $(checksum "$key")"
	fi
	checksums "$users" '*.vut' | while read -r sum bytes name; do
		echo "user $sum $bytes $name $(changed_s "$users/$name")"
	done
	[ ! -d "$users" ] || (cd "$users" && find . -name '*.used' | sed 's|^\./||' | LC_ALL=C sort) | while read -r name; do
		echo "used $name $(changed_s "$users/$name")"
	done
	[ ! -f "$copied" ] || sed 's/^/was /' "$copied"
}
pack_templates() {
	tar -C "$state/templates" -cf - users
}
pack_key() {
	cat "$key"
}
pack_used() {
	cd "$users" && find . -name '*.used' | tar -cf - -T -
}
take_templates() {
	{ mkdir -p "$state" && chmod 700 "$state" && rm -rf "$state/templates.new" && mkdir "$state/templates.new" &&
		tar -C "$state/templates.new" --no-same-owner -xpf -; } || fail "unable to write $state/templates.new"
	chmod 700 "$state/templates.new" "$state/templates.new/users" &&
		find "$state/templates.new/users" -type f -exec chmod 600 {} + || exit 1
}
take_key() {
	{ mkdir -p "$(dirname "$key")" && rm -f "$key.new" && cat >"$key.new" && [ -s "$key.new" ]; } ||
		fail "unable to write $key.new"
}
take_used() {
	tar -C "$users" --keep-newer-files --no-same-owner -xpf - 2>/dev/null || fail "unable to write the times of use into $users"
}
drop_taken() {
	rm -rf "$state/templates.new"
	rm -f "$key.new"
}
remember() { # STANDARD INPUT: CHECKSUM BYTES NAME
	cat >"$copied.new" && mv "$copied.new" "$copied"
}
# Standard input: what was to come, as the other host listed it. Nobody may use the old key on new
# templates or the contrary, so the suite stands still for that moment; the other one answers.
commit_templates() {
	wanted=$(cat)
	came=$(echo "key $(checksum "$key.new")"; checksums "$state/templates.new/users" '*.vut' | sed 's/^/user /')
	[ "$came" = "$wanted" ] || { drop_taken; fail 'what arrived is not what was sent'; }
	ran=no
	! is_running || ran=yes
	[ "$ran" = no ] || stop_suite || { drop_taken; fail 'unable to stop the suite'; }
	gone=$(checksums "$users" '*.vut' | while read -r _ _ name; do
		[ -e "$state/templates.new/users/$name" ] || echo "$name"
	done)
	rm -rf "$state/templates.old"
	[ ! -d "$state/templates" ] || mv "$state/templates" "$state/templates.old" || exit 1
	if mv "$state/templates.new" "$state/templates" && mv "$key.new" "$key"; then
		rm -rf "$state/templates.old"
	else
		rm -rf "$state/templates"
		[ ! -d "$state/templates.old" ] || mv "$state/templates.old" "$state/templates"
		drop_taken
		[ "$ran" = no ] || start_suite
		fail 'unable to put the templates into their place; it is as before'
	fi
	# When people come is learned here and anew, and so are failures; of who is gone nothing may stay.
	[ -z "$gone" ] || rm -f "$state"/prediction.db* "$state"/models/prediction.db* "$state"/models/guesses.db*
	checksums "$users" '*.vut' | remember
	[ "$ran" = no ] || start_suite || fail 'unable to start the suite'
}

verb=$1
shift
case $verb in
probe)
	probe
	probe_tls
	;;
stop) stop_suite ;;
deb | tree | source | tls) "install_$verb" ;;
endpoints) set_endpoints "$1" ;;
restart) "restart_$1" ;;
verify) verify "$1" ;;
list) list_templates ;;
pack | take) "${verb}_$1" ;;
drop) drop_taken ;;
commit) commit_templates ;;
remember) remember ;;
*) fail "unable to understand '$verb'" ;;
esac
