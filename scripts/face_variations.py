"""Variations of the labelled clips: the same faces in other pictures, which nothing was tuned on. Used by score-faces."""

import os
import subprocess

FPS = 30
# A face of fewer pixels is not promised to be found (docs/detection.md), and counts for nothing.
FACE_WIDTH_MIN = 40


class Variation:
    """An ffmpeg filter, and where a point of the old picture is in the new one: x·scale + left, y·scale + top, at frame (n - first) / speed."""

    def __init__(self, filters, size=(640, 480), scale=1.0, left=0.0, top=0.0, mirrored=False, first=0, speed=1.0, faceless=False):
        self.filters, self.size, self.scale, self.left, self.top = filters, size, scale, left, top
        self.mirrored, self.first, self.speed, self.faceless = mirrored, first, speed, faceless

    def face(self, old):
        """A label in the new picture; none where its centre is outside, and optional where the picture's edge or its size makes it hard."""
        if old is None:
            return None
        width, height = self.size
        x, y = old["x"] * self.scale + self.left, old["y"] * self.scale + self.top
        w, h = old["w"] * self.scale, old["h"] * self.scale
        x = width - x - w if self.mirrored else x
        if not (0 <= x + w / 2 < width and 0 <= y + h / 2 < height):
            return None
        # Where a picture was cut, as the labels of the clips themselves have it: within a fifth of a face of the edge.
        is_cut = self.scale > 1 and (x < w / 5 or y < h / 5 or x + w > width - w / 5 or y + h > height - h / 5)
        return {"x": x, "y": y, "w": w, "h": h, "optional": old["optional"] or is_cut or w < FACE_WIDTH_MIN * width / 640}

    def labels(self, clip):
        frames = max(1, int((clip["frames"] - self.first) / self.speed))
        at = lambda frame: (frame - self.first) / self.speed
        faces = lambda key: [] if self.faceless else [self.face(face) for face in key.get("faces") or []]
        keys = [{"frame": at(key["frame"]), "faces": faces(key)} for key in clip["keys"]]
        return {"width": self.size[0], "height": self.size[1], "fps": FPS, "frames": frames, "keys": keys}

    def make(self, source, target, frames):
        """Writes the clip, unless it is there."""
        if os.path.exists(target):
            return
        part = target + ".part.mkv"
        command = ["ffmpeg", "-v", "error", "-y", "-i", source, "-vf", self.filters, "-frames:v", str(frames), "-an"]
        subprocess.run([*command, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p", part], check=True)
        os.rename(part, target)


VARIATIONS = {
    "as it is": Variation("null"),
    "one frame later": Variation("trim=start_frame=1,setpts=PTS-STARTPTS", first=1),
    "two frames later": Variation("trim=start_frame=2,setpts=PTS-STARTPTS", first=2),
    "mirrored": Variation("hflip", mirrored=True),
    "320x240": Variation("scale=320:240:flags=area", size=(320, 240), scale=0.5),
    "1280x720": Variation("scale=960:720,pad=1280:720:160:0", size=(1280, 720), scale=1.5, left=160),
    "a quarter larger": Variation("crop=512:384:64:32,scale=640:480", scale=1.25, left=-80, top=-40),
    "an eighth smaller": Variation("scale=560:420:flags=area,pad=640:480:40:30:gray", scale=0.875, left=40, top=30),
    "darker": Variation("lutyuv=y=16+(val-16)*0.5"),
    "brighter": Variation("lutyuv=y=clip(val*1.2+20\\,16\\,235)"),
    "noisy": Variation("noise=c0s=16:c0f=t"),
    "faster by half": Variation("setpts=PTS/1.5,fps=30:round=near", speed=1.5),
    "slower by half": Variation("setpts=PTS*1.5,fps=30:round=near", speed=1 / 1.5),
    "upside down": Variation("vflip", faceless=True),
    "on its side": Variation("transpose=1,scale=360:480,pad=640:480:140:0", faceless=True),
}
