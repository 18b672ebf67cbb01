"""Tests of device.py: the vectors of docs/protocol/vectors, and a server that is a script.

    python3 -m unittest examples/test_device.py

from the root of the repository; standard library only. The scripted servers listen on
loopback and cut connections where a test wants it. Every wait has a condition and a
deadline.
"""
import collections
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import device  # noqa: E402  (found by the line above)

VECTORS = HERE.parent / "docs" / "protocol" / "vectors"
PATIENCE = 20.0           # s: longer than anything here takes on a loaded machine
TYPES = {"HELLO": 1, "CHALLENGE": 2, "PROOF": 3, "WELCOME": 4, "REFUSE": 5, "DATA": 16, "ACK": 17,
         "PING": 18, "PONG": 19, "BEAT": 20, "BYE": 21, "SILENCE": 32, "SPEAK": 33}
OURS = ("HELLO", "PROOF", "SILENCE", "SPEAK")     # nothing a server sends to this device
MODES = {"register": 0, "resume": 1, "spare": 2}
METHODS = {"none": 0, "hmac": 1, "certificate": 2}


def vectors(name):
    return json.loads((VECTORS / name).read_text())


def unhex(text):
    return bytes.fromhex(text) if text else b""


def read(kind, payload):
    """One frame as the device reads it."""
    if kind == device.CHALLENGE:
        return device.read_challenge(payload)
    if kind == device.WELCOME:
        return device.read_welcome(payload)
    if kind == device.REFUSE:
        return device.read_refuse(payload)
    if kind == device.BYE:
        return device.read_bye(payload)
    return payload


def frames_of(data, limit=1024, pieces=None):
    """The types of the frames in `data`, and whether it ended in a refusal."""
    buffer, names = bytearray(), []
    for piece in pieces or [data]:
        buffer += piece
        while True:
            try:
                got = device.take_frame(buffer, limit)
                if got is None:
                    break
                read(*got)
            except device.GiveUp:
                return names, "refused"
            names.append(got[0])
    return names, "truncated" if buffer else None


class FrameVectors(unittest.TestCase):
    def test_what_the_device_writes_is_the_vectors_bytes(self):
        written = collections.Counter()
        for v in vectors("frames.json"):
            f, kind = v["fields"], v["type"]
            made = None
            if kind == "HELLO":
                made = device.hello_frame(
                    MODES[f["mode"]], f["one_way"], unhex(f["nonce"]), f["client_beat_ms"],
                    f["server_beat_ms"], f["max_payload"], f["window"], unhex(f["identity"]))
            elif kind == "DATA":
                made = device.numbered(device.DATA, int(f["seq"]), unhex(f["message"]))
            elif kind == "ACK":
                made = device.numbered(device.ACK, int(f["seq"]))
            elif kind in ("PING", "PONG"):
                made = device.frame(TYPES[kind], unhex(f["value"]))
            elif kind == "BEAT":
                made = device.frame(device.BEAT)
            elif kind == "BYE" and f["retry"] == 0:
                made = device.bye_frame(device.REASONS.index(f["reason"]), int(f["last"]), f["text"])
            if made is not None:
                written[kind] += 1
                self.assertEqual(made.hex(), v["hex"], v["name"])
        self.assertEqual(set(written), {"HELLO", "DATA", "ACK", "PING", "PONG", "BEAT", "BYE"})

    def test_what_the_device_reads_is_the_vectors_fields(self):
        seen = collections.Counter()
        for v in vectors("frames.json"):
            f, kind = v["fields"], v["type"]
            if kind in OURS:
                with self.assertRaises(device.GiveUp, msg=v["name"]):
                    device.take_frame(bytearray(unhex(v["hex"])), 1024)
                continue
            seen[kind] += 1
            buffer = bytearray(unhex(v["hex"]))
            number, payload = device.take_frame(buffer, 1024)
            self.assertEqual(buffer, b"")
            self.assertEqual(number, f["type"] if kind == "EXTENSION" else TYPES[kind])
            got = read(number, payload)
            if kind == "CHALLENGE":
                self.assertEqual(got, (METHODS[f["method"]], unhex(f["nonce"])))
            elif kind == "WELCOME":
                wanted = (f["resumed"] + 2 * f["known"], int(f["epoch"]), unhex(f["session"]),
                          unhex(f["secret"]), f["resume_ms"], f["client_beat_ms"],
                          f["server_beat_ms"], f["misses"], f["challenge_ms"], f["max_payload"],
                          f["window"], int(f["received"]), unhex(f["mac"]))
                self.assertEqual(tuple(got), wanted)
            elif kind in ("REFUSE", "BYE"):
                last = int(f["last"]) if kind == "BYE" else None
                self.assertEqual((device.REASONS[got.reason], got.retry, got.text, got.last),
                                 (f["reason"], f["retry"], f["text"], last))
            elif kind == "DATA":
                self.assertEqual(got, int(f["seq"]).to_bytes(8, "big") + unhex(f["message"]))
            elif kind == "ACK":
                self.assertEqual(int.from_bytes(got, "big"), int(f["seq"]))
        self.assertEqual(len(seen), 10)

    def test_malformed_frames_are_refused(self):
        for v in vectors("malformed.json"):
            _, end = frames_of(unhex(v["hex"]))
            # Less than a header is waited for.
            self.assertEqual(end, "truncated" if len(v["hex"]) < 8 else "refused", v["name"])

    def test_a_length_is_judged_before_the_payload_has_come(self):
        for header in ("10ffffff", "80000401", "11000009", "04000049", "12000003"):
            with self.assertRaises(device.GiveUp, msg=header):
                device.take_frame(bytearray(unhex(header)), 1024)

    def test_streams_give_the_same_frames_however_they_are_cut(self):
        names = {number: name for name, number in TYPES.items()}
        for v in vectors("streams.json"):
            data = unhex(v["hex"])
            wanted, error = list(v["types"]), v["error"]
            for i, name in enumerate(wanted):      # a client gets none of these
                if name in OURS:
                    wanted, error = wanted[:i], "has no place"
                    break
            bytewise = [data[i:i + 1] for i in range(len(data))]
            for pieces in ([data], bytewise):
                got, end = frames_of(data, pieces=pieces)
                self.assertEqual([names.get(n, "EXTENSION") for n in got], wanted, v["hex"])
                if error != "truncated":
                    self.assertEqual(end, error and "refused", v["hex"])
                else:                      # where the type says it, it is refused already
                    self.assertIn(end, ("truncated", "refused"), v["hex"])


