#!/usr/bin/env python3
"""A storm of faults while people authenticate. TAP.

Every 200 ms a random service is killed (SIGKILL), stopped (SIGSTOP) or made to
hold more memory than it may, while several clients authenticate: people who
belong in, strangers, and recordings of people who were let in. Whoever belongs
in is let in within the deadline of an attempt; nobody else ever is; of
templates, history and audit log nothing is lost; afterwards no process,
descriptor or memory is left over.

SOAK_FAULTS: how many faults (150). SOAK_SEED: which (random, printed).
"""
import collections
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

os.chdir(os.path.dirname(os.path.abspath(__file__)) + "/../..")
FAULTS = int(os.environ.get("SOAK_FAULTS", "150"))
SEED = int(os.environ.get("SOAK_SEED", str(random.SystemRandom().randrange(1 << 30))))
BIN = os.getcwd() + "/build/bin"
VU = BIN + "/jarvis-voice-unlock"
ASK = os.getcwd() + "/build/tests/aid/ask_supervisor"
SERVICES = ["capture", "features", "models", "antispoof", "orchestrator"]
FAULT_EVERY_S = 0.2
# authentication.timeout_s, and what a busy machine may add to start and end a command.
TIMEOUT_S = 30
SLACK_S = 10
PATIENCE_S = 60
LET_IN, REFUSED, SPOOF, LOCKED, UNAVAILABLE = 0, 1, 3, 6, 7

work = tempfile.mkdtemp(prefix="vu-storm.", dir="/tmp")
for name in [n for n in os.environ if n.startswith("VOICE_UNLOCK_")]:
    del os.environ[name]
os.environ.update(VOICE_UNLOCK_HOME=work + "/state", VOICE_UNLOCK_RUNTIME_DIR=work + "/run",
                  VOICE_UNLOCK_CONFIG=work + "/config.yaml", LC_ALL="C.UTF-8")
count = failures = 0


def ok(holds, name, *details):
    global count, failures
    count += 1
    print(("ok %d - %s" if holds else "not ok %d - %s") % (count, name))
    if not holds:
        failures += 1
        for detail in details:
            for line in str(detail).splitlines()[:40]:
                print("# " + line[:400])
    sys.stdout.flush()


def note(text):
    print("# " + text, flush=True)


def run(*command, timeout=300):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=timeout)


