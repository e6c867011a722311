#!/usr/bin/env python3
"""Plays the test source at several frame rates, part lengths and with several faults, and has each stream judged by hls_check.py.

    tests/long/conformance.py [--seconds 60] [--only WORDS] [--jobs 1] [--binary target/debug/hlscam] [--checker ../shared/tools/hls_check.py]

Neither a MUST nor a SHOULD may be violated. The checker is no part of the project; where ../shared/tools does not have it, this says so
and passes. On a busy machine the rules of timing can fail for the machine's sake: their reports say by how much.
"""

import argparse
import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A slow machine starts a debug build in seconds.
PATIENCE_S = 60
FRAME_RATES = ["30", "25", "15", "29.97"]
# Parts and segments in milliseconds: as they are by default, in short segments too, where a burst weighs most, and parts as Apple
# recommends.
LENGTHS = [(200, 2000), (200, 1000), (1000, 2000)]
# A stream is judged once it lists more segments than it must.
SEGMENTS_MIN = 7
# A source without faults, one that stalls and is unplugged, and one that changes its size. Times in shares of what is judged.
SCRIPTS = {
    "steady": "",
    "stalls": "freeze@{0.2}..{0.35},slow:5@{0.4}..{0.5},vanish@{0.6}..{0.75}",
    "resizes": "size:320x240@{0.3},size:640x480@{0.6}",
}


def script(text, begin_ms, seconds):
    return re.sub(r"\{([\d.]+)\}", lambda share: f"{begin_ms + int(float(share[1]) * seconds * 1000)}ms", text)


def wait_for_segments(address):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address.replace("index.m3u8", "video.m3u8")) as answer:
            if answer.read().count(b"#EXTINF") >= SEGMENTS_MIN:
                return
        time.sleep(0.2)
    raise SystemExit(f"conformance: {address} lists no {SEGMENTS_MIN} segments within {PATIENCE_S} s")


@contextlib.contextmanager
def streaming(binary, arguments):
    """hlscam as it streams: gives the address of the multivariant playlist."""
    process = subprocess.Popen([binary, *arguments, "--port", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    killer = threading.Timer(PATIENCE_S, process.kill)
    killer.start()
    try:
        log = []
        for line in process.stderr:
            log.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/", line):
                break
        else:
            raise SystemExit(f"conformance: hlscam {' '.join(arguments)} did not start:\n{''.join(log)}")
        killer.cancel()
        # Whatever it says on must be read, or it would stand still.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield address[0] + "cam/index.m3u8"
    finally:
        killer.cancel()
        process.kill()
        process.wait()


def judge(checker, address, seconds):
    command = [sys.executable, checker, address, "--seconds", str(seconds), "--json"]
    # It asks a while longer than it was told to follow.
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 3 + 120)
    try:
        return json.loads(result.stdout)
    except ValueError:
        raise SystemExit(f"conformance: {' '.join(command)} gave no report:\n{result.stdout}{result.stderr}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long each stream is followed")
    parser.add_argument("--binary", default=str(ROOT / "target/debug/hlscam"))
    parser.add_argument("--checker", default=str(ROOT.parent / "shared/tools/hls_check.py"))
    parser.add_argument("--only", default="", help="run the streams whose name has these words")
    parser.add_argument("--jobs", type=int, default=1, help="streams at a time, on a machine that has nothing else to do")
    asked = parser.parse_args()
    if not pathlib.Path(asked.checker).exists():
        print("conformance: skipped, there is no hls_check.py beside the checkout")
        return 0
    streams = [each for each in itertools.product(LENGTHS, FRAME_RATES, SCRIPTS.items()) if asked.only in title(*each)]
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        return int(not all(list(pool.map(lambda each: keeps_the_rules(asked, *each), streams))))


def title(lengths, rate, script_item):
    part, segment = lengths
    return f"{script_item[0]}, {rate} fps, parts {part} ms, segments {segment} ms"


def keeps_the_rules(asked, lengths, rate, script_item):
    """Streams one, has it judged, and says what came of it."""
    (part, segment), (_, faults) = lengths, script_item
    device = f"test:{script(faults, SEGMENTS_MIN * segment, asked.seconds)}" if faults else "test"
    began = time.monotonic()
    with streaming(asked.binary, ["--device", device, "--allow-origin", "*", "--fps", rate, "--part", f"{part}ms", "--segment", f"{segment}ms"]) as address:
        wait_for_segments(address)
        report = judge(asked.checker, address, asked.seconds)
    broken, took = report["violations"], time.monotonic() - began
    name = title(lengths, rate, script_item)
    lines = [f"conformance: {name}: {len(report['passed'])} rules kept, {len(broken)} broken, {took:.0f} s"]
    for rule in broken:
        seen = " | ".join(map(str, rule["seen"][:3]))
        lines.append(f"    {rule['level']} {rule['rule']} [{rule['clause']}] {rule['failed']} of {rule['tested']}: {seen}")
    print("\n".join(lines), flush=True)
    return not broken


if __name__ == "__main__":
    sys.exit(main())
