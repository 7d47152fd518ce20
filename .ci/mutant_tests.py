"""How `.ci/mutants --tests` finds out whether an ordinary test of the crate notices a mistake."""
import json
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from mutant_rule import SEEN, VARIABLE


def command(programs):
    """Builds the tests of the crate: all of them, or its units as `lib` and programs by their names."""
    chosen = [word for name in programs for word in (["--lib"] if name == "lib" else ["--test", name])]
    return ["test", "--no-run", "-p", "ipc-ring", *chosen]


def executables(messages):
    """The test programs that cargo names."""
    lines = (json.loads(line) for line in messages.splitlines() if line.startswith("{"))
    return [line["executable"] for line in lines if line.get("executable") and line["profile"]["test"]]


class Tests:
    """The tests of these programs, each run by itself."""

    def __init__(self, copy, messages, most):
        self.copy, self.programs, self.most = copy, executables(messages), most

    def run(self, tests, number, limit, seen=None):
        """Runs tests of one program. None if they pass, else the name of one that fails, or that does not end in this
        number of seconds."""
        program = tests[0].split(" ", 1)[0]
        settings = {VARIABLE: str(number), "RUST_BACKTRACE": "0", "TEST_WATCHDOG": str(int(limit) + 5)}
        if seen is not None:
            settings[SEEN] = str(seen)
        child = subprocess.Popen([program, "--exact", *(test.split(" ", 1)[1] for test in tests)],
                                 cwd=self.copy / "ipc-ring", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, start_new_session=True, text=True,
                                 env={**os.environ, **settings})
        try:
            output, _ = child.communicate(timeout=limit)
            if child.returncode == 0:
                return None
            failed = re.search(r"^test (\S+) .*FAILED$", output, re.M)
            return f"{program} {failed[1]}" if failed else tests[0]
        except subprocess.TimeoutExpired:
            return tests[0]
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()

    def survey(self, jobs):
        """Of each test the seconds that it takes, and the mutants whose places it runs; kept for each program."""
        kept = self.copy / "survey-tests.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        units = {}
        for program in self.programs:
            # What a processor is taken for decides which places are run (see `.ci/processors`).
            key = f"{program} {os.stat(program).st_mtime_ns} {os.environ.get('PRETENDED_PROCESSOR', '')}"
            if key not in known:
                known[key] = self.of_program(program, jobs)
                kept.write_text(json.dumps(known))
            units |= {test: unit for test, unit in known[key].items() if unit["passes"]}
            for test in (test for test, unit in known[key].items() if not unit["passes"]):
                print(f"# not used, fails or takes too long without any mutant: {self.shown(test)}", flush=True)
        return units

    def of_program(self, program, jobs):
        listed = subprocess.run([program, "--list", "--format", "terse"], capture_output=True, text=True,
                                cwd=self.copy / "ipc-ring")
        tests = [f"{program} {line[:-6]}" for line in listed.stdout.splitlines() if line.endswith(": test")]

        def one(item):
            place, test = item
            seen = self.copy / f"seen-test-{place}"
            seen.unlink(missing_ok=True)
            before = time.monotonic()
            passed = self.run([test], 0, 10 * self.most, seen) is None
            taken = time.monotonic() - before
            numbers = sorted({int(line) for line in seen.read_text().split()}) if seen.exists() else []
            seen.unlink(missing_ok=True)
            return test, {"cost": round(taken, 2), "places": numbers, "passes": passed}

        with ThreadPoolExecutor(jobs) as pool:
            return dict(pool.map(one, enumerate(tests)))

    def shown(self, test):
        program, name = test.split(" ", 1)
        return f"{program.rsplit('/', 1)[-1].rsplit('-', 1)[0]} {name}"

    def is_about(self, test, path):
        """Whether the names say that a test is about this file."""
        program, name = self.shown(test).split(" ", 1)
        folders = path.removeprefix("ipc-ring/src/").removesuffix(".rs").split("/")
        if program == "ipc_ring":
            return name.startswith("::".join(folders).removesuffix("::mod"))
        return any(word in folders for word in program.split("_") if word not in ("ring", "channel"))

    def judge(self, number, tests, count):
        """What became of the mutant, by which test, and how. `tests`: names and seconds, in order."""
        chosen = [test for test in tests if test[1] <= self.most][:count]
        programs = {}
        for test, cost in chosen:
            programs.setdefault(test.split(" ", 1)[0], []).append((test, cost))
        for group in programs.values():
            names, limit = [test for test, _ in group], 30 + 10 * sum(cost for _, cost in group)
            failed = self.run(names, number, limit)
            if failed is None:
                continue
            # A program that ended early does not say by which test; and it may have been the machine.
            for test in [failed, *(name for name in names if name != failed)]:
                if self.run([test], number, limit) and not self.run([test], 0, limit):
                    return "killed", test, "fails"
        return "survived", "", f"passed by {len(chosen)} of {len(tests)} tests"
