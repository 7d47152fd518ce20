"""Checks the forms of a described type with readers that are not this project's.

Reads the output of `cargo run -p ipc-describe --example forms` from standard input. Needs numpy, mcap, mcap-ros2-support.
"""

import ast
import io
import sys

import numpy
from mcap.writer import Writer
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

forms = dict(line.split(": ") for line in sys.stdin.read().splitlines())
forms = {key: bytes.fromhex(value) for key, value in forms.items()}
element = forms["element"]
points = [0.5 + number for number in range(10)]

# NumPy.
dtype = numpy.dtype(ast.literal_eval(forms["dtype"].decode()))
assert dtype.itemsize == len(element), dtype
record = numpy.frombuffer(element, dtype)[0]
assert record["time_ns"] == 1_700_000_000_000_000_001
assert (record["at"]["x"], record["at"]["y"]) == (points[0], points[1])
assert record["path"].shape == (2, 2)
path = [value for row in record["path"] for point in row for value in (point["x"], point["y"])]
assert path == points[2:], path
assert record["small"].tolist() == [-1, 300, -30_000]
assert (record["quality"], record["gear"]) == (250, -2)

# An MCAP file and a ROS 2 reader: the bytes of the element behind the CDR header are the message.
file = io.BytesIO()
writer = Writer(file)
writer.start()
schema = writer.register_schema(forms["ros_name"].decode(), "ros2msg", forms["ros_definition"])
channel = writer.register_channel("/pose", "cdr", schema)
writer.add_message(channel, log_time=1, publish_time=1, data=bytes([0, 1, 0, 0]) + element)
writer.finish()
file.seek(0)
reader = make_reader(file, decoder_factories=[DecoderFactory()])
messages = [message for _, _, _, message in reader.iter_decoded_messages()]
assert len(messages) == 1
pose = messages[0]
assert pose.time_ns == 1_700_000_000_000_000_001
assert (pose.at.x, pose.at.y) == (points[0], points[1])
assert [value for point in pose.path for value in (point.x, point.y)] == points[2:]
assert list(pose.small) == [-1, 300, -30_000]
assert (pose.quality, pose.gear) == (250, -2)

print("NumPy", numpy.__version__, "and mcap-ros2-support read every field right")
