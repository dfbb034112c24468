#!/usr/bin/python3
"""faults.py VM IMAGE KERNEL OWNER: kills the helper between its system calls, in every verb.

Runs in the host as root, while bangerd does not. Each verb that changes something is called, called
again, and undone; and then, with its process killed before one system call after another,
 - called again, which must bring what an undisturbed call brings, and once more; then undone;
 - undone at once, which must leave what there was before.
FAULT_ALL=yes takes every call that could change something, FAULT_ALL=calls every call at all; else
it is FAULT_POINTS of each verb, evenly, with the first and the last. FAULT_VERBS names verbs.
"""
import os
import sys
import time

import fault_points
import fault_state
import fault_verbs
import root_call

SETTLE_S = 10
FAULT_ALL = os.environ.get("FAULT_ALL", "")


class Wrong(Exception):
    pass


def sample(points, n):
    if len(points) <= n:
        return points
    return [points[round(i * (len(points) - 1) / (n - 1))] for i in range(n)]


class Trial:
    def __init__(self, verb):
        self.verb, self.vm = verb, verb.host.vm
        self.method = f"io.banger.Root.{verb.name}"
        self.title = verb.name + verb.label
        self.reply = self.base = self.done = None

    def look(self):
        return fault_state.look(self.vm, self.verb.slow)

    def settle(self, wanted, when):
        """Some things go a moment after the call that removes them."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            different = fault_state.difference(wanted, self.look())
            if not different:
                return
            if time.monotonic() > deadline:
                raise Wrong(f"{when}: {'; '.join(different[:6])}")
            time.sleep(0.1)

    def with_stdio(self, function):
        fds = self.verb.stdio()
        try:
            return function(self.method, self.verb.parameters(), fds=fds)
        finally:
            for fd in fds:
                os.close(fd)

    def call_again(self, when):
        try:
            reply, fds = self.with_stdio(root_call.call)
        except root_call.Refused as error:
            if not self.verb.may_refuse(error):
                raise Wrong(f"{when} it is refused: {error}") from error
            return
        self.verb.keep(fds)
        if not self.verb.same(self.reply, reply):
            raise Wrong(f"{when} it answers {reply} instead of {self.reply}")

    def undo(self, when):
        try:
            self.verb.undo()
        except root_call.Refused as error:
            raise Wrong(f"{when}: {error}") from error

    def undisturbed(self):
        """Twice in a row, and undone twice. Answers the points."""
        self.base = self.look()
        (self.reply, fds), lines = self.with_stdio(fault_points.trace)
        self.verb.keep(fds)
        self.verb.ripen()
        self.done = self.look()
        self.call_again("called twice")
        self.settle(self.done, "called twice")
        for when in "undone", "undone twice":
            self.undo(when)
            self.settle(self.base, when)
        return fault_points.points(lines, FAULT_ALL == "calls")

    def kill(self, point):
        return self.with_stdio(
            lambda method, parameters, fds: fault_points.kill_at(point, method, parameters, fds)
        )

    def repeated(self, point):
        if not self.kill(point):
            return False
        self.call_again("called again")
        self.verb.ripen()
        self.settle(self.done, "called again")
        self.call_again("called once more")
        self.settle(self.done, "called once more")
        self.undo("undone")
        self.settle(self.base, "undone")
        return True

    def cleaned(self, point):
        if not self.kill(point):
            return False
        self.undo("undone at once")
        self.settle(self.base, "undone at once")
        return True


class Count:
    def __init__(self):
        self.points = self.kills = self.passed_by = self.wrong = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def report(text):
    print(text, flush=True)


def begin_anew(verb):
    """After something went wrong, for the points that follow."""
    verb.keep_nothing()
    verb.host.clear()
    verb.enter()


def choose_ways(trial, number, n):
    """Both at every point; in a sample, between the first and the last, one or the other."""
    if not trial.verb.cleans:
        return [trial.repeated]
    if FAULT_ALL or number in (0, n - 1):
        return [trial.repeated, trial.cleaned]
    return [trial.cleaned if number % 2 else trial.repeated]


def try_point(trial, point, ways, count):
    count.points += 1
    for way in ways:
        try:
            if way(point):
                count.kills += 1
                continue
            count.passed_by += 1
            trial.undo("after a call that was not killed")
        except Wrong as error:
            count.wrong += 1
            report(f"WRONG {trial.title} killed before {point.line[:160]}: {error}")
            begin_anew(trial.verb)


def try_verb(verb, n):
    """Answers the count of those that are tried, and how many there are."""
    trial, count, began = Trial(verb), Count(), time.monotonic()
    points, nothing = [], trial.look()
    try:
        verb.enter()
        points = trial.undisturbed()
        chosen = points if FAULT_ALL else sample(points, n)
        for number, point in enumerate(chosen):
            try_point(trial, point, choose_ways(trial, number, len(chosen)), count)
        verb.leave()
        trial.settle(nothing, "in the end")
    except Wrong as error:
        count.wrong += 1
        report(f"WRONG {trial.title}, no kill: {error}")
        verb.keep_nothing()
        verb.host.clear()
    report(f"{trial.title}: {count.points} of {len(points)} points, {count.kills} kills, "
           f"{count.passed_by} passed by, {count.wrong} wrong, {time.monotonic() - began:.0f} s")
    return count, len(points)


def main():
    host = fault_verbs.Host(*sys.argv[1:])
    wanted = os.environ.get("FAULT_VERBS", "").split()
    total, there = Count(), {}
    host.make_files()
    try:
        host.clear()
        # So that the directory of this VMM's jails is there from now on.
        host.call("DiskAttach", host.attachment)
        host.call("JailMake", {**host.slotted, "kernel": host.kernel})
        host.clear()
        for kind in fault_verbs.ALL:
            if wanted and kind.name not in wanted:
                continue
            count, n = try_verb(kind(host), int(os.environ.get("FAULT_POINTS", "3")))
            total.add(count)
            there[kind.name + kind.label] = n
    finally:
        host.remove_files()
    report("fault points: " + ", ".join(f"{verb} {n}" for verb, n in there.items()) +
           f": {sum(there.values())} in all; {total.points} tried, {total.kills} kills, "
           f"{total.passed_by} passed by, {total.wrong} wrong")
    # A wait may take fewer turns; where most are passed by the trace is of something else.
    if total.wrong or total.passed_by > total.kills // 4:
        raise SystemExit(1)


main()
