#!/usr/bin/env python3
"""watch.py PORT SHARE VM_PID [faces]: what a viewer on the host sees of the program in the guest. Run by `run`."""
import json, os, subprocess, sys, time, urllib.error, urllib.parse, urllib.request

PORT, SHARE, VM_PID, FACES = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:] == ["faces"]
BASE = f"http://127.0.0.1:{PORT}"
# The adapter's tests come first, in an emulated machine on a host that may be busy.
START_S, FACE_S = 200, 40


def get(url):
    with urllib.request.urlopen(urllib.parse.urljoin(BASE, url), timeout=10) as answer:
        return answer.read()


def wait_for(what, seconds, look):
    end = time.monotonic() + seconds
    said = None
    while time.monotonic() < end:
        if not os.path.exists(f"/proc/{VM_PID}"):
            sys.exit(f"the guest ended before {what}")
        try:
            if (found := look()):
                return found
        except (OSError, urllib.error.URLError, ValueError) as error:
            said = error
        time.sleep(0.5)
    sys.exit(f"no {what} within {seconds} s ({said})")


def values(tree, key):
    """Every value of `key` at any depth."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from values(value, key)


def count(value):
    return len(value) if isinstance(value, list) else value if isinstance(value, (int, float)) else 0


def segments():
    lines = get("/cam/video.m3u8").decode().splitlines()
    return [line for line in lines if line and not line.startswith("#")], lines


main = wait_for("/cam/index.m3u8", START_S, lambda: get("/cam/index.m3u8").decode())
assert "video.m3u8" in main and "RESOLUTION=640x480" in main, main
uris, lines = wait_for("segment", 60, lambda: segments() if segments()[0] else None)
init = next(line.split('URI="')[1].split('"')[0] for line in lines if line.startswith("#EXT-X-MAP"))
file = os.path.join(SHARE, "segment.mp4")
with open(file, "wb") as out:
    out.write(get("/cam/" + init) + get("/cam/" + uris[-1]))
probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,width,height,nb_read_frames", "-of", "json", file]
stream = json.loads(subprocess.run(probe, stdout=subprocess.PIPE, check=True).stdout)["streams"][0]
assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 640, 480), stream
# Two seconds at the 10 fps that the guest is asked for; a segment closed early by a hiccup of the emulation is shorter.
assert 1 <= int(stream["nb_read_frames"]) <= 20, stream
print(f"segment: {stream}")

status = json.loads(get("/api/status"))
print(f"status: {json.dumps(status)}")
controls = json.loads(get("/api/cameras/cam/controls"))["controls"]
assert (controls[0]["name"], controls[0]["value"]) == ("brightness", 90), controls
print("brightness is as asked")
if FACES:
    wait_for("face in /api/status", FACE_S, lambda: any(count(v) >= 1 for v in values(json.loads(get("/api/status")), "faces")))
    print("a face is seen")

with open(os.path.join(SHARE, "devices.json")) as listed:
    devices = json.load(listed)
devices = devices["devices"] if isinstance(devices, dict) else devices
assert [device["index"] for device in devices] == [0, 2, 4], devices
assert devices[0]["stable_path"].startswith("/dev/v4l/by-id/"), devices[0]
assert [control["name"] for control in devices[0]["controls"]] == ["brightness", "contrast"], devices[0]["controls"]
print("devices: " + ", ".join(f"{device['index']} ({device['name']}), {len(device['formats'])} formats" for device in devices))
