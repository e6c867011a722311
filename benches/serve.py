"""Segments and parts as fast as one machine can hand them out, beside nginx with the same bytes."""

import contextlib
import filecmp
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

from live import PATIENCE_S, fetch, serving
from measure import Failed, median

# Connections that ask without a pause, as two browsers' worth of players each would.
CONNECTIONS = 32
# Threads of wrk, and seconds of a run.
THREADS = 2
SECONDS = 3

# As Debian sets it up (sendfile, tcp_nopush, one worker per core), without its log and its user; types so that both tell the same.
CONFIG = """
daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes auto;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; types {{ video/iso.segment m4s; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}/root; }}
}}
"""


@contextlib.contextmanager
def nginx(folder):
    """An nginx of our own for the length of a `with`, that serves what lies in `root/`: gives its base address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w") as out:
        out.write(CONFIG.format(folder=folder, port=port, user="user root;" if os.geteuid() == 0 else ""))
    # Debian keeps it where only root's shell looks.
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    process = subprocess.Popen([program, "-p", folder, "-c", config, "-e", f"{folder}/error.log"], stdin=subprocess.DEVNULL)
    base, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE_S
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"nginx did not start: {open(os.path.join(folder, 'error.log')).read()[-600:]}")
            time.sleep(0.02)
        yield base
    finally:
        process.terminate()
        process.wait()


def requests_per_s(address):
    """What wrk gets from one address over keep-alive connections."""
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{SECONDS}s", address]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise Failed(f"wrk was not served by {address}: {said[-600:]}")
    return float(re.search(r"^Requests/sec:\s*([\d.]+)", said, re.M).group(1))


def pick(base):
    """The paths of a whole segment and of a part with a key frame in it, the longest kind."""
    playlist = fetch(base + "cam/video.m3u8")
    segment = re.findall(r"^seg-\S+", playlist, re.M)[-1]
    number = re.search(r"-(\d+)\.m4s", segment).group(1)
    part = re.search(rf'"(part-\w+-{number}\.0\.m4s)"', playlist).group(1)
    return {"segment": "cam/" + segment, "part": "cam/" + part}


def copy(base, path, root):
    """Puts what hlscam serves where nginx finds it, and gives its length."""
    to = os.path.join(root, path)
    os.makedirs(os.path.dirname(to), exist_ok=True)
    urllib.request.urlretrieve(urllib.parse.urljoin(base, path), to)
    return os.path.getsize(to)


def measure(binary, folder, rounds):
    """Per kind of file its length, and the medians: requests/s of hlscam and of nginx, and the ratio of each round."""
    root, again = os.path.join(folder, "root"), os.path.join(folder, "again")
    results = {}
    with serving(binary, folder, "--window", "1h") as (_, base), nginx(folder) as peer:
        for kind, path in pick(base).items():
            length = copy(base, path, root)
            copy(peer, path, again)
            if not filecmp.cmp(os.path.join(root, path), os.path.join(again, path), shallow=False):
                raise Failed(f"nginx and hlscam serve different bytes as {path}")
            ours, theirs = [], []
            for number in range(rounds):
                # Whoever runs first finds another machine than who runs second, so they take turns.
                for server, seen in ((base, ours), (peer, theirs)) if number % 2 else ((peer, theirs), (base, ours)):
                    seen.append(requests_per_s(server + path))
            results[kind] = length, median(ours), median(theirs), median([a / b for a, b in zip(ours, theirs)])
    return results