class ScriptedLink:
    """Answers what a vector says, and writes down what the device says."""

    def __init__(self, frames):
        self.frames, self.sent = [unhex(f["hex"]) for f in frames if f["from"] == "server"], []

    def send(self, data):
        self.sent.append(bytes(data))

    def receive(self, wanted):
        kind, payload = device.take_frame(bytearray(self.frames.pop(0)), 1024)
        if kind == device.REFUSE:
            raise device.read_refuse(payload)
        assert kind == wanted
        return payload


class HandshakeVectors(unittest.TestCase):
    def test_every_mac(self):
        count = collections.Counter()
        for v in vectors("handshakes.json"):
            frames = collections.defaultdict(bytes)
            for f in v["frames"]:
                frames[f["type"]] = unhex(f["hex"])
            t = frames["HELLO"] + frames["CHALLENGE"]
            resume = b""
            if v["resume"]:
                t += unhex(v["resume"]["session"]) + int(v["resume"]["received"]).to_bytes(8, "big")
            if v["resume_mac"]:
                count["resume"] += 1
                resume = device.resume_mac(unhex(v["resume"]["secret"]), t)
                self.assertEqual(resume.hex(), v["resume_mac"], v["name"])
            if v["client_mac"]:
                count["client"] += 1
                made = device.client_mac(unhex(v["client_key"]), t, resume)
                self.assertEqual(made.hex(), v["client_mac"], v["name"])
            if v["server_mac"]:
                count["server"] += 1
                # A server with another key expects another client mac, too.
                key = unhex(v["server_key"])
                made = device.server_mac(key, t, resume, device.client_mac(key, t, resume),
                                         frames["WELCOME"][4:])
                self.assertEqual(made.hex(), v["server_mac"], v["name"])
        self.assertTrue(all(count[k] > 5 for k in ("resume", "client", "server")), count)

    def test_every_registration_goes_as_the_vector_says(self):
        outcomes = collections.Counter()
        for v in vectors("handshakes.json"):
            if v["mode"] == "spare" or v["method"] == "certificate":
                continue                   # this device has neither
            with self.subTest(v["name"]):
                outcomes[v["outcome"]] += 1
                self.check(v)
        self.assertEqual(set(outcomes), {"registered", "resumed", "refused", "client_gives_up"})

    def check(self, v):
        first = unhex(v["frames"][0]["hex"])[4:]
        beat, _, _, _ = struct.unpack(">IIII", first[23:39])
        setup = types.SimpleNamespace(identity=unhex(v["identity"]), key=unhex(v["client_key"]),
                                      one_way=bool(first[6]), beat=beat)
        session = device.Session()
        if v["resume"]:
            session.name, session.secret = unhex(v["resume"]["session"]), unhex(v["resume"]["secret"])
            session.received, session.sent = int(v["resume"]["received"]), int(v["resume"]["sent"])
            session.unacked.extend([b"x"] * session.sent)
        link, outcome, reason = ScriptedLink(v["frames"]), None, None
        try:
            welcome = device.register(link, setup, session, unhex(v["client_nonce"]))
            outcome = "resumed" if welcome.flags & 1 else "registered"
        except device.Goodbye as refusal:
            outcome, reason = "refused", device.REASONS[refusal.reason]
        except device.GiveUp as fault:
            outcome, reason = "client_gives_up", device.REASONS[fault.reason]
        self.assertEqual((outcome, reason), (v["outcome"], v["reason"]))
        said = [unhex(f["hex"]) for f in v["frames"] if f["from"] == "client" and f["type"] != "BYE"]
        if v["client_mac"] and not said[-1].endswith(unhex(v["client_mac"])):
            said[-1] = said[-1][:-32] + unhex(v["client_mac"])       # the replay: not ours
        self.assertEqual(link.sent, said)
