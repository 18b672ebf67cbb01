#!/usr/bin/env python3
"""A device that speaks `ayt/1`: a client in plain Python, written from docs/protocol.md.

    device.py --identity NAME [--server HOST:PORT] [--key-file FILE | --key HEX]
              [--state FILE] ...

With the server of the library's examples, in two terminals:

    cargo run -p ayt --example heartbeat_server
    python3 examples/device.py --identity meter-17 --key $(printf '17%.0s' $(seq 32))

Lines on stdin become messages; received messages are printed on stdout, one a line.
What happens is told on stderr, one plain line each: a word, then name=value. The end
of stdin ends the session once all is acknowledged (--stay: it does not). The words:

    registered resumed     WELCOME came                 waiting    before the next attempt
    disconnected           the connection is gone       goodbye    the server's BYE or REFUSE
    suspect dead           the server is silent         stopped    the server wants us gone
    arrived lost unsure    messages of a session that could not be resumed
    dropped                a line longer than the server takes       done    all is well

Exit codes: 0 done (also on SIGTERM and SIGINT), 2 usage, 3 stopped by the server.
Needs Python 3.9 and a POSIX system (it waits for stdin and the socket in one select).
It is one loop over one socket with a few deadlines, as it would be in firmware.
"""
import argparse
import collections
import hashlib
import hmac
import json
import os
import random
import select
import signal
import socket
import ssl
import struct
import sys
import time

# --- What the page names, by its numbers -------------------------------------------

HELLO, CHALLENGE, PROOF, WELCOME, REFUSE = range(0x01, 0x06)
DATA, ACK, PING, PONG, BEAT, BYE = range(0x10, 0x16)
REGISTER, RESUME = 0, 1
METHOD_NONE, METHOD_HMAC = 0, 1
REASONS = ("", "done", "shutting_down", "superseded", "heartbeat_missed", "protocol_error",
           "not_authorised", "identity_in_use", "flapping", "overloaded", "too_late",
           "version", "kicked")
(_, DONE, SHUTTING_DOWN, SUPERSEDED, HEARTBEAT_MISSED, PROTOCOL_ERROR, NOT_AUTHORISED,
 _, _, _, _, VERSION, KICKED) = range(13)
NEVER = 0xFFFFFFFF          # the hint "do not come back"

DEADLINE = 10.0             # s, for the registration
BEFORE_WELCOME = 1024       # bytes, the longest payload before WELCOME
MAX_PAYLOAD = 65544         # bytes, the longest payload that we take afterwards
WINDOW = 1 << 20            # bytes of cost that we take unacknowledged
REPLAY = 1 << 20            # bytes of cost that we keep for a resume
ACK_DELAY = 0.05            # s; the page allows 0.2
LEAST_BEAT = 1000           # ms, the shortest beats we go on with, or our wish if shorter
SPEAK_EARLIER = 0.9         # of the promised beat: our timer may be a little late

clock = time.monotonic
shuffle = random.SystemRandom().uniform    # a seed would be the same on many devices

# What a server sends us: the shortest and the longest payload of each type.
LENGTHS = {CHALLENGE: (17, 17), WELCOME: (74, 106), REFUSE: (5, 205), DATA: (8, None),
           ACK: (8, 8), PING: (4, 4), PONG: (4, 4), BEAT: (0, 0), BYE: (13, 213)}

Welcome = collections.namedtuple("Welcome", "flags epoch session secret resume client_beat "
                                 "server_beat misses challenge max_payload window received mac")


class GiveUp(Exception):
    """We end this connection: the reason for our BYE, and a text."""

    def __init__(self, text, reason=PROTOCOL_ERROR):
        super().__init__(text)
        self.reason = reason


class Unmendable(GiveUp):
    """The two sides do not fit each other any more: the session must be forgotten."""


class TooOften(OSError):
    """Beats that we cannot pay for. Said in a BYE, which would be a first frame after
    WELCOME, it would make the old secret worthless: the connection is just closed."""


