#!/usr/bin/env python3
"""uvcsim.py [PORT]: a USB Video Class camera (MJPEG + YUYV, bulk endpoint) spoken over raw USB/IP.
Runs on the HOST; the guest's vhci-hcd is given a connected TCP socket (see uvc-attach.sh), no handshake.
Closing the connection (or `echo PORT >/sys/devices/platform/vhci_hcd.0/detach` in the guest) = unplug.
Pictures come from ffmpeg's testsrc2 (UVCSIM_SRC overrides, a lavfi graph with %dx%d and rate)."""
import os, socket, struct, subprocess, sys, threading, time, collections
P = struct.pack
SIZES = [(640, 480), (1280, 720), (1920, 1080)]; YSIZES = [(640, 480), (320, 240), (1280, 720)]
IVALS = [333333, 666666, 1000000]          # 30, 15, 10 fps, in 100 ns
SERIAL = os.environ.get("UVCSIM_SERIAL", "0001"); NAME = os.environ.get("UVCSIM_NAME", "UVC Sim Camera")
MAXPAY = 16384
# Fastest YUYV rate; most webcams are slower raw than in MJPEG.
YIVALS = [v for v in IVALS if v >= 9999999 // int(os.environ.get("UVCSIM_YUYV_FPS", "30"))]
CORRUPT = int(os.environ.get("UVCSIM_CORRUPT", "0"))   # every n-th MJPEG frame is cut short (0: never)

def fsize(f, i): w, h = (SIZES, YSIZES)[f - 1][i - 1]; return w * h * 2
def ivals(f): return IVALS if f == 1 else YIVALS
def frame(sub, i, w, h):
    iv = ivals(1 if sub == 7 else 2)
    return P("<BBBBBHHIIIIB", 26 + 4 * len(iv), 0x24, sub, i, 0, w, h, w*h*16, w*h*16*30, w*h*2, iv[0], len(iv)) + b"".join(P("<I", v) for v in iv)
def config():
    vc = bytes([0x12,0x24,2,1,1,2,0,0,0,0,0,0,0,0,3,0,0,0]) + bytes([0x0b,0x24,5,2,1,0,0,2,3,0,0]) + bytes([9,0x24,3,3,1,1,0,2,0])
    vc = P("<BBBHHIBB", 13, 0x24, 1, 0x100, 13 + len(vc), 48000000, 1, 1) + vc
    fm = bytes([0x0b,0x24,6,1,len(SIZES),1,1,0,0,0,0]) + b"".join(frame(7, i+1, *s) for i, s in enumerate(SIZES)) + bytes([6,0x24,0xd,1,1,4])
    fy = bytes([0x1b,0x24,4,2,len(YSIZES)]) + bytes.fromhex("5955593200001000800000aa00389b71") + bytes([16,1,0,0,0,0]) + b"".join(frame(5, i+1, *s) for i, s in enumerate(YSIZES)) + bytes([6,0x24,0xd,1,1,4])
    vs = P("<BBBBHBBBBBBBBB", 15, 0x24, 1, 2, 15 + len(fm) + len(fy), 0x81, 0, 3, 0, 0, 0, 1, 0, 0) + fm + fy
    d = bytes([8,0xb,0,2,0xe,3,0,2]) + bytes([9,4,0,0,0,0xe,1,0,2]) + vc + bytes([9,4,1,0,1,0xe,2,0,0]) + vs + P("<BBBBHB", 7, 5, 0x81, 2, 512, 0)
    return P("<BBHBBBBB", 9, 2, 9 + len(d), 2, 1, 0, 0x80, 250) + d
DEVICE = P("<BBHBBBBHHHBBBB", 18, 1, 0x200, 0xef, 2, 1, 64, 0x1d6b, 0x0102, 0x0100, 1, 2, 3, 1)
STR = {1: "Linux Foundation", 2: NAME, 3: SERIAL}
_cache = {}
def pictures(fmt, w, h):
    if (fmt, w, h) not in _cache:
        src = os.environ.get("UVCSIM_SRC", "testsrc2=size=%dx%d:rate=30") % (w, h); n = 30
        o = ["-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj422p", "-f", "mjpeg"] if fmt == 1 else ["-pix_fmt", "yuyv422", "-f", "rawvideo"]
        b = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", src, "-frames:v", str(n), *o, "-"], stdout=subprocess.PIPE, check=True).stdout
        if fmt == 1: r = [b"\xff\xd8" + x for x in b.split(b"\xff\xd8")[1:]]
        else: r = [b[i*w*h*2:(i+1)*w*h*2] for i in range(n)]
        _cache[fmt, w, h] = r
    return _cache[fmt, w, h]

class Camera:
    def __init__(s, sock):
        s.k = sock; s.cv = threading.Condition(); s.pend = collections.deque(); s.wl = threading.RLock()
        s.alive = True; s.probe = s.commit = s.ctl(1, 1, IVALS[0]); s.bright = [128, 128, 128]; s.sent = s.drop = 0; s.gen = 0
    def ctl(s, f, i, iv): return P("<HBBIHHHHHII", 1, f, i, iv, 0, 0, 0, 0, 0, fsize(f, i), MAXPAY)
    def rx(s, n):
        b = b""
        while len(b) < n:
            c = s.k.recv(n - len(b))
            if not c: raise EOFError
            b += c
        return b
    def ret(s, seq, status, data=b"", alen=None):
        with s.wl: s.k.sendall(P(">IIIIIiiiiiQ", 3, seq, 0, 0, 0, status, len(data) if alen is None else alen, 0, 0, 0, 0) + data)
    def control(s, rt, rq, val, idx, ln, out):
        if rt == 0x80 and rq == 6:
            t, i = val >> 8, val & 255
            if t == 1: return DEVICE
            if t == 2: return config()
            if t == 3: return bytes([4,3,9,4]) if i == 0 else (lambda u: bytes([2+len(u), 3]) + u)(STR[i].encode("utf-16le")) if i in STR else None
            return None
        if rt & 0x80 and rq == 0: return b"\0\0"
        if rt in (0, 1, 2) and rq in (1, 3, 9, 11): return b""
        if rt & 0x60 == 0x20 and idx & 255 == 1 and val >> 8 in (1, 2):      # VS probe/commit
            if rq == 1:
                f, i, iv = struct.unpack_from("<xxBBI", out)
                f = f if f in (1, 2) else 1; i = i if 1 <= i <= 3 else 1; iv = min(ivals(f), key=lambda v: abs(v - iv))
                s.probe = s.ctl(f, i, iv)
                if val >> 8 == 2:
                    with s.cv: s.commit = s.probe; s.gen += 1
                return b""
            if rq == 0x86: return b"\3"
            if rq == 0x85: return P("<H", 26)
            return s.commit if val >> 8 == 2 else s.probe
        if rt & 0x60 == 0x20 and idx == 0x200 and val >> 8 in (2, 3):         # PU brightness, contrast
            c = val >> 8
            if rq == 1: s.bright[c - 1] = struct.unpack("<h", out)[0]; return b""
            v = {0x81: s.bright[c - 1], 0x82: 0, 0x83: 255, 0x84: 1, 0x87: 128}.get(rq)
            return b"\3" if rq == 0x86 else P("<h", v) if v is not None else None
        return None
    def stream(s):
        fid = n = 0; due = time.monotonic(); gen = -1
        while s.alive:
            with s.cv:
                while s.alive and not s.pend: s.cv.wait(); due = max(due, time.monotonic())
                if gen != s.gen: gen = s.gen; due = time.monotonic()
                f, i, iv = struct.unpack_from("<xxBBI", s.commit)
            pics = pictures(f, *(SIZES, YSIZES)[f - 1][i - 1]); now = time.monotonic()
            if now < due: time.sleep(due - now)
            elif now - due > iv / 1e7: k = int((now - due) * 1e7 / iv); s.drop += k; n += k; due += k * iv / 1e7
            due += iv / 1e7; pic = pics[n % len(pics)]; n += 1
            if CORRUPT and f == 1 and n % CORRUPT == 0: pic = pic[:len(pic) // 2]
            o = 0
            while o < len(pic) and s.alive:
                with s.cv:
                    while s.alive and not s.pend and gen == s.gen: s.cv.wait(1)
                # Taken and answered as one step: an unlink in between would be answered first, and the guest would hang up on the rest.
                with s.wl:
                    with s.cv:
                        if gen != s.gen or not s.pend: break
                        seq, ln = s.pend.popleft()
                    c = pic[o:o + min(ln, MAXPAY) - 2]; o += len(c)
                    s.ret(seq, 0, bytes([2, 0x80 | fid | (2 if o >= len(pic) else 0)]) + c)
            fid ^= 1; s.sent += 1
    def run(s):
        t = threading.Thread(target=s.guard, daemon=True); t.start()
        try:
            while True:
                cmd, seq, dev, dr, ep, a, ln, _, np, _, setup = struct.unpack(">IIIIIIiiii8s", s.rx(48))
                if cmd == 2:
                    with s.wl:
                        with s.cv:
                            hit = [x for x in s.pend if x[0] == a]
                            for x in hit: s.pend.remove(x)
                        s.k.sendall(P(">IIIIIi24x", 4, seq, 0, 0, 0, -104 if hit else 0))
                    continue
                out = s.rx(ln) if dr == 0 and ln > 0 else b""
                if ep == 1:
                    with s.cv: s.pend.append((seq, ln)); s.cv.notify_all()
                    continue
                rt, rq, val, idx, wl = struct.unpack("<BBHHH", setup)
                r = s.control(rt, rq, val, idx, wl, out)
                if r is None: s.ret(seq, -32)
                elif dr: s.ret(seq, 0, r[:ln])
                else: s.ret(seq, 0, b"", len(out))
        except (EOFError, OSError): pass
        s.alive = False
        with s.cv: s.cv.notify_all()
        print("camera unplugged, frames sent %d dropped %d" % (s.sent, s.drop), file=sys.stderr, flush=True)
    def guard(s):
        try: s.stream()
        except OSError: s.k.close()
if __name__ == "__main__":
    l = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 3240))
    for f in (1, 2): [pictures(f, *z) for z in ((SIZES, YSIZES)[f - 1])[:2]]
    while True:
        k, _ = l.accept(); k.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("camera plugged in", file=sys.stderr, flush=True); threading.Thread(target=Camera(k).run, daemon=True).start()