def within(condition, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def status():
    """name -> (pid, state, rss bytes, reason), and whether all is ready."""
    lines = run(ASK, "status").stdout.splitlines()
    rows = [line.split(" ", 7) for line in lines[:-1]]
    return {r[0]: (int(r[1]), r[2], int(r[5]), r[7] if len(r) > 7 else "") for r in rows if len(r) > 6}, \
        bool(lines) and lines[-1] == "ready"


def ready():
    return status()[1]


def ours():
    """Processes of this suite, found by their environment; None where that cannot be read."""
    if not os.path.isdir("/proc/self"):
        return None
    mark = ("VOICE_UNLOCK_HOME=" + work).encode()
    found = set()
    for pid in [p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]:
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if mark in file.read():
                    found.add(int(pid))
        except OSError:
            pass
    return found


def descriptors(pid):
    """What they are, sorted."""
    found = []
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                found.append(re.sub(r"[0-9]+", "N", os.readlink("/proc/%d/fd/%s" % (pid, fd))))
            except OSError:
                pass
    except OSError:
        pass
    return sorted(found)


def digests():
    found = {}
    for folder, _, names in os.walk(work + "/state/templates"):
        for name in [n for n in names if n.endswith(".vut")]:
            with open(folder + "/" + name, "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


class Attempt:
    def __init__(self, user, recording, *options):
        began = time.monotonic()
        self.user, self.recording, self.options = user, recording, options
        done = run(VU, "test", "--user", user, "--from", recording, "--json", *options)
        self.took_s = time.monotonic() - began
        self.code = done.returncode
        try:
            self.answer = json.loads(done.stdout)
        except ValueError:
            self.answer = {}
        self.verdict = self.answer.get("verdict", "none")
        self.said = done.stderr.strip()

    def in_time(self):
        return self.took_s <= TIMEOUT_S + SLACK_S

    def __str__(self):
        return "%s with %s %s: exit %d, %s, %.1f s: %s %s" % (
            self.user, self.recording[len(work):], " ".join(self.options), self.code, self.verdict, self.took_s,
            self.answer.get("reason", ""), self.said)


def finish():
    run(VU, "stop")
    for pid in ours() or ():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    shutil.rmtree(work, ignore_errors=True)


def bail(why):
    print("Bail out! " + why)
    finish()
    sys.exit(1)


# ---- a suite whose services can be made to grow, and who is to be let in ----

with open(work + "/config.yaml", "w") as config:
    config.write("http:\n  port: 0\nperformance:\n  max_memory_mb: 160\nauthentication:\n  max_attempts: 100\n"
                 "  timeout_s: %d\n" % TIMEOUT_S)
os.chmod(work + "/config.yaml", 0o600)
os.mkdir(work + "/bin")
shutil.copy(BIN + "/vu-supervisor", work + "/bin")
for service in SERVICES:
    path = "%s/bin/vu-%s" % (work, service)
    with open(path, "w") as script:
        script.write('#!/bin/sh\nbloat="%s/build/tests/bloat.so"\nLD_PRELOAD=$bloat DYLD_INSERT_LIBRARIES=$bloat '
                     'exec "%s/vu-%s"\n' % (os.getcwd(), BIN, service))
    os.chmod(path, 0o700)

if run("build/tests/aid/utterances", work + "/voices").returncode != 0:
    print("1..0 # SKIP utterances cannot be made; run scripts/bootstrap")
    shutil.rmtree(work)
    sys.exit(0)
people = open(work + "/voices/people.txt").read().split()
started = run(work + "/bin/vu-supervisor", "--detach")
if started.returncode != 0:
    bail("the suite did not start: " + started.stderr)


def recording(person, which):
    return "%s/voices/%s/test-%d.wav" % (work, person, which)


with open(work + "/enroll.tsv", "w") as enroll, open(work + "/trials.tsv", "w") as trials, \
        open(work + "/strangers.tsv", "w") as strange:
    for i, person in enumerate(people):
        samples = ["%s/voices/%s/enroll-%d.wav" % (work, person, n) for n in (1, 2, 3, 4, 5)]
        enrolled = run(VU, "enroll", person, "--from", *samples)
        if enrolled.returncode != 0:
            bail("unable to enrol %s: %s" % (person, enrolled.stderr))
        for sample in samples:
            enroll.write("%s\t%s\n" % (person, sample))
        for n in (1, 2, 3):
            trials.write("%s\t%s\ttarget\n" % (person, recording(person, n)))
            other = people[(i + n) % len(people)]
            strange.write("%s\t%s\tnontarget\n" % (person, recording(other, n)))


def evaluate(trials, wanted, *options):
    out = work + "/out.tsv"
    done = run(VU, "evaluate", "--enroll", work + "/enroll.tsv", "--trials", work + "/" + trials, "--out", out,
               *options)
    if done.returncode != 0:
        bail("unable to evaluate: " + done.stderr)
    rows = [line.rstrip("\n").split("\t") for line in open(out)][1:]
    return [(row[0], row[1]) for row in rows if row[3] == wanted]


# Undisturbed, so that what happens in the storm is the storm's doing.
belong = evaluate("trials.tsv", "accept")
strangers = evaluate("strangers.tsv", "reject", "--anti-spoofing", "off")
note("%d people enrolled; undisturbed %d recordings are accepted, %d strangers refused"
     % (len(people), len(belong), len(strangers)))
if len(belong) < 10 or len(strangers) < 10:
    bail("too few recordings for a test")

first = Attempt(belong[0][0], belong[0][1])
ok(first.code == LET_IN, "an undisturbed attempt is accepted", first)
genuine, impostors = [first], []
run(VU, "cleanup", "--aggressive")
# What is opened once and for good, is opened by then.
within(lambda: not os.path.isdir("/proc/self") or
       any("metrics.ring" in name for name in descriptors(status()[0]["orchestrator"][0])))
at_start = status()[0]
supervisor = at_start["supervisor"][0]
descriptors_at_start = {name: descriptors(row[0]) for name, row in at_start.items()}
processes_at_start = ours()
templates = digests()

# ---- the storm ----

note("%d faults, SOAK_SEED=%d" % (FAULTS, SEED))
chance = random.Random(SEED)
over = threading.Event()
heard = []  # recordings that were accepted: from then on they are replays
crashes = []


def client(work_of_it):
    turn = 0
    try:
        while not over.is_set():
            work_of_it(turn)
            turn += 1
    except Exception as error:  # a test that breaks is a failure, not an end
        crashes.append("%s: %r" % (work_of_it.__name__, error))


def those_who_belong(turn):
    # Each recording is heard with all detectors once, spread over the storm, and else by voice alone.
    share = max(2, FAULTS // 60)
    if turn % share == 0 and 1 + turn // share < len(belong):
        user, path = belong[1 + turn // share]
        genuine.append(Attempt(user, path))
        if genuine[-1].code == LET_IN:
            heard.append((user, path))
    else:
        genuine.append(Attempt(*belong[turn % len(belong)], "--anti-spoofing", "off"))


def those_who_do_not(turn):
    kind = turn % 3
    if kind == 2 and heard:
        impostors.append(Attempt(*heard[turn // 3 % len(heard)]))
    elif kind == 1:
        # Never with a recording that its owner has yet to use: it would be a replay then.
        waiting = {path for _, path in belong} - {path for _, path in heard}
        others = [s for s in strangers if s[1] not in waiting] or [belong[0]]
        impostors.append(Attempt(*others[turn // 3 % len(others)]))
    else:
        impostors.append(Attempt(*strangers[turn % len(strangers)], "--anti-spoofing", "off"))
    if turn % 20 == 19:
        for person in people:
            run(VU, "unlock-user", person)


def those_who_look(turn):
    run(VU, *(("status", "--json"), ("history", "--json"), ("list", "--json"))[turn % 3])
    time.sleep(0.2)


clients = [threading.Thread(target=client, args=(what,)) for what in (those_who_belong, those_who_do_not, those_who_look)]
for thread in clients:
    thread.start()
done = {"killed": 0, "stopped": 0, "bloated": 0}
peak = {}
given_up = set()
began = next_s = time.monotonic()
while sum(done.values()) < FAULTS and time.monotonic() < began + 30 + 3 * FAULT_EVERY_S * FAULTS:
    next_s = max(next_s + FAULT_EVERY_S, time.monotonic())
    time.sleep(next_s - time.monotonic() if next_s > time.monotonic() else 0)
    now = status()[0]
    for name, row in now.items():
        peak[name] = max(peak.get(name, 0), row[2])
        if row[1] == "failed":
            given_up.add("%s: %s" % (name, row[3]))
    name = chance.choice(SERVICES)
    kind = chance.choice(sorted(done))
    pid = now.get(name, (0,))[0]
    # Before it is ready, the signal that makes it grow might find the shell that starts it.
    if pid <= 1 or now[name][1] != "running":
        continue
    try:
        os.kill(pid, {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "bloated": signal.SIGUSR2}[kind])
        done[kind] += 1
    except ProcessLookupError:
        pass
stormed_s = time.monotonic() - began
over.set()
for thread in clients:
    thread.join()
note("%s in %.0f s; %d attempts of people, %d of others; highest resident MB: %s"
     % (", ".join("%d %s" % (n, kind) for kind, n in done.items()), stormed_s, len(genuine), len(impostors),
        ", ".join("%s %d" % (name, size >> 20) for name, size in sorted(peak.items()))))
took = sorted(attempt.took_s for attempt in genuine)
note("attempts of people took %.2f s in the middle, %.2f s at most" % (took[len(took) // 2], took[-1]))

# ---- what came of it ----

ok(sum(done.values()) >= FAULTS and min(done.values()) > 0, "the storm was as long as was asked for", done)
ok(not crashes, "every client went on to the end", *crashes)
lost = [a for a in genuine if a.code != LET_IN or a.verdict != "accept"]
ok(not lost, "whoever belongs in was let in (%d attempts)" % len(genuine), *lost)
late = [a for a in genuine + impostors if not a.in_time()]
ok(not late, "every attempt ended within its deadline", *late)
let_in = [a for a in impostors if a.code == LET_IN or a.verdict == "accept"]
ok(not let_in, "nobody else was let in (%d attempts)" % len(impostors), *let_in)
FITS = {"reject": REFUSED, "spoof": SPOOF, "locked": LOCKED, "unavailable": UNAVAILABLE}
odd = [a for a in impostors if FITS.get(a.verdict) != a.code and a.code != UNAVAILABLE]
ok(not odd, "and everybody else got a verdict that fits", *odd)

ok(within(ready), "all services serve again", run(ASK, "status").stdout)
now = status()[0]
ok(now["supervisor"][0] == supervisor, "under the same supervisor")
ok(not given_up, "no service was given up for what was done to it", *given_up)
after = Attempt(belong[0][0], belong[0][1], "--anti-spoofing", "off")
ok(after.code == LET_IN, "and all is as before the storm", after)

listed = {u["user"]: u for u in json.loads(run(VU, "list", "--json").stdout)["users"]}
ok(sorted(listed) == sorted(people) and all(u["present"] and u["verified"] for u in listed.values()),
   "no template is lost", listed)
ok(digests() == templates, "nor changed", digests(), templates)
with contextlib.closing(sqlite3.connect("file:%s/state/orchestrator/history.db?mode=rw" % work, uri=True)) as ledger:
    past = {row[0] for row in ledger.execute("SELECT attempt_id FROM attempt")}
answered = [a for a in genuine + impostors + [after] if a.verdict in ("accept", "reject", "spoof", "locked")]
missing = [a for a in answered if a.answer["attempt_id"] not in past]
ok(not missing, "no row of history is lost (%d verdicts)" % len(answered), *missing)
audit = run(VU, "audit", "verify")
ok(audit.returncode == 0, "the audit log is whole", audit.stdout, audit.stderr)


def scraps():
    return [folder + "/" + name for folder, _, names in os.walk(work + "/state") for name in names if ".tmp" in name]


ok(not scraps(), "no half-written file lies about", *scraps())


def none_over():
    return processes_at_start is None or len(ours()) == len(processes_at_start)


ok(within(none_over), "no process is left over",
   *["%d %s" % (p, open("/proc/%d/cmdline" % p).read()) for p in ours() or ()])


def kept_descriptors():
    kept = []
    for name, row in status()[0].items():
        more = collections.Counter(descriptors(row[0])) - collections.Counter(descriptors_at_start[name])
        if len(descriptors(row[0])) > len(descriptors_at_start[name]):
            kept.append("%s: %s" % (name, dict(more)))
    return kept


ok(within(lambda: not kept_descriptors()), "nor a descriptor", *kept_descriptors())


def kept_memory():
    run(VU, "cleanup", "--aggressive")
    return {name: (row[2] >> 10, at_start[name][2] >> 10) for name, row in status()[0].items()
            if row[2] > at_start[name][2] * 1.25 + (4 << 20)}


ok(within(lambda: not kept_memory()), "memory is back at the start (KB now, KB then)", kept_memory())
run(VU, "stop")
ok(within(lambda: not ours()), "and all stop")
finish()
print("1..%d" % count)
sys.exit(1 if failures else 0)