class Goodbye(Exception):
    """The server ends it: BYE (then `last` tells its last message) or REFUSE."""

    def __init__(self, reason, retry, text, last=None):
        super().__init__(text)
        # A reason that we do not know counts as a protocol error.
        self.reason = reason if 1 <= reason <= KICKED else PROTOCOL_ERROR
        self.retry, self.text, self.last = retry, text, last


# --- Frames: bytes in, values out; no socket here ------------------------------------


def frame(kind, payload=b""):
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


def take_frame(buffer, limit):
    """Takes (type, payload) off the front of `buffer`, or None: it is not whole yet.

    Type and length are judged before a byte of the payload is waited for.
    """
    if len(buffer) < 4:
        return None
    kind, length = buffer[0], int.from_bytes(buffer[1:4], "big")
    if kind < 0x80 and kind not in LENGTHS:
        raise GiveUp(f"a frame of type {kind:#04x} has no place here")
    shortest, longest = LENGTHS.get(kind, (0, None))
    if length > limit or length < shortest or longest is not None and length > longest:
        raise GiveUp(f"a length of {length} in a frame of type {kind:#04x}")
    if len(buffer) < 4 + length:
        return None
    payload = bytes(buffer[4:4 + length])
    del buffer[:4 + length]
    return kind, payload


def hello_frame(mode, one_way, nonce, client_beat, server_beat, max_payload, window, identity):
    return frame(HELLO, struct.pack(">5sBB16sIIIIB", b"ayt/1", mode, one_way, nonce, client_beat,
                                    server_beat, max_payload, window, len(identity)) + identity)


def read_challenge(payload):
    method, nonce = struct.unpack(">B16s", payload)
    if method > 2:
        raise GiveUp(f"a method {method}")
    return method, nonce


def read_welcome(payload):
    if len(payload) not in (74, 106):
        raise GiveUp("half a mac in WELCOME")
    w = Welcome(*struct.unpack(">BQ16s16sIIIBIIIQ", payload[:74]), payload[74:])
    beats = all(b == 0 or 10 <= b <= 3_600_000 for b in (w.client_beat, w.server_beat))
    if (w.flags > 2 or not beats or not 1 <= w.misses <= 10 or w.resume > 86_400_000
            or not 100 <= w.challenge <= 60_000 or not 1024 <= w.max_payload <= 0xFFFFFF
            or not 4096 <= w.window <= 1 << 30 or w.received and not w.flags):
        raise GiveUp("a value in WELCOME out of its range")
    return w


