"""Has an independent reader of MCAP and ROS 2 messages check a recording of the robot, and one of its replay.

Usage: readers.py FOLDER, which has `ipcr` and the programs in `examples/`. Needs mcap, mcap-ros2-support.
"""

import hashlib
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

programs = pathlib.Path(sys.argv[1])
ipcr = programs / "ipcr"
SIDES = ["robot.detections.left", "robot.detections.right"]
FORMATS = {"robot.shots": "<QQIIII", "robot.plan": "<QQQQ", **{side: "<QQ" for side in SIDES}}


def start(program, *arguments):
    return subprocess.Popen([str(program), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def recorder(path):
    """Records all channels; returns when it is at work."""
    process = start(ipcr, "record", "--all", "--from", "oldest", "--output", path)
    while not path.exists():
        assert process.poll() is None, "the recorder ended"
        time.sleep(0.01)
    return process


def finish(process, path):
    """Ends a recorder that has written what it read: 250 MB of pictures, at the pace of the disk."""
    size = -1
    while size != path.stat().st_size:
        size = path.stat().st_size
        time.sleep(3)
    process.send_signal(2)
    said, _ = process.communicate()
    assert process.returncode == 130, (process.returncode, said)
    return said


def read(path):
    """The messages by topic, each as (sequence, bytes, decoded), and what the recorder missed by channel."""
    topics = {}
    with open(path, "rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        summary = reader.get_summary()
        assert summary is not None and summary.statistics.message_count > 0
        for schema, channel, message, decoded in reader.iter_decoded_messages(topics=list(FORMATS)):
            assert (schema.encoding, channel.message_encoding) == ("ros2msg", "cdr")
            assert channel.metadata["ipcr.channel"] == channel.topic
            topics.setdefault(channel.topic, []).append((message.sequence, message.data, decoded))
        metadata = {record.name: record.metadata for record in reader.iter_metadata()}
    missed = {name.removeprefix("default/"): int(count) for name, count in metadata["ipcr.missed"].items()}
    return topics, missed


def pictures(path):
    """The payloads of the shots, by the number of their message."""
    found = {}
    with open(path, "rb") as file:
        for _, channel, message in make_reader(file).iter_messages(topics=["robot.shots/picture"]):
            assert (channel.message_encoding, channel.metadata["ipcr.pool"]) == ("ipcr/raw", "robot.pictures")
            assert len(message.data) == 1920 * 1080
            found[message.sequence] = hashlib.sha256(message.data).digest()
    return found


def values(topic, decoded):
    """The fields that the reader found, in their order."""
    if topic == "robot.shots":
        picture = decoded.picture
        return (decoded.number, picture.pool, picture.generation, getattr(picture, "class"), picture.index, picture.length)
    if topic == "robot.plan":
        return (decoded.picture, decoded.row, decoded.agreed, decoded.present)
    return (decoded.picture, decoded.row)


def check(topics):
    """Every field is what its bytes are, and what the robot means by it."""
    checked = 0
    for topic, messages in topics.items():
        for sequence, data, decoded in messages:
            assert data[:4] == bytes([0, 1, 0, 0])
            found = values(topic, decoded)
            assert found == struct.unpack(FORMATS[topic], data[4:]), (topic, found)
            checked += len(found)
    shots = [values("robot.shots", decoded) for _, _, decoded in topics["robot.shots"]]
    assert [shot[0] for shot in shots] == list(range(shots[0][0], shots[0][0] + len(shots)))
    assert {shot[5] for shot in shots} == {1920 * 1080} and len({shot[1] for shot in shots}) == 1
    rows = {}
    for side in SIDES:
        for _, _, decoded in topics[side]:
            # Both detectors see the same, and the planner goes where they saw it.
            assert rows.setdefault(decoded.picture, decoded.row) == decoded.row
    plans = [decoded for _, _, decoded in topics["robot.plan"]]
    assert all(rows.get(plan.picture, plan.row) == plan.row for plan in plans)
    assert max(plan.present for plan in plans) == 7
    return checked


with tempfile.TemporaryDirectory() as folder:
    first, second = (pathlib.Path(folder) / name for name in ("first.mcap", "second.mcap"))
    recording = recorder(first)
    examples = programs / "examples"
    robot = [start(examples / "robot_planner")]
    robot += [start(examples / "robot_detector", side) for side in ("left", "right")]
    robot.append(start(examples / "robot_camera", 120))
    for process in robot:
        process.communicate()
        assert process.returncode == 0
    finish(recording, first)
    topics, missed = read(first)
    checked = check(topics)
    assert (len(topics["robot.shots"]), missed["robot.shots"]) == (120, 0)

    # Where the disk is slow, some pictures are missed, and their shots are not replayed.
    shown, missed_pictures = pictures(first), missed.get("robot.shots/picture", 0)
    assert shown and len(shown) + missed_pictures == 120, (len(shown), missed_pictures)
    shots = [(sequence, decoded.number) for sequence, _, decoded in topics["robot.shots"] if sequence in shown]

    recording = recorder(second)
    replay = start(ipcr, "replay", first, "--rate", 0.5, "--delay", "2s")
    said, _ = replay.communicate()
    assert replay.returncode == 0, said
    finish(recording, second)
    again, missed_again = read(second)
    shown_again = pictures(second)
    compared = 0
    for (sequence, number), (sequence_again, _, decoded) in zip(shots, again["robot.shots"], strict=True):
        # The same shot, with a picture in another block.
        assert decoded.number == number and decoded.picture.length == 1920 * 1080
        if sequence_again in shown_again:
            assert shown_again[sequence_again] == shown[sequence], number
            compared += 1
    assert compared > 0
    for topic, messages in topics.items():
        bytes_of = [data for _, data, _ in messages]
        bytes_again = [data for _, data, _ in again[topic]]
        if topic == "robot.shots":
            continue
        if topic == "robot.plan":
            # Values that are replaced before they are read are missed, and counted from the first one on.
            first_again = bytes_of.index(bytes_again[0])
            assert len(bytes_again) + missed_again[topic] == len(bytes_of) - first_again
            rest = iter(bytes_of)
            assert all(data in rest for data in bytes_again)
        else:
            assert bytes_again == bytes_of, topic
    counts = {topic: len(messages) for topic, messages in topics.items()}
    print(f"mcap-ros2-support read {checked} fields of {counts} right, and the same of their replay")
    print(f"{len(shown)} pictures were recorded; {compared} were equal in a recording of their replay")
