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
                made = device.server_mac(unhex(v["client_key"]), t, resume,
                                         unhex(v["client_mac"]), frames["WELCOME"][4:])
                same = v["name"] != "a server with another key"
                self.assertEqual(made.hex() == v["server_mac"], same, v["name"])
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
            session.gone = session.sent
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


class Decisions(unittest.TestCase):
    """Time is given to them."""

    def test_the_server_is_asked_and_then_dead(self):
        silence = device.Silence(beat=10, misses=2, challenge=5, now=100)
        self.assertIsNone(silence.judge(119.9))
        self.assertEqual(silence.judge(120), "suspect")
        self.assertIsNone(silence.judge(124.9))
        self.assertEqual(silence.judge(125.1), "dead")

    def test_any_byte_ends_a_suspicion(self):
        silence = device.Silence(beat=10, misses=2, challenge=5, now=100)
        self.assertEqual(silence.judge(120), "suspect")
        silence.heard(121)
        self.assertIsNone(silence.judge(140.9))
        self.assertEqual(silence.judge(141), "suspect")

    def test_an_own_timer_that_is_late_is_no_silence(self):
        silence = device.Silence(beat=10, misses=2, challenge=5, now=100)
        self.assertIsNone(silence.judge(131), "slept until more than a beat after 120")
        self.assertIsNone(silence.judge(150.9))
        self.assertEqual(silence.judge(151), "suspect")
        self.assertIsNone(silence.judge(167), "slept over the end of the challenge, 156")
        self.assertEqual(silence.judge(187), "suspect")
        self.assertEqual(silence.judge(193), "dead")

    def test_who_promised_nothing_is_never_silent(self):
        silence = device.Silence(beat=0, misses=2, challenge=5, now=100)
        self.assertIsNone(silence.judge(1e9))

    def test_jitter_is_drawn_after_the_cap(self):
        draws = [device.wait_before(40, 3, 0.5, 60) for _ in range(2000)]
        self.assertTrue(all(3 <= d <= 63 for d in draws))
        quarters = collections.Counter(int((d - 3) // 15) for d in draws)
        for quarter in range(4):           # drawn before the cap, all would be 63
            self.assertGreater(quarters[quarter], 300)
        widths = [device.wait_before(n, 0, 0.5, 60, lambda low, high: high) for n in range(9)]
        self.assertEqual(widths, [0.5, 1, 2, 4, 8, 16, 32, 60, 60])

    def test_what_a_goodbye_asks(self):
        def asks(reason, retry=1000):
            return device.verdict(device.Goodbye(device.REASONS.index(reason), retry, ""))
        self.assertEqual(asks("done"), "end")
        for reason in ("superseded", "not_authorised", "version"):
            self.assertEqual(asks(reason), "stop", reason)
        for reason in ("shutting_down", "heartbeat_missed", "protocol_error", "identity_in_use",
                       "flapping", "overloaded", "too_late", "kicked"):
            self.assertEqual(asks(reason), "back", reason)
            self.assertEqual(asks(reason, device.NEVER), "stop", reason)
        self.assertEqual(asks("kicked", 0), "stop")
        self.assertEqual(device.Goodbye(200, 0, "").reason, device.PROTOCOL_ERROR)

    def test_what_others_wrote_is_shown_in_one_line(self):
        self.assertEqual(device.shown(b"21.5 \xc2\xb0C"), "21.5 °C")
        self.assertEqual(device.shown(b"a\nb\x1b[2J\xff"), "a\\nb\\x1b[2J\\xff")


KEY = bytes(range(32))
SESSION = [bytes([n]) * 16 for n in range(1, 9)]
SECRET = [bytes([n]) * 16 for n in range(101, 109)]


class Peer:
    """The server's side of one connection."""

    def __init__(self, sock, key):
        self.sock, self.key, self.buffer = sock, key, bytearray()
        sock.settimeout(PATIENCE)

    def send(self, kind, payload=b""):
        self.sock.sendall(device.frame(kind, payload))

    def data(self, number, message):
        self.sock.sendall(device.numbered(device.DATA, number, message))

    def bye(self, reason, retry=0, last=0):
        self.send(device.BYE, struct.pack(">BIQ", device.REASONS.index(reason), retry, last))
        self.sock.shutdown(socket.SHUT_WR)

    def refuse(self, reason, retry=0):
        self.send(device.REFUSE, struct.pack(">BI", device.REASONS.index(reason), retry))
        self.close()

    def next(self):
        """The next frame; None: the device has closed its direction."""
        while True:
            if len(self.buffer) >= 4:
                end = 4 + int.from_bytes(self.buffer[1:4], "big")
                if len(self.buffer) >= end:
                    kind, payload = self.buffer[0], bytes(self.buffer[4:end])
                    del self.buffer[:end]
                    return kind, payload
            data = self.sock.recv(65536)
            if not data:
                assert not self.buffer, "half a frame"
                return None
            self.buffer += data

    def expect(self, kind, skip=(device.BEAT, device.ACK)):
        while True:
            got = self.next()
            assert got, f"the end, instead of {kind:#04x}"
            if got[0] == kind:
                return got[1]
            assert got[0] in skip, f"{got} instead of {kind:#04x}"

    def messages(self, count):
        """The next messages, as {number: message}, not acknowledged."""
        got = {}
        while len(got) < count:
            payload = self.expect(device.DATA)
            got[int.from_bytes(payload[:8], "big")] = payload[8:]
        return got

    def ack(self, number):
        self.sock.sendall(device.numbered(device.ACK, number))

    def acked(self, number):
        """Waits until the device has acknowledged `number`."""
        while int.from_bytes(self.expect(device.ACK, (device.BEAT, device.DATA)), "big") < number:
            pass

    def proved(self, secret=None):
        """Up to the whole PROOF. Returns the received that it names."""
        self.hello = self.expect(device.HELLO)
        challenge = bytes([1 if self.key else 0]) + os.urandom(16)
        self.send(device.CHALLENGE, challenge)
        proof = self.expect(device.PROOF)
        t = device.frame(device.HELLO, self.hello) + device.frame(device.CHALLENGE, challenge)
        resume, received = b"", None
        if self.hello[5] == device.RESUME:
            t += proof[:24]
            received = int.from_bytes(proof[16:24], "big")
            resume = proof[24:56]
            assert secret is None or resume == device.resume_mac(secret, t), "another secret"
            self.named = proof[:16]
        ours = proof[56 if resume else 0:]
        assert ours == (device.client_mac(self.key, t, resume) if self.key else b"")
        self.t, self.resume, self.ours = t, resume, ours
        return received

    def welcome(self, n=0, flags=0, received=0, beat=0, window=1 << 20, challenge=100,
                spoil=b"", client_beat=0, longest=65544, misses=1):
        payload = struct.pack(">BQ16s16sIIIBIIIQ", flags, n + 1, SESSION[0 if flags & 1 else n],
                              SECRET[n], 60000, client_beat, beat, misses, challenge, longest,
                              window, received)
        if self.key:
            payload += spoil or device.server_mac(self.key, self.t, self.resume, self.ours, payload)
        self.send(device.WELCOME, payload)

    def register(self, **terms):
        received = self.proved()
        self.welcome(**terms)
        return received

    def resumed(self, n, received, **terms):
        """A resume with the secret before; returns what the device says it has."""
        claim = self.proved(SECRET[n - 1])
        assert self.named == SESSION[0]
        self.welcome(n, flags=1, received=received, **terms)
        return claim

    def cut(self):
        """RST: whatever was in flight is gone."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


class WithServer(unittest.TestCase):
    key = KEY

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.addCleanup(self.listener.close)
        self.state = os.path.join(self.folder.name, "state")
        self.keyfile = os.path.join(self.folder.name, "key")
        pathlib.Path(self.keyfile).write_text(KEY.hex() + "\n")

    def accept(self):
        sock, _ = self.listener.accept()
        self.addCleanup(sock.close)
        return Peer(sock, self.key)

    def start(self, *words, **options):
        server = f"127.0.0.1:{self.listener.getsockname()[1]}"
        words = ("--server", server, "--identity", "meter 7", "--base", "0.01", "--cap", "0.05",
                 "--beat", "0.01",
                 "--drain", str(options.pop("drain", PATIENCE)), *words)
        if self.key:
            words += ("--key-file", self.keyfile)
        run = Run(words, **options)
        self.addCleanup(run.stop)
        return run

    def begin(self, *words, terms=None, **options):
        """A device that is registered."""
        run, peer = self.start(*words, **options), self.accept()
        peer.register(**(terms or {}))
        run.event("registered")
        return run, peer


class Run:
    """device.py as a process; its lines come through queues."""

    def __init__(self, words, read_stdout=True):
        self.process = subprocess.Popen([sys.executable, str(HERE / "device.py"), *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.told, self.lines, self.past = queue.Queue(), queue.Queue(), []
        self.threads = []
        self.follow(self.process.stderr, self.told)
        if read_stdout:
            self.follow(self.process.stdout, self.lines)

    def follow(self, stream, lines):
        def copy():
            for line in stream:
                lines.put(line.decode().rstrip("\n"))
        self.threads.append(threading.Thread(target=copy, daemon=True))
        self.threads[-1].start()

    def type(self, *lines):
        for line in lines:
            self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def event(self, word):
        """Waits for an event; returns its fields."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.told.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {word} in {self.past}") from None
            self.past.append(line)
            if line.split()[0] == word:
                return dict(part.split("=", 1) for part in line.split()[1:] if "=" in part)

    def line(self):
        return self.lines.get(timeout=PATIENCE)

    def exit(self):
        return self.process.wait(PATIENCE)

    def stop(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Conversations(WithServer):
    def test_messages_go_both_ways_and_the_end_of_stdin_ends_the_session(self):
        run, peer = self.begin("--state", self.state)
        run.type(b"one", b"", b"three")
        self.assertEqual(peer.messages(3), {1: b"one", 2: b"", 3: b"three"})
        peer.data(1, b"hello")
        self.assertEqual(run.line(), "hello")
        peer.acked(1)
        run.process.stdin.close()
        peer.ack(3)
        bye = peer.expect(device.BYE)
        self.assertEqual(struct.unpack(">BIQ", bye[:13]), (device.DONE, 0, 3))
        self.assertIsNone(peer.next())
        peer.data(2, b"late")              # it reads until the server closes, too
        peer.close()
        self.assertEqual(run.line(), "late")
        self.assertEqual(run.exit(), 0)
        self.assertFalse(os.path.exists(self.state))

    def test_ping_is_answered(self):
        _, peer = self.begin()
        peer.send(device.PING, b"\1\2\3\4")
        self.assertEqual(peer.expect(device.PONG), b"\1\2\3\4")

    def test_one_way_says_so_and_answers_no_ping(self):
        run, peer = self.begin("--one-way")
        self.assertEqual(peer.hello[6], 1)
        peer.send(device.PING, b"\1\2\3\4")
        peer.data(1, b"after")
        self.assertEqual(run.line(), "after")
        self.assertEqual(int.from_bytes(peer.expect(device.ACK, ()), "big"), 1)

    def test_the_negotiated_beat_is_kept_and_not_the_wished_one(self):
        _, peer = self.begin("--beat", "3000", terms={"client_beat": 1000})
        self.assertEqual(struct.unpack(">II", peer.hello[23:31]), (3_000_000, 3_000_000))
        for _ in range(3):
            peer.expect(device.BEAT, ())

    def test_an_extension_is_skipped_and_a_spare_frame_refused(self):
        run, peer = self.begin()
        peer.send(0x80, b"what")
        peer.data(1, b"on")
        self.assertEqual(run.line(), "on")
        peer.send(TYPES["SPEAK"], bytes(4))
        self.assertEqual(peer.expect(device.BYE)[0], device.PROTOCOL_ERROR)

    def test_a_full_window_is_back_pressure(self):
        run, peer = self.begin("--count", "200", "--every", "0", terms={"window": 4096})
        fits = 0
        while sum(len(str(n)) + 32 for n in range(1, fits + 2)) <= 4096:
            fits += 1
        self.assertEqual(list(peer.messages(fits)), list(range(1, fits + 1)))
        peer.send(device.PING, b"room")
        peer.expect(device.PONG, ())       # nothing else before it: no message more
        peer.ack(fits)
        self.assertEqual(list(peer.messages(200 - fits)), list(range(fits + 1, 201)))
        peer.ack(200)
        peer.expect(device.BYE)
        peer.close()
        self.assertEqual(run.exit(), 0)

    def test_a_message_larger_than_the_window_goes_alone(self):
        run, peer = self.begin(terms={"window": 4096})
        run.type(b"x" * 5000, b"next")
        self.assertEqual(peer.messages(1), {1: b"x" * 5000})
        peer.send(device.PING, b"room")
        peer.expect(device.PONG, ())
        peer.ack(1)
        self.assertEqual(peer.messages(1), {2: b"next"})

    def test_a_line_longer_than_the_server_takes_is_told(self):
        run, peer = self.begin(terms={"longest": 1024})
        run.type(b"x" * 1017, b"y" * 1016)
        run.event("dropped")
        self.assertEqual(peer.messages(1), {1: b"y" * 1016})

    def test_a_slow_program_does_not_stop_the_reading_and_has_acknowledged_nothing(self):
        run, peer = self.begin(read_stdout=False)
        for number in range(1, 11):
            peer.data(number, b"z" * 60000)
        peer.send(device.PING, b"here")
        handed = 0
        while (got := peer.next())[0] != device.PONG:
            handed = int.from_bytes(got[1], "big") if got[0] == device.ACK else handed
        self.assertLess(handed, 3, "a pipe takes 64 KiB")
        run.follow(run.process.stdout, run.lines)
        for _ in range(10):
            self.assertEqual(len(run.line()), 60000)
        if handed < 10:
            peer.acked(10)

    def test_a_server_beyond_our_window_is_closed(self):
        _, peer = self.begin(read_stdout=False)
        for number in range(1, 30):
            peer.data(number, b"z" * 60000)
        self.assertEqual(peer.expect(device.BYE)[0], device.PROTOCOL_ERROR)

    def test_a_gap_is_refused_and_the_session_resumed(self):
        run, peer = self.begin()
        peer.data(1, b"one")
        peer.data(3, b"three")
        self.assertEqual(peer.expect(device.BYE)[0], device.PROTOCOL_ERROR)
        self.assertEqual(run.line(), "one")
        peer.close()
        peer = self.accept()
        self.assertEqual(peer.resumed(1, 0), 1)
        peer.data(2, b"two")
        self.assertEqual(run.line(), "two")

    def test_an_ack_of_what_was_never_sent_is_refused(self):
        _, peer = self.begin()
        peer.ack(1)
        self.assertEqual(peer.expect(device.BYE)[0], device.PROTOCOL_ERROR)


class Registrations(WithServer):
    def test_a_wrong_mac_is_refused_and_tried_again(self):
        run, peer = self.start(), self.accept()
        peer.register(spoil=bytes(32))
        self.assertEqual(peer.expect(device.BYE)[0], device.NOT_AUTHORISED)
        self.assertIsNone(peer.next())
        self.accept().register()
        run.event("registered")

    def test_a_beat_below_the_least_is_not_gone_on_with(self):
        run, peer = self.start("--stay", "--beat", "30"), self.accept()
        peer.register(client_beat=999)
        self.assertIn("below 1000 ms", run.event("disconnected")["text"] + run.past[-1])
        self.assertIsNone(peer.next(), "nothing is said after WELCOME")
        peer = self.accept()
        peer.register(client_beat=1000, beat=1000)
        run.event("registered")

    def test_method_none_is_not_taken_by_a_device_with_a_key(self):
        self.start()
        peer = self.accept()
        peer.expect(device.HELLO)
        peer.send(device.CHALLENGE, bytes(17))
        self.assertEqual(peer.expect(device.BYE)[0], device.NOT_AUTHORISED)

    def test_the_hint_is_obeyed(self):
        run, peer = self.start(), self.accept()
        peer.proved()
        peer.refuse("overloaded", 400)
        refused = time.monotonic()
        self.assertEqual(float(run.event("waiting")["hint"]), 0.4)
        self.accept()
        self.assertGreaterEqual(time.monotonic() - refused, 0.4)

    def test_do_not_come_back_stops(self):
        run, peer = self.start(), self.accept()
        peer.proved()
        peer.refuse("identity_in_use", device.NEVER)
        self.assertEqual(run.event("stopped")["reason"], "identity_in_use")
        self.assertEqual(run.exit(), 3)

    def test_usage(self):
        words = ("--server", "127.0.0.1:1", "--identity")
        for more in (("",), ("x" * 129,), ("x", "--key-file", self.folder.name + "/none")):
            run = Run((*words, *more))
            self.addCleanup(run.stop)
            self.assertEqual(run.exit(), 2)


class WithoutKey(WithServer):
    key = b""

    def test_method_none(self):
        run, peer = self.begin("--count", "1")
        self.assertEqual(peer.messages(1), {1: b"1"})
        peer.ack(1)
        peer.expect(device.BYE)
        peer.close()
        self.assertEqual(run.exit(), 0)

    def test_a_resume_needs_the_secret_only(self):
        _, peer = self.begin("--stay")
        peer.cut()
        self.assertEqual(self.accept().resumed(1, 0), 0)


class Resumes(WithServer):
    def test_cut_again_and_again_nothing_is_lost_or_repeated(self):
        run = self.start("--count", "60", "--every", "0")
        got, told, acked = {}, 0, 0
        for n in range(7):
            peer = self.accept()
            if n == 0:
                peer.register()
            else:
                claim = peer.resumed(n, len(got))
                self.assertGreaterEqual(claim, acked)
                self.assertLessEqual(claim, told)
                told = claim               # the rest again, twice for good measure
                if told:
                    peer.data(told, b"repeated")
            new = peer.messages(8)
            self.assertEqual(list(new), list(range(len(got) + 1, len(got) + 9)))
            got.update(new)
            for _ in range(5):
                told += 1
                peer.data(told, b"from server %d" % told)
            peer.acked(told - 2)
            acked = told - 2
            # Half a message, and the end.
            peer.sock.sendall(device.numbered(device.DATA, told + 1, b"x" * 500)[:100])
            peer.cut()
        peer = self.accept()
        told = peer.resumed(7, len(got))
        got.update(peer.messages(60 - len(got)))
        self.assertEqual(got, {n: str(n).encode() for n in range(1, 61)})
        peer.ack(60)
        peer.expect(device.BYE)
        peer.close()
        self.assertEqual(run.exit(), 0)
        run.stop()
        lines = list(run.lines.queue)
        self.assertEqual(lines, [f"from server {n}" for n in range(1, told + 1)])

    def test_a_lost_welcome_leaves_the_old_secret(self):
        _, peer = self.begin("--stay")
        peer.cut()
        peer = self.accept()
        peer.proved(SECRET[0])
        peer.cut()
        self.accept().resumed(1, 0)

    def test_a_server_that_takes_less_than_before_does_not_fit(self):
        for terms in ({"longest": 65543}, {"window": (1 << 20) - 1}):
            with self.subTest(terms):
                run, peer = self.begin()
                run.type(b"one", b"two")
                peer.messages(2)
                peer.ack(1)
                peer.send(device.PING, b"read")
                peer.expect(device.PONG)
                peer.cut()
                peer = self.accept()
                peer.resumed(1, 1, **terms)
                self.assertEqual(peer.expect(device.BYE)[0], device.PROTOCOL_ERROR)
                self.assertEqual(run.event("unsure")["messages"], "2-2")
                peer = self.accept()
                peer.register(n=2)
                self.assertEqual(peer.hello[5], device.REGISTER)
                run.stop()

    def test_a_server_that_knows_of_other_messages_does_not_fit(self):
        for received in (1, 4):            # acknowledged were 2, sent 3
            with self.subTest(received=received):
                run, peer = self.begin()
                run.type(b"1", b"2", b"3")
                peer.messages(3)
                peer.ack(2)
                peer.send(device.PING, b"read")
                peer.expect(device.PONG)
                peer.cut()
                peer = self.accept()
                peer.resumed(1, received)
                self.assertEqual(peer.expect(device.BYE)[0], device.PROTOCOL_ERROR)
                peer = self.accept()
                peer.register(n=2)
                self.assertEqual(peer.hello[5], device.REGISTER)
                run.stop()

    def test_what_is_lost_with_a_session_is_told_exactly(self):
        run, peer = self.begin()
        run.type(b"1", b"2", b"3", b"4", b"5")
        peer.messages(5)
        peer.ack(2)
        peer.send(device.PING, b"read")
        peer.expect(device.PONG)
        peer.cut()
        peer = self.accept()
        peer.proved(SECRET[0])
        peer.welcome(1, flags=2, received=3)
        self.assertEqual(run.event("arrived")["messages"], "3-3")
        self.assertEqual(run.event("lost")["messages"], "4-5")
        run.type(b"six")
        self.assertEqual(peer.messages(1), {1: b"six"}, "a new session counts from 1")

    def test_what_nobody_knows_is_told_as_that(self):
        run, peer = self.begin("--count", "200", "--every", "0")
        peer.messages(2)
        peer.cut()
        peer = self.accept()
        peer.proved(SECRET[0])
        peer.welcome(1)
        self.assertEqual(run.event("unsure"), {"sender": "device", "messages": "1-200"})

    def test_what_never_was_on_a_connection_is_lost_for_sure(self):
        told = []
        session = device.Session()
        for _ in range(5):
            session.add(b"x")
        session.gone = 3
        session.trim(1)
        setup = types.SimpleNamespace(count=None)
        original, device.event = device.event, lambda word, **f: told.append((word, f["messages"]))
        try:
            device.Device(setup, session).forget()
        finally:
            device.event = original
        self.assertEqual(told, [("unsure", "2-3"), ("lost", "4-5")])

    def test_in_doubt_nothing_is_handed_over(self):
        run, peer = self.begin(read_stdout=False)
        for number in range(1, 16):
            peer.data(number, b"%x" % number * 60000)
        peer.send(device.PING, b"read")
        peer.expect(device.PONG)
        peer.cut()
        run.event("waiting")
        run.follow(run.process.stdout, run.lines)
        peer = self.accept()
        claim = peer.proved(SECRET[0])
        peer.cut()                                   # WELCOME never came: was it resumed?
        peer = self.accept()
        self.assertEqual(peer.proved(SECRET[0]), claim)
        peer.welcome(1, flags=2, received=0)
        peer.data(1, b"new")
        lines = [run.line() for _ in range(claim + 1)]
        self.assertEqual(lines, ["%x" % n * 60000 for n in range(1, claim + 1)] + ["new"])

    def test_what_was_not_handed_over_of_a_lost_session_never_is(self):
        run, peer = self.begin(read_stdout=False)
        for number in range(1, 9):
            peer.data(number, b"%d" % number * 30000)
        peer.send(device.PING, b"read")
        peer.expect(device.PONG)
        peer.cut()
        run.event("waiting")
        run.follow(run.process.stdout, run.lines)    # lets it finish the line it is in
        peer = self.accept()
        claim = peer.proved(SECRET[0])
        peer.welcome(1)
        peer.data(1, b"new")
        lines = [run.line() for _ in range(claim + 1)]
        self.assertEqual(lines, [str(n) * 30000 for n in range(1, claim + 1)] + ["new"])


class Restarts(WithServer):
    def test_a_killed_device_resumes_from_its_file(self):
        run, peer = self.begin("--count", "5", "--every", "0", "--state", self.state)
        self.assertEqual(list(peer.messages(5)), [1, 2, 3, 4, 5])
        self.assertEqual(os.stat(self.state).st_mode & 0o777, 0o600)
        peer.data(1, b"seen")
        self.assertEqual(run.line(), "seen")
        peer.acked(1)
        run.stop()
        peer.close()
        run, peer = self.start("--count", "7", "--every", "0", "--state", self.state), self.accept()
        self.assertEqual(peer.resumed(1, 3), 1)
        again = peer.messages(4)
        self.assertEqual(again, {4: b"4", 5: b"5", 6: b"6", 7: b"7"})
        peer.ack(7)
        peer.expect(device.BYE)
        peer.close()
        self.assertEqual(run.exit(), 0)

    def test_the_new_secret_is_stored_before_a_frame_is_sent(self):
        run, peer = self.begin("--state", self.state, "--stay", terms={"client_beat": 10})
        peer.expect(device.BEAT)
        run.stop()
        stored = json.loads(pathlib.Path(self.state).read_text())
        self.assertEqual(stored["secret"], SECRET[0].hex())

    def test_a_message_is_stored_before_it_is_sent(self):
        run, peer = self.begin("--state", self.state)
        run.type(b"precious")
        peer.messages(1)
        stored = json.loads(pathlib.Path(self.state).read_text())
        self.assertEqual(stored["unacked"], [b"precious".hex()])

    def test_sigterm_says_goodbye_and_keeps_the_session(self):
        run, peer = self.begin("--state", self.state, "--stay")
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(peer.expect(device.BYE)[0], device.SHUTTING_DOWN)
        peer.close()
        self.assertEqual(run.exit(), 0)
        self.start("--state", self.state)
        self.accept().resumed(1, 0)

    def test_another_identitys_file_is_refused(self):
        pathlib.Path(self.state).write_text('{"identity": "00"}')
        self.assertEqual(self.start("--state", self.state).exit(), 2)


class Goodbyes(WithServer):
    def test_superseded_delivers_what_came_before_and_stops(self):
        run, peer = self.begin("--stay")
        for number in range(1, 101):
            peer.data(number, b"%d" % number)
        peer.bye("superseded", device.NEVER, last=100)
        self.assertEqual([run.line() for _ in range(100)], [str(n) for n in range(1, 101)])
        peer.acked(100)
        self.assertIsNone(peer.next())
        self.assertEqual(run.event("stopped")["reason"], "superseded")
        self.assertEqual(run.exit(), 3)

    def test_a_message_that_never_came_is_told(self):
        run, peer = self.begin("--stay")
        peer.data(1, b"one")
        peer.bye("kicked", last=3)
        self.assertEqual(run.event("lost"), {"sender": "server", "messages": "2-3"})
        self.assertEqual(run.exit(), 3)

    def test_a_server_that_shuts_down_is_come_back_to_after_the_hint(self):
        run, peer = self.begin("--stay")
        said = time.monotonic()
        peer.bye("shutting_down", 300)
        self.assertEqual(float(run.event("waiting")["hint"]), 0.3)
        self.accept().resumed(1, 0)
        self.assertGreaterEqual(time.monotonic() - said, 0.3)

    def test_a_silent_server_is_asked_left_and_its_late_data_delivered(self):
        run, peer = self.begin("--stay", terms={"beat": 30, "misses": 2, "challenge": 100})
        peer.expect(device.PING)
        self.assertEqual(peer.expect(device.BYE)[0], device.HEARTBEAT_MISSED)
        self.assertIsNone(peer.next())
        peer.send(device.BEAT)
        peer.data(1, b"late")
        peer.close()
        self.assertEqual(run.line(), "late")
        self.assertEqual(self.accept().resumed(1, 0), 1)

    def test_a_server_that_answers_is_alive(self):
        run, peer = self.begin("--stay", terms={"beat": 30, "misses": 1, "challenge": 5000})
        for _ in range(3):
            peer.send(device.PONG, peer.expect(device.PING))
        peer.data(1, b"still")
        self.assertEqual(run.line(), "still")

    def test_a_server_that_never_closes_is_left_after_the_drain_time(self):
        _, peer = self.begin("--stay", terms={"beat": 10}, drain=0.05)
        peer.expect(device.BYE, (device.PING,))
        self.accept().resumed(1, 0)


class OverTls(WithServer):
    def test_a_server_whose_certificate_is_trusted(self):
        pem = str(HERE / "test_device.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.set_alpn_protocols(["ayt/1"])
        run = self.start("--count", "3", "--every", "0", "--tls", "--ca", pem)
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        with context.wrap_socket(sock, server_side=True) as secure:
            self.assertEqual(secure.selected_alpn_protocol(), "ayt/1")
            peer = Peer(secure, self.key)
            peer.register()
            self.assertEqual(list(peer.messages(3)), [1, 2, 3])
            for number in range(1, 6):
                peer.data(number, b"t" * 60000)
            peer.acked(5)
            peer.ack(3)
            peer.expect(device.BYE)        # in TLS it alone is the end
            peer.data(6, b"late")          # the other direction still stands
        self.assertEqual([len(run.line()) for _ in range(6)], [60000] * 5 + [4])
        self.assertEqual(run.exit(), 0)

    def test_a_certificate_that_nobody_vouches_for_is_not(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(HERE / "test_device.pem"))
        run = self.start("--tls")
        sock, _ = self.listener.accept()
        self.addCleanup(sock.close)
        with self.assertRaises((ssl.SSLError, OSError)):
            sock.settimeout(PATIENCE)
            with context.wrap_socket(sock, server_side=True) as secure:
                if not secure.recv(1):
                    raise OSError("closed")
        run.event("disconnected")
        self.assertIn("CERTIFICATE_VERIFY_FAILED", run.past[-1])


if __name__ == "__main__":
    unittest.main()