def read_text(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise GiveUp("a text that is not UTF-8") from None


def read_refuse(payload):
    return Goodbye(*struct.unpack(">BI", payload[:5]), read_text(payload[5:]))


def read_bye(payload):
    reason, retry, last = struct.unpack(">BIQ", payload[:13])
    return Goodbye(reason, retry, read_text(payload[13:]), last)


def bye_frame(reason, last, text=""):
    # At most 200 bytes; a character that the cut goes through is left out.
    text = text.encode()[:200].decode("utf-8", "ignore").encode()
    return frame(BYE, struct.pack(">BIQ", reason, 0, last) + text)


def numbered(kind, number, message=b""):
    """DATA, and ACK without a message."""
    return frame(kind, number.to_bytes(8, "big") + message)


# --- Macs: T is the HELLO and CHALLENGE frames, and session and received in a resume --


def mac(key, label, *parts):
    return hmac.new(key, label + b"\0" + b"".join(parts), hashlib.sha256).digest()


def resume_mac(secret, t):
    return mac(secret, b"ayt/1 resume", t)


def client_mac(key, t, resume):
    return mac(key, b"ayt/1 client", t, resume)


def server_mac(key, t, resume, client, welcome):
    return mac(key, b"ayt/1 server", t, resume, client, welcome[:74])


# --- The session: what outlives a connection, and with --state a restart -------------


def cost(message):
    return len(message) + 32


class Session:
    NUMBERS = ("sent", "received", "max_payload", "window", "made")

    def __init__(self):
        self.made = 0             # how many of --count were made; goes on in a new session
        self.forget()

    def forget(self):
        self.name = self.secret = b""           # nothing to resume
        self.in_doubt = False                   # PROOF went out, and no answer came
        self.max_payload = self.window = 0      # what the server takes
        self.sent = self.received = 0           # numbers: last to be sent, last handed over
        self.gone = 0                           # last that has been on a connection
        self.unacked = collections.deque()      # the messages up to `sent`
        self.kept = 0                           # their cost

    @property
    def acked(self):
        return self.sent - len(self.unacked)

    def add(self, message):
        self.sent += 1
        self.unacked.append(message)
        self.kept += cost(message)

    def trim(self, number):
        """Forgets what is acknowledged, and nothing else."""
        while self.acked < number and self.unacked:
            self.kept -= cost(self.unacked.popleft())

    def to_json(self, identity):
        return {"identity": identity.hex(), "session": self.name.hex(), "secret": self.secret.hex(),
                **{name: getattr(self, name) for name in self.NUMBERS},
                "unacked": [m.hex() for m in self.unacked]}

    @classmethod
    def from_json(cls, stored, identity):
        if bytes.fromhex(stored["identity"]) != identity:
            raise ValueError("it belongs to another identity")
        session = cls()
        session.name, session.secret = (bytes.fromhex(stored[k]) for k in ("session", "secret"))
        for name in cls.NUMBERS:
            setattr(session, name, int(stored[name]))
        session.unacked.extend(bytes.fromhex(m) for m in stored["unacked"])
        session.kept = sum(map(cost, session.unacked))
        session.gone = session.sent             # they may have been
        return session


def write_atomically(path, text):
    """The old file or the new one, whenever the power goes; readable by its owner only."""
    new = path + ".new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    os.fsync(folder)              # the name, too, must be on the disk
    os.close(folder)


# --- Three decisions, each a function of what it is given ----------------------------


class Silence:
    """Judges the server's silence. Only bytes received are life."""

    def __init__(self, beat, misses, challenge, now):
        self.beat, self.patience, self.challenge = beat, beat * misses, challenge
        self.heard(now)

    def heard(self, now):
        self.since, self.asked = now, None

    def due(self):
        if not self.beat:
            return float("inf")   # the server has promised nothing
        return self.since + self.patience if self.asked is None else self.asked + self.challenge

    def judge(self, now):
        """To be asked after reading: None, "suspect" (ask with PING) or "dead"."""
        if now < self.due():
            return None
        if now - self.due() > self.beat:
            self.heard(now)       # it is we who slept: a new silence begins
            return None
        if self.asked is None:
            self.asked = now
            return "suspect"
        return "dead"


def wait_before(failures, hint, base, cap, uniform=shuffle):
    """Seconds before the next attempt: the hint, and a random part drawn *after* the cap.

    `failures`: attempts in a row that came to nothing; 0 after a session that stood.
    """
    return hint + uniform(0, min(cap, base * 2 ** min(failures, 32)))


def verdict(goodbye):
    """What a goodbye asks of us: to end, to stop, or to come back (after the hint)."""
    if goodbye.reason == DONE:
        return "end"
    if (goodbye.retry == NEVER or goodbye.reason in (SUPERSEDED, NOT_AUTHORISED, VERSION)
            or goodbye.reason == KICKED and goodbye.retry == 0):
        return "stop"
    return "back"


# --- Registration -----------------------------------------------------------------------


def register(link, setup, session, nonce):
    """The handshake, over anything with send() and receive(). Returns WELCOME."""
    mode = RESUME if session.name else REGISTER
    hello = hello_frame(mode, setup.one_way, nonce, setup.beat, setup.beat, MAX_PAYLOAD, WINDOW,
                        setup.identity)
    link.send(hello)
    challenge = link.receive(CHALLENGE)
    # One method only, the one we were set up for: in another the server proves nothing.
    if read_challenge(challenge)[0] != (METHOD_HMAC if setup.key else METHOD_NONE):
        raise GiveUp("the server asks for another method than ours", NOT_AUTHORISED)

    t, proof, resume, ours = hello + frame(CHALLENGE, challenge), b"", b"", b""
    if mode == RESUME:
        claim = session.name + session.received.to_bytes(8, "big")
        t += claim
        resume = resume_mac(session.secret, t)
        proof = claim + resume
    if setup.key:
        ours = client_mac(setup.key, t, resume)
    session.in_doubt = mode == RESUME
    link.send(frame(PROOF, proof + ours))

    payload = link.receive(WELCOME)
    welcome = read_welcome(payload)
    expected = server_mac(setup.key, t, resume, ours, payload) if setup.key else b""
    if not hmac.compare_digest(welcome.mac, expected):
        raise GiveUp("the server has not proved that it has the key", NOT_AUTHORISED)
    least = min(LEAST_BEAT, setup.beat or LEAST_BEAT)
    if any(0 < beat < least for beat in (welcome.client_beat, welcome.server_beat)):
        raise TooOften(f"the server wants a beat below {least} ms")
    resumed = welcome.flags & 1
    if welcome.flags and mode != RESUME or resumed and welcome.session != session.name:
        raise GiveUp("WELCOME speaks of a session that was not asked for")
    if resumed and not session.acked <= welcome.received <= session.gone:
        raise Unmendable(f"the server has received {welcome.received} messages, "
                         f"we know of {session.acked} to {session.gone}")
    if resumed and (welcome.max_payload < session.max_payload or welcome.window < session.window):
        raise Unmendable("the server takes less than before: what we keep might not fit")
    return welcome


# --- A connection: frames over a socket ------------------------------------------------


class Link:
    def __init__(self, setup):
        self.until = clock() + DEADLINE
        self.sock = socket.create_connection(setup.server, DEADLINE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if setup.tls:
            context = ssl.create_default_context(cafile=setup.ca)
            context.set_alpn_protocols(["ayt/1"])
            self.sock = context.wrap_socket(self.sock, server_hostname=setup.server[0])
        self.bytes_in, self.bytes_out = bytearray(), bytearray()
        self.limit = BEFORE_WELCOME
        self.said_bye = self.closed = self.ended = False

    def send(self, data):
        """Queues a frame. After our BYE nothing more is sent."""
        if not self.said_bye:
            self.said_bye = data[0] == BYE
            self.bytes_out += data

    def receive(self, wanted):
        """Before WELCOME: writes, waits for one frame, gives its payload."""
        self.sock.settimeout(max(self.until - clock(), 0.001))
        self.sock.sendall(self.bytes_out)
        self.bytes_out.clear()
        while (got := self.next_frame()) is None:
            self.sock.settimeout(max(self.until - clock(), 0.001))
            data = self.sock.recv(65536)
            if not data:
                raise OSError("the server closed the connection")
            self.bytes_in += data
        if got[0] == REFUSE:
            raise read_refuse(got[1])
        if got[0] != wanted:
            raise GiveUp(f"a frame of type {got[0]:#04x} before WELCOME")
        return got[1]

    def next_frame(self):
        return take_frame(self.bytes_in, self.limit)

    def read(self):
        """After WELCOME: what has come. Says whether there was a byte."""
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            data = b""
        self.ended = not data
        self.bytes_in += data
        return bool(data)

    def write(self):
        """What can go now. Says whether a byte went. An error here is not the end yet:
        what the server said before is still to be read, and the read tells the end."""
        try:
            count = self.sock.send(self.bytes_out[:65536]) if self.bytes_out else 0
            del self.bytes_out[:count]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            self.bytes_out.clear()
            return False
        if self.said_bye and not self.bytes_out and not self.closed:
            self.close_our_direction()
        return count > 0

    def go_on(self, limit):
        """Registered: from here on nothing blocks."""
        self.limit = limit
        self.sock.setblocking(False)

    def last_word(self, fault):
        """Before WELCOME: why we go. Nobody needs to hear it."""
        try:
            self.sock.sendall(bye_frame(fault.reason, 0, str(fault)))
        except OSError:
            pass

    def close_our_direction(self):
        self.closed = True
        if not isinstance(self.sock, ssl.SSLSocket):    # Python's TLS cannot close one only;
            try:                                        # there BYE is the end by itself
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def waiting(self):
        """Bytes that TLS holds already: select does not see them."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0


# --- The conversation ---------------------------------------------------------------------


class Talk:
    """One registered connection, from WELCOME to its end."""

    def __init__(self, device, link, welcome, now):
        self.device, self.link, self.session = device, link, device.session
        self.silence = Silence(welcome.server_beat / 1000, welcome.misses,
                               welcome.challenge / 1000, now)
        self.beat = welcome.client_beat / 1000 * SPEAK_EARLIER or float("inf")
        self.room, self.longest = min(REPLAY, welcome.window), welcome.max_payload - 8
        self.spoke = now
        self.written = self.session.acked                    # sent on this connection
        self.held = sum(map(cost, device.inbox))             # came, and not acknowledged
        self.handed, self.ack_due = 0, float("inf")          # of that: handed over already
        self.goodbye, self.drain = None, float("inf")

    def run(self):
        """Reads before it judges, and stores before it writes."""
        while True:
            now = clock()
            self.hear(now)
            self.speak(now)
            self.device.store()
            if self.link.write():
                self.spoke = now
            if self.over(now):
                return self.goodbye
            if self.device.wait(self) and self.link.read():
                self.silence.heard(clock())

    def hear(self, now):
        try:
            while not self.goodbye and (got := self.link.next_frame()):
                self.on_frame(*got, now)
        except GiveUp as fault:
            event("fault", text=fault)
            self.close(fault.reason, str(fault))
            self.goodbye = Goodbye(PROTOCOL_ERROR, 0, "")
        if self.goodbye:
            self.link.bytes_in.clear()      # after a goodbye or a fault nothing is believed

    def on_frame(self, kind, payload, now):
        if kind == DATA:
            self.take(int.from_bytes(payload[:8], "big"), payload[8:])
        elif kind == ACK:
            self.acknowledged(int.from_bytes(payload, "big"))
        elif kind == PING:
            # A server that asks and does not read gets no endless queue of answers.
            if not self.device.setup.one_way and len(self.link.bytes_out) < MAX_PAYLOAD:
                self.link.send(frame(PONG, payload))
        elif kind == BYE:
            self.goodbye = read_bye(payload)
            self.drain = min(self.drain, now + self.device.setup.drain)
        elif kind in (CHALLENGE, WELCOME, REFUSE):
            raise GiveUp("a frame of the registration after WELCOME")
        # PONG and BEAT were life already, as bytes. Extensions are skipped.

    def take(self, number, message):
        device = self.device
        if number <= device.taken:
            return                          # a repetition after a resume
        if number != device.taken + 1:
            raise GiveUp(f"message {number} follows message {device.taken}")
        self.held += cost(message)
        if self.held > WINDOW and self.held != cost(message):
            raise GiveUp("the server exceeds our window")
        device.taken = number
        device.inbox.append(message)

    def acknowledged(self, number):
        if number > self.session.gone:
            raise GiveUp(f"an acknowledgement of message {number}, sent are {self.session.gone}")
        self.written = max(self.written, number)
        self.session.trim(number)
        self.device.dirty = True

    def handed_over(self, message, now):
        """The program has it. That is acknowledged a little later, with what follows."""
        self.handed += cost(message)
        self.ack_due = min(self.ack_due, now + ACK_DELAY)

    def acknowledge(self):
        if self.handed:
            self.link.send(numbered(ACK, self.session.received))
            self.held -= self.handed
            self.handed, self.ack_due = 0, float("inf")

    def leaving(self):
        """One of the two has said goodbye: nothing new is begun."""
        return self.goodbye is not None or self.link.said_bye

    def speak(self, now):
        """What we say by ourselves."""
        if self.handed >= WINDOW // 4 or now >= self.ack_due:
            self.acknowledge()
        if self.leaving():
            return
        state = self.silence.judge(now)
        if state:
            event(state, silent=f"{now - self.silence.since:.3f}")
        if state == "dead":
            self.close(HEARTBEAT_MISSED)
            return
        if state == "suspect":
            self.link.send(frame(PING, os.urandom(4)))
        self.device.take_input(self, now)
        self.transmit()
        if self.device.leaving:
            self.close(SHUTTING_DOWN if self.device.setup.state else DONE)
        elif self.device.input_ended() and not self.session.unacked:
            self.close(DONE)
        elif now >= self.spoke + self.beat and not self.link.bytes_out:
            self.link.send(frame(BEAT))

    def room_for(self, message):
        """Back-pressure: no more is taken from the program than may be kept."""
        kept = self.session.kept
        return kept == 0 or kept + cost(message) <= self.room

    def transmit(self):
        """New messages and, after a resume, the old ones again: it is the same thing."""
        session = self.session
        while self.written < session.sent and len(self.link.bytes_out) < MAX_PAYLOAD:
            message = session.unacked[self.written - session.acked]
            self.written += 1
            session.gone = max(session.gone, self.written)
            self.link.send(numbered(DATA, self.written, message))

    def close(self, reason, text=""):
        """Our goodbye. What is on its way to us is still read, for the drain time."""
        self.acknowledge()
        self.link.send(bye_frame(reason, self.session.gone, text))
        self.drain = clock() + self.device.setup.drain

    def due(self):
        """When something is to be done although nothing comes."""
        if self.leaving():
            return min(self.drain, self.ack_due)
        beat = float("inf") if self.link.bytes_out else self.spoke + self.beat
        return min(self.ack_due, self.silence.due(), beat, self.device.input_due(self))

    def over(self, now):
        if not self.link.ended or now >= self.drain:
            return now >= self.drain
        # After a goodbye the program still gets what came, and the server its ACK.
        return not self.goodbye or not (self.device.inbox or self.handed or self.link.bytes_out)


# --- The device: the program's side, and connection after connection -----------------------


def shown(data):
    """Bytes and texts of others as one line: control characters are escaped."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def event(word, **fields):
    parts = [word] + [f"{name}={shown(value)}" for name, value in fields.items()]
    print(" ".join(parts), file=sys.stderr, flush=True)


class Device:
    def __init__(self, setup, session):
        self.setup, self.session = setup, session
        self.dirty = False                      # the session is not stored as it is
        self.taken = session.received           # number of the last message that came
        self.inbox = collections.deque()        # came, and not handed over yet
        self.printing = b""                     # what is left of the line being printed
        self.typed, self.skipping = bytearray(), False
        self.eof = setup.count is not None      # then stdin is not read
        self.next_made = clock()
        self.leaving = False

    def catch_signals(self):
        """A signal sets a flag, and a byte on a socket ends the select."""
        self.woken, self.waker = socket.socketpair()
        self.waker.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "leaving", True))

    def run(self):
        """Connects until it is done, or told to stop. Returns the exit code."""
        failures = 0
        while not self.leaving:
            begun, goodbye = clock(), self.attend()
            asks = verdict(goodbye) if goodbye else "back"
            if asks == "stop":
                event("stopped", reason=REASONS[goodbye.reason])
                return 3
            if asks == "end":
                event("done")
                return 0
            if self.leaving:
                break
            if clock() - begun >= self.setup.cap:
                failures = 0
            hint = goodbye.retry / 1000 if goodbye else 0.0
            pause = wait_before(failures, hint, self.setup.base, self.setup.cap)
            event("waiting", seconds=f"{pause:.3f}", hint=f"{hint:.3f}", failures=failures)
            self.pause(pause)
            failures += 1
        if not self.setup.state:
            self.forget()              # told what nobody will send again
        event("done")
        return 0

    def attend(self):
        """One connection. Returns the goodbye that ended it; None: it was lost."""
        link = goodbye = None
        try:
            link = Link(self.setup)
            welcome = register(link, self.setup, self.session, os.urandom(16))
            self.registered(welcome)
            link.go_on(MAX_PAYLOAD)
            talk = Talk(self, link, welcome, clock())
            goodbye = talk.run()
            if link.closed and self.input_ended() and not self.session.unacked:
                goodbye = Goodbye(DONE, 0, "ours", self.taken)    # our own, and it went
            event("disconnected")
        except OSError as error:
            event("disconnected", text=error)
        except GiveUp as fault:
            event("disconnected", text=fault)
            link.last_word(fault)
            if isinstance(fault, Unmendable):
                self.forget()
        except Goodbye as refusal:
            goodbye = refusal
            self.session.in_doubt = False       # refused: nothing has changed there
        if link:
            link.sock.close()
        if goodbye:
            self.parted(goodbye)
        self.store()
        return goodbye

    def registered(self, welcome):
        session, resumed = self.session, welcome.flags & 1
        session.in_doubt = False
        if resumed:
            session.trim(welcome.received)
        else:
            self.forget(welcome.received if welcome.flags & 2 else None)
        # The old secret is good until our next frame: store() comes before that.
        session.name, session.secret, self.dirty = welcome.session, welcome.secret, True
        session.max_payload, session.window = welcome.max_payload, welcome.window
        event("resumed" if resumed else "registered", session=session.name.hex(),
              epoch=welcome.epoch, again=len(session.unacked), received=session.received)

    def parted(self, goodbye):
        event("goodbye", reason=REASONS[goodbye.reason], retry=goodbye.retry, text=goodbye.text)
        if goodbye.reason not in (DONE, SUPERSEDED, KICKED):
            return
        while self.inbox:              # the session has ended: there is no other time
            self.print_some()
        if (goodbye.last or 0) > self.taken:
            event("lost", sender="server", messages=f"{self.taken + 1}-{goodbye.last}")
        self.forget()

    def forget(self, arrived=None):
        """The session is gone. `arrived`: up to where the server's program has our messages."""
        session = self.session
        word = "unsure" if arrived is None else "arrived"
        # What was on a connection may have arrived; what never was has not.
        until = session.gone if arrived is None else min(max(arrived, session.acked), session.gone)
        if session.acked < until:
            event(word, sender="device", messages=f"{session.acked + 1}-{until}")
        if until < session.sent:
            event("lost", sender="device", messages=f"{until + 1}-{session.sent}")
        # PROOF has said that these were not handed over: now they must not be.
        self.inbox.clear()
        self.taken, self.dirty = 0, True
        session.forget()

    def store(self):
        """Nothing leaves the device before it is stored: called before every write."""
        if self.setup.state and self.dirty:
            stored = self.session.to_json(self.setup.identity)
            write_atomically(self.setup.state, json.dumps(stored))
        self.dirty = False

    def input_ended(self):
        if self.setup.count is not None:
            return self.session.made >= self.setup.count
        return self.eof and not self.typed and not self.setup.stay

    def input_due(self, talk):
        """When the next message is made. (One that waits for room, waits for an ACK.)"""
        making = self.setup.count is not None and not self.input_ended()
        fits = making and talk.room_for(str(self.session.made + 1).encode())
        return self.next_made if fits else float("inf")

    def take_input(self, talk, now):
        """Turns the program's lines into messages, as long as there is room."""
        session = self.session
        while self.setup.count is not None and not self.input_ended() and now >= self.next_made:
            message = str(session.made + 1).encode()
            if not talk.room_for(message):
                return
            session.add(message)
            session.made, self.dirty = session.made + 1, True
            self.next_made = now + self.setup.every
        while (end := self.end_of_line(talk.longest)) is not None:
            line = bytes(self.typed[:end])
            if self.skipping or len(line) > talk.longest:
                event("dropped", longest=talk.longest)
                self.skipping = False
            elif talk.room_for(line):
                session.add(line)
                self.dirty = True
            else:
                return
            del self.typed[:end + 1]

    def end_of_line(self, longest):
        end = self.typed.find(b"\n")
        if end >= 0:
            return end
        if self.eof:                   # a last line without its end
            return len(self.typed) if self.typed or self.skipping else None
        if len(self.typed) > longest:  # too long already: never more memory than that
            self.skipping = True
            self.typed.clear()
        return None

    def print_some(self):
        """Writes what stdout takes. With its last byte a message is handed over."""
        if not self.printing:
            self.printing = shown(self.inbox[0]).encode() + b"\n"
        try:
            self.printing = self.printing[os.write(1, self.printing[:select.PIPE_BUF]):]
        except BrokenPipeError:        # nobody reads any more
            self.leaving = True
            self.inbox.clear()
            return None
        if self.printing:
            return None
        self.session.received += 1
        self.dirty = True
        return self.inbox.popleft()

    def wait(self, talk):
        """Waits for the program, the server or a deadline. Says whether to read the socket."""
        link, sock = talk.link, talk.link.sock
        reads = [self.woken] + ([] if link.ended else [sock])
        if not self.eof and not talk.leaving() and b"\n" not in self.typed:
            reads.append(0)            # a line that waits for room is not followed by others
        writes = ([sock] if link.bytes_out else []) + ([1] if self.inbox else [])
        patience = 0 if link.waiting() else max(0, min(talk.due() - clock(), 3600))
        reads, writes, _ = select.select(reads, writes, [], patience)
        if self.woken in reads:
            self.woken.recv(64)
        if 0 in reads:
            data = os.read(0, 65536)
            self.eof = not data
            self.typed += data
        if 1 in writes and (message := self.print_some()) is not None:
            talk.handed_over(message, clock())
        return sock in reads or link.waiting()

    def pause(self, seconds):
        """Waits to reconnect. The program may go on taking what came; a line half printed
        is finished, since PROOF says what was handed over. In doubt nothing more is: the
        server may have told its program that it did not arrive."""
        until = clock() + seconds
        while not self.leaving and ((left := until - clock()) > 0 or self.printing):
            patience = left if left > 0 else None
            prints = [1] if self.inbox and not self.session.in_doubt else []
            _, writes, _ = select.select([self.woken], prints, [], patience)
            if 1 in writes:
                self.print_some()


