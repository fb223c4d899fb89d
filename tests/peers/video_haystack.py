#!/usr/bin/env python3
"""Secret words, each written on one frame of hours of video: are they found, and where they stood?

    python tests/peers/video_haystack.py FOLDER [--hours 1] [--step 10] [--frames 1] [--medley PATH] [--write]

The licensed film, moving pictures that ffmpeg makes, and stills alternate at 25 frames a second and 1280 × 720; at
depths in steps of so many percent a single frame (or so many, --frames) bears a secret word. `medley library add` reads
the video as it reads any, and each word is asked for as `medley read --library` does; it is found when a shown quote
holds it, at the time of its frame. ffmpeg must be installed.
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess

import common

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "assets/samples"
FILM = SAMPLES / "video/bigbuckbunny.mp4"
STILLS = [SAMPLES / "pictures" / name for name in ("coffee.png", "chelsea.png", "rocket.jpg")]
RATE = 25
WIDTH, HEIGHT = 1280, 720
FITTED = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=decrease,pad={WIDTH}:{HEIGHT}:-1:-1,setsar=1,format=yuv420p"
ENCODED = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-g", "250", "-video_track_timescale", "12800"]
# Frames of a scene.
SCENE = 20 * RATE
# A quote is at the right place when it is no further away, in seconds.
NEAR_S = 0.05


def run(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-y", "-loglevel", "error", *map(str, arguments)], check=True)


def scenes(folder):
    """Scenes of 20 s without a word on them: moving film, made movement, stills that the camera moves over."""
    made = []

    def scene(*inputs, filters):
        path = folder / f"scene-{len(made)}.mp4"
        if not path.exists():
            part = path.with_suffix(".part.mp4")
            run(*inputs, "-vf", f"{filters},fps={RATE}", "-frames:v", SCENE, *ENCODED, part)
            part.rename(path)
        made.append(path)

    scene("-stream_loop", 5, "-i", FILM, filters=FITTED)
    scene("-f", "lavfi", "-i", f"mandelbrot=size={WIDTH}x{HEIGHT}:rate={RATE}", filters=FITTED)
    for still in STILLS:
        zoomed = f"zoompan=z='1+0.002*on':d={SCENE + RATE}:s={WIDTH}x{HEIGHT}:fps={RATE},setsar=1,format=yuv420p"
        scene("-i", still, filters=zoomed)
        scene("-loop", 1, "-i", still, filters=FITTED)
    scene("-f", "lavfi", "-i", f"life=size={WIDTH // 8}x{HEIGHT // 8}:rate={RATE}:ratio=0.2:seed=1:mold=10:life_color=#30a060:death_color=#204060", filters=FITTED)
    scene("-stream_loop", 5, "-i", FILM, filters=f"hflip,eq=brightness=-0.15,noise=alls=12:allf=t,{FITTED}")
    return made


def make(path, folder, hours, depths, frames, seed):
    """Writes the video; where each secret stands: its depth, place, word and time in seconds."""
    draw = random.Random(seed)
    plain = scenes(folder)
    n_scenes = max(1, round(hours * 180))
    order = [draw.choice(plain) for _ in range(n_scenes)]
    length = n_scenes * SCENE
    said, marked = [], {}
    for depth, (place, secret) in zip(depths, common.SECRETS):
        frame = min(int(depth / 100 * length), length - frames)
        said.append((depth, place, secret, frame / RATE))
        marked.setdefault(frame // SCENE, []).append((frame % SCENE, place, secret))
    for scene, words in marked.items():
        texts = ",".join(
            f"drawtext=text='The secret word of the {place} is {secret}':fontsize=40:fontcolor=white:borderw=2:"
            f"x={draw.randrange(20, 300)}:y={draw.randrange(40, 640)}:enable='between(n,{at},{at + frames - 1})'"
            for at, place, secret in words
        )
        changed = folder / f"marked-{scene}.mp4"
        run("-i", order[scene], "-vf", texts, *ENCODED, changed)
        order[scene] = changed
    listed = folder / "scenes.txt"
    listed.write_text("".join(f"file '{scene.resolve()}'\n" for scene in order))
    run("-f", "concat", "-safe", 0, "-i", listed, "-c", "copy", path)
    counted = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(path)]
    n_frames = int(subprocess.run(counted, check=True, capture_output=True, text=True).stdout)
    if n_frames != length:
        raise SystemExit(f"{path}: has {n_frames} frames, not {length}")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.arguments_of(parser)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--step", type=int, default=10, help="percent from one depth to the next")
    parser.add_argument("--frames", type=int, default=1, help="frames that bear each word")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("folder", metavar="FOLDER", type=pathlib.Path, help="where the video and its library are put")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    name = options.folder / f"video-{options.hours:g}h-{options.frames}-{options.seed}"
    video, told = (name.with_name(name.name + end) for end in (".mp4", ".json"))
    if not (video.exists() and told.exists()):
        said = make(video, options.folder, options.hours, range(0, 101, options.step), options.frames, options.seed)
        told.write_text(json.dumps({"said": said, "seconds": max(1, round(options.hours * 180)) * 20}))
    made = json.loads(told.read_text())
    library = options.folder / f"library-{name.name}"
    shutil.rmtree(library, ignore_errors=True)
    command = [options.medley, "library", "add", "--json", "--library", library, "--threads", options.threads, video]
    took_s, peak_kb = common.run_measured(command)
    def is_near(event, at_s):
        return event["start_s"] - NEAR_S <= at_s + options.frames / RATE and at_s <= event["start_s"] + NEAR_S

    found, wrong_place = common.secrets_found(options.medley, options.threads, library, made["said"], is_near)
    lines = [
        f"{common.processor()}, {options.threads} threads.",
        "",
        "| video | frames with a word | read in | × real time | memory | secret words found, at their time | at a wrong time |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        f"| {made['seconds'] / 3600:.1f} h | {options.frames} each | {took_s / 60:.1f} min | {made['seconds'] / took_s:.0f} | {peak_kb / 1024:.0f} MiB | {sum(found)} of {len(found)} | {wrong_place} |",
    ]
    print("\n".join(lines))
    if options.write:
        common.write_between("video-haystack", lines)


if __name__ == "__main__":
    main()
