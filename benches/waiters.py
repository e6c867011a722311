"""Clients that are held until the next part: how long after its publication they are answered, and what one of them costs.

The load generator shares the machine with the server, and its own time counts: an answer is there when this program has read it whole.
The moment of publication is what the server logs with `-vv` before it wakes anybody, cut to a millisecond, so it is never too late.
"""

import datetime
import os
import re
import resource
import select
import socket
import time
from dataclasses import dataclass

from live import PATIENCE_S, fetch, serving
from measure import Failed, resident_mb

# Files that are not connections of the clients.
FILES_RESERVED = 64
# Parts between the one published last and the one asked for: time for every request to be in before.
PARTS_AHEAD = 2
# Read at once; an answer with a part of 200 ms fits.
READ_LEN = 1 << 18
# The head of an answer is in its first bytes.
HEAD_LEN_MAX = 4096
# Connections made at a time: the server's backlog must hold them.
CONNECTS = 200


@dataclass
class Answers:
    """What some rounds with the same number of clients gave."""

    ms: list
    lost: int
    process_kb: float
    kernel_kb: float
    cpu_us: float

    def percentile(self, share):
        ordered = sorted(self.ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


class Crowd:
    """Keep-alive connections of one load generator."""

    def __init__(self, address, n):
        _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit != resource.RLIM_INFINITY and n + FILES_RESERVED > limit:
            raise Failed(f"{n} clients need as many open files, and the limit is {limit}: raise it with ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self.poll = select.epoll()
        self.sockets = {}
        for first in range(0, n, CONNECTS):
            for _ in range(min(CONNECTS, n - first)):
                client = socket.create_connection(address, PATIENCE_S)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sockets[client.fileno()] = client
                self.poll.register(client, select.EPOLLIN)
            time.sleep(0.05)

    def ask(self, target):
        """Sends the same request on every connection."""
        request = f"GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
        for client in self.sockets.values():
            client.sendall(request)

    def answers(self, expected, deadline):
        """Reads one answer per connection, each with what is expected in its first bytes: the times at which they were whole."""
        # All are read into the same buffer: what the load generator costs is the server's loss.
        times, left, buffer = [], {}, bytearray(READ_LEN)
        while len(times) < len(self.sockets) and time.monotonic() < deadline:
            for number, _ in self.poll.poll(max(0, deadline - time.monotonic())):
                n = self.sockets[number].recv_into(buffer)
                if n == 0:
                    raise Failed("the server closed the connection of a waiting client")
                if number not in left:
                    left[number] = answer_len(buffer[: min(n, HEAD_LEN_MAX)])
                    if buffer.find(expected, 0, n) < 0:
                        raise Failed("a waiting client was answered without the part that it waited for")
                left[number] -= n
                if left[number] == 0:
                    times.append(time.time())
        return times

    def close(self):
        self.poll.close()
        for client in self.sockets.values():
            client.close()


def answer_len(begin):
    """How long an answer is that begins like this, with its head."""
    head, end, _ = begin.partition(b"\r\n\r\n")
    if not end or not head.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"a waiting client was answered with {head.partition(bytes([13]))[0].decode(errors='replace')}")
    return len(head) + len(end) + int(re.search(rb"\r\ncontent-length: (\d+)", head).group(1))


@dataclass
class Footprint:
    """Memory at one moment, in KB: of the process without the media that it holds, and of the kernel's sockets and tables."""

    process: float
    kernel: float

    @staticmethod
    def of(process, base):
        status = fetch(base + "api/status")
        held_kb = int(re.search(r'"held_bytes":(\d+)', status).group(1)) / 1000
        with open("/proc/meminfo") as info:
            slab_kb = int(re.search(r"^SUnreclaim:\s+(\d+)", info.read(), re.M).group(1))
        with open("/proc/net/sockstat") as sockets:
            pages = int(re.search(r"^TCP:.* mem (\d+)", sockets.read(), re.M).group(1))
        return Footprint(resident_mb(process.pid) * 1000 - held_kb, slab_kb + pages * os.sysconf("SC_PAGESIZE") / 1000)


def server_cpu_s(process):
    """CPU time of the server's threads alone: the encoder works on, whoever watches."""
    ticks = 0
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{thread}/stat") as stat:
            name, _, fields = stat.read().rpartition(") ")
        if "tokio" in name:
            ticks += sum(int(field) for field in fields.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def next_part(base):
    """Number, index and address of the part that comes next, and how many a segment has."""
    playlist = fetch(base + "cam/video.m3u8")
    uri, msn, index = re.search(r'PRELOAD-HINT:TYPE=PART,URI="(part-[0-9a-z]+-(\d+)\.(\d+)\.m4s)"', playlist).groups()
    return int(msn), int(index), uri, len(re.findall(r"part-[0-9a-z]+-%d\." % (int(msn) - 1), playlist))


def published(folder, msn, index):
    """When a part was published, by the server's log."""
    with open(os.path.join(folder, "log.txt")) as log:
        found = re.search(rf"^(\S+) TRACE \S+ published msn={msn} part={index}$", log.read(), re.M)
    if not found:
        raise Failed(f"the log does not tell when part {msn}.{index} was published")
    return datetime.datetime.fromisoformat(found.group(1).replace("Z", "+00:00")).timestamp()


def playlist_ahead(base):
    """A playlist with a part that is not the next one, so that all requests are in before it is there."""
    msn, index, _, n_parts = next_part(base)
    msn, index = msn + (index + PARTS_AHEAD) // n_parts, (index + PARTS_AHEAD) % n_parts
    return msn, index, f"/cam/video.m3u8?_HLS_msn={msn}&_HLS_part={index}", f"-{msn}.{index}.m4s".encode()


def hinted_part(base):
    """The next part itself, right after the one before it: no other is held back."""
    msn, index, _, _ = next_part(base)
    fetch(base + f"cam/video.m3u8?_HLS_msn={msn}&_HLS_part={index}")
    msn, index, uri, _ = next_part(base)
    return msn, index, "/cam/" + uri, b"moof"


def measure(binary, folder, n, rounds, choose):
    """Answers to `n` clients that all ask for what `choose` names, again and again on the same connections."""
    with serving(binary, folder, "-vv") as (process, base):
        address = ("127.0.0.1", int(re.search(r":(\d+)/", base).group(1)))
        warm(address, choose(base))
        before = Footprint.of(process, base)
        crowd = Crowd(address, n)
        result, cpu_s = Answers([], 0, 0, 0, 0), 0
        try:
            for _ in range(rounds):
                msn, index, target, expected = choose(base)
                cpu_before_s = server_cpu_s(process)
                crowd.ask(target)
                asked = time.time()
                during = Footprint.of(process, base)
                times = crowd.answers(expected, time.monotonic() + PATIENCE_S)
                cpu_s += server_cpu_s(process) - cpu_before_s
                at = published(folder, msn, index)
                if asked > at:
                    continue
                result.ms += [(each - at) * 1000 for each in times]
                result.lost += n - len(times)
                result.process_kb = max(result.process_kb, (during.process - before.process) / n)
                # Both ends of every connection are on this machine; half of it is the server's.
                result.kernel_kb = max(result.kernel_kb, (during.kernel - before.kernel) / n / 2)
        finally:
            crowd.close()
    result.cpu_us = cpu_s * 1e6 / n / rounds
    return result


def warm(address, chosen):
    """One client before the many, so that what is allocated once is not counted as theirs."""
    crowd = Crowd(address, 1)
    crowd.ask(chosen[2])
    crowd.answers(chosen[3], time.monotonic() + PATIENCE_S)
    crowd.close()
