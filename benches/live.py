"""What a running hlscam costs and delivers: memory over time, time to the first playlist, glass-to-glass latency in a browser."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from measure import Failed, median, resident_mb

# Longest wait for anything that should take seconds.
PATIENCE_S = 30
# How often memory is looked at.
SAMPLE_S = 1


@contextlib.contextmanager
def streaming(binary, folder, *options):
    """A stream of the test source on a free port for the length of a `with`: gives the process, the base address and its start time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--device", "test", "--port", str(port), *options]
    with open(os.path.join(folder, "log.txt"), "w") as log:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process, f"http://127.0.0.1:{port}/", began
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def fetch(address):
    """The text at an address, or None while nothing is served there."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            return answer.read().decode("utf-8", "replace")
    except (urllib.error.URLError, OSError):
        return None


def start_s(binary, folder):
    """Seconds from the start of the process to a media playlist that hls.js accepts: one that lists a whole segment."""
    with streaming(binary, folder) as (process, base, began):
        while time.monotonic() < began + PATIENCE_S:
            playlist = fetch(base + "cam/video.m3u8")
            if playlist and "#EXTINF" in playlist:
                return time.monotonic() - began
            if process.poll() is not None:
                raise Failed(f"hlscam ended with {process.returncode} before it served a playlist")
            time.sleep(0.02)
    raise Failed(f"no playlist with a segment came within {PATIENCE_S} s")


def memory(binary, folder, seconds):
    """Peak resident memory over that many seconds with a 60 s window, and the spread after minute 2 (None if it was not reached)."""
    samples = []
    with streaming(binary, folder, "--window", "60s") as (process, _, began):
        while (at := time.monotonic() - began) < seconds:
            if process.poll() is not None:
                raise Failed(f"hlscam ended with {process.returncode} while its memory was measured")
            samples.append((at, resident_mb(process.pid)))
            time.sleep(SAMPLE_S)
        peak = resident_mb(process.pid, "VmHWM")
    late = [mb for at, mb in samples if at >= 120]
    return peak, (max(late) - min(late)) if len(late) > 60 else None


def await_playlist(base, began):
    """Waits for a media playlist that lists a whole segment."""
    while "#EXTINF" not in (fetch(base + "cam/video.m3u8") or ""):
        if time.monotonic() > began + PATIENCE_S:
            raise Failed(f"no playlist with a segment came within {PATIENCE_S} s")
        time.sleep(0.1)


def page(binary, folder, minutes):
    """What the viewer page costs a browser beside a bare page with hls.js, as benches/page.mjs reports it."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.mjs")
    with streaming(binary, folder, "--window", "60s") as (_, base, began):
        await_playlist(base, began)
        done = subprocess.run(["node", script, "--url", base, "--minutes", str(minutes), "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"page.mjs ended with {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    return json.loads(done.stdout)


def latency(binary, folder, tool, seconds):
    """Glass-to-glass latency of the viewer page in Chromium (p50, p95 in ms) and the stalls seen; None without the tool or a browser."""
    if not os.path.isdir(tool):
        return None
    copy = os.path.join(folder, "latency")
    shutil.copytree(tool, copy, dirs_exist_ok=True, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", copy], check=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
    with streaming(binary, folder) as (_, base, began):
        await_playlist(base, began)
        command = ["node", "measure.mjs", "--url", base, "--player", "page", "--seconds", str(seconds), "--json"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"measure.mjs ended with {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    result = json.loads(re.search(r"\{.*\}", done.stdout, re.S).group())
    steady, stalls = result["latency_steady_ms"], result["stalls"]
    return steady["p50"], steady["p95"], stalls["gaps_over_250ms"], result["browser"]


def start_median(binary, folder, runs):
    """The median of some starts, in seconds."""
    return median([start_s(binary, folder) for _ in range(runs)])