# --- The command line -------------------------------------------------------------------------


def host_and_port(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def seconds(text):
    value = float(text)
    if not 0 <= value <= 3600:
        raise ValueError(text)
    return value


def arguments(words=None):
    parser = argparse.ArgumentParser(description="a device that speaks ayt/1")
    add = parser.add_argument
    add("--server", default="127.0.0.1:7117", type=host_and_port, metavar="HOST:PORT",
        help="[127.0.0.1:7117]")
    add("--identity", required=True, type=os.fsencode, metavar="NAME", help="1 to 128 bytes")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key-file", metavar="FILE",
                      help="the key in hex, 16 to 64 bytes; without a key: no proof")
    keys.add_argument("--key", metavar="HEX", help="the key itself; other users of this machine can see it")
    add("--one-way", action="store_true", help="never answer PING")
    add("--state", metavar="FILE", help="keep the session here over a restart")
    add("--beat", type=seconds, default=30.0, metavar="S",
        help="longest silence wished for, both ways; 0: none promised, any accepted [30]")
    add("--count", type=int, metavar="N", help="send N numbered messages, read no stdin")
    add("--every", type=seconds, default=1.0, metavar="S", help="one of them each S seconds [1]")
    add("--stay", action="store_true", help="the end of stdin is not the end")
    add("--tls", action="store_true", help="TLS; the server's certificate is checked")
    add("--ca", metavar="FILE", help="certificates to trust, PEM [the system's]")
    add("--base", type=seconds, default=0.5, metavar="S", help="of the reconnect wait [0.5]")
    add("--cap", type=seconds, default=60.0, metavar="S", help="of the reconnect wait [60]")
    add("--drain", type=seconds, default=5.0, metavar="S", help="read on after a goodbye [5]")
    setup = parser.parse_args(words)
    if not 1 <= len(setup.identity) <= 128:
        parser.error("--identity: 1 to 128 bytes")
    setup.beat = round(setup.beat * 1000)
    try:
        setup.key = read_key(setup.key, setup.key_file)
        session = read_state(setup.state, setup.identity)
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{setup.key_file or ''} {setup.state or ''}: {error}")
    return setup, session


def read_key(text, path):
    if path is not None:
        with open(path, encoding="ascii") as file:
            text = file.read()
    if text is None:
        return b""
    key = bytes.fromhex(text)
    if not 16 <= len(key) <= 64:
        raise ValueError("a key has 16 to 64 bytes, in hex 32 to 128 digits")
    return key


def read_state(path, identity):
    if path is None or not os.path.exists(path):
        return Session()
    with open(path, encoding="ascii") as file:
        return Session.from_json(json.load(file), identity)


def main():
    setup, session = arguments()
    device = Device(setup, session)
    device.catch_signals()
    code = device.run()
    if code == 0 and not session.name and setup.state and os.path.exists(setup.state):
        os.remove(setup.state)    # a session that ended well leaves nothing behind
    return code


if __name__ == "__main__":
    sys.exit(main())
