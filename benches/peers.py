"""The programs that are compared, as command lines that do the same work on the same file, and the file itself."""

import os
import shutil
import subprocess

# hlscam's own defaults, so that all encode alike.
FPS = 30
BITRATE_BPS = 2_000_000
SEGMENT_S = 2
# Long enough that starting up weighs little, short enough that the slowest peer ends within a minute.
INPUT_S = 36


def make_input(folder, media):
    """Makes the 640×480@30 H.264 file that all read: labelled webcam clips where there are some, else a drawn pattern."""
    path = os.path.join(folder, "input.mp4")
    clips = sorted(name for name in os.listdir(media) if name.endswith(".mkv")) if os.path.isdir(media) else []
    # Pictures with faces first: a detector's cost depends on what it sees.
    clips.sort(key=lambda name: name.startswith("none-"))
    source = ["-f", "lavfi", "-i", f"testsrc2=size=640x480:rate={FPS}"]
    if clips:
        listing = os.path.join(folder, "clips.txt")
        with open(listing, "w") as out:
            out.writelines(f"file '{os.path.join(os.path.abspath(media), name)}'\n" for name in clips)
        source = ["-f", "concat", "-safe", "0", "-i", listing]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *source, "-an", "-t", str(INPUT_S), "-vf", f"fps={FPS},scale=640:480:out_range=tv,format=yuv420p"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", str(FPS), path]
    subprocess.run(command, check=True)
    count = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", path]
    frames = int(subprocess.run(count, check=True, capture_output=True, text=True).stdout.strip().rstrip(","))
    return path, frames, f"{len(clips)} webcam clips" if clips else "ffmpeg's testsrc2"


def hlscam(binary, path, *options):
    """The pipeline of hlscam, unpaced."""
    return [binary, "bench", path, "--json", *options]


def ffmpeg(path):
    """Decoding, the same libx264 settings (one encoder thread, as hlscam takes at this size), fMP4 HLS; no detection, nothing drawn."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path, "-an", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency"]
    command += ["-b:v", str(BITRATE_BPS), "-maxrate", str(BITRATE_BPS), "-bufsize", str(BITRATE_BPS), "-g", str(FPS), "-keyint_min", str(FPS)]
    command += ["-sc_threshold", "0", "-bf", "0", "-threads", "1", "-pix_fmt", "yuv420p", "-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_list_size", "0"]
    return [*command, "-hls_segment_type", "fmp4", "index.m3u8"]


def gstreamer(path):
    """Decoding, Haar faces with boxes on every frame, x264, HLS: the chain that GStreamer's own elements offer."""
    kbps = BITRATE_BPS // 1000
    chain = f"filesrc location={path} ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! facedetect ! videoconvert ! "
    chain += f"x264enc speed-preset=veryfast tune=zerolatency bitrate={kbps} vbv-buf-capacity=1000 key-int-max={FPS} bframes=0 ! "
    chain += f"h264parse ! hlssink2 target-duration={SEGMENT_S} max-files=0 playlist-length=0"
    return ["gst-launch-1.0", "-q", *chain.split()]


def versions(binary):
    """One line per program, as each names itself."""
    lines = []
    for command in ([binary, "--version"], ["ffmpeg", "-version"], ["gst-launch-1.0", "--gst-version"]):
        if shutil.which(command[0]):
            said = subprocess.run(command, capture_output=True, text=True).stdout
            lines.append(said.partition("\n")[0].split(" Copyright")[0])
    return lines
