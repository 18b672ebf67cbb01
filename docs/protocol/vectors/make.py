#!/usr/bin/env python3
"""Writes the test vectors of ayt/1 beside itself.

An implementation of docs/protocol.md of its own, with nothing but the standard
library, written from that page: what the library does is not looked at. Every frame
that is written here is read again here; the library's tests do the same with theirs.

    python3 make.py            writes the files
    python3 make.py --check    says whether they are what it would write
"""

import hashlib
import hmac
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).parent

TYPES = {
    "HELLO": 0x01, "CHALLENGE": 0x02, "PROOF": 0x03, "WELCOME": 0x04, "REFUSE": 0x05,
    "DATA": 0x10, "ACK": 0x11, "PING": 0x12, "PONG": 0x13, "BEAT": 0x14, "BYE": 0x15,
    "SILENCE": 0x20, "SPEAK": 0x21,
}
NAMES = {code: name for name, code in TYPES.items()}
MODES = ["register", "resume", "spare"]
METHODS = ["none", "hmac", "certificate"]
REASONS = [
    "done", "shutting_down", "superseded", "heartbeat_missed", "protocol_error",
    "not_authorised", "identity_in_use", "flapping", "overloaded", "too_late", "version",
    "kicked",
]
NEVER = 0xFFFFFFFF
MAX_PAYLOAD = (1024, 0xFFFFFF)
WINDOW = (4096, 1 << 30)
BEAT = (10, 3_600_000)
SILENCE = (10, 7_200_000)
ZERO = "00" * 16


def bits(name, count=16):
    """Made-up random bytes that are the same each time."""
    return hashlib.sha256(b"ayt/1 test vector: " + name.encode()).digest()[:count].hex()


# Writing ---------------------------------------------------------------------------


def frame(code, payload):
    return struct.pack(">I", code << 24 | len(payload)) + payload


def write(kind, fields):
    """A frame from its fields: bytes in hex, eight-byte numbers as decimal text."""
    f = fields
    raw = bytes.fromhex
    if kind == "HELLO":
        identity = raw(f["identity"])
        payload = b"ayt/1" + struct.pack(
            ">BB16sIIIIB", MODES.index(f["mode"]), f["one_way"], raw(f["nonce"]),
            f["client_beat_ms"], f["server_beat_ms"], f["max_payload"], f["window"],
            len(identity)) + identity
    elif kind == "CHALLENGE":
        payload = bytes([METHODS.index(f["method"])]) + raw(f["nonce"])
    elif kind == "PROOF":
        payload = b""
        if f["resume"]:
            r = f["resume"]
            payload += raw(r["session"]) + struct.pack(">Q", int(r["received"])) + raw(r["mac"])
        payload += raw(f["mac"] or "")
    elif kind == "WELCOME":
        payload = welcome_payload(f) + raw(f["mac"] or "")
    elif kind == "REFUSE":
        payload = struct.pack(">BI", REASONS.index(f["reason"]) + 1, f["retry"])
        payload += f["text"].encode()
    elif kind == "BYE":
        payload = struct.pack(">BIQ", REASONS.index(f["reason"]) + 1, f["retry"], int(f["last"]))
        payload += f["text"].encode()
    elif kind == "DATA":
        payload = struct.pack(">Q", int(f["seq"])) + raw(f["message"])
    elif kind == "ACK":
        payload = struct.pack(">Q", int(f["seq"]))
    elif kind in ("PING", "PONG"):
        payload = raw(f["value"])
    elif kind == "BEAT":
        payload = b""
    elif kind in ("SILENCE", "SPEAK"):
        payload = struct.pack(">I", f["ms"])
    else:
        return frame(f["type"], raw(f["payload"]))
    return frame(TYPES[kind], payload)


def welcome_payload(f):
    return struct.pack(
        ">BQ16s16sIIIBIIIQ", f["resumed"] | f["known"] << 1, int(f["epoch"]),
        bytes.fromhex(f["session"]), bytes.fromhex(f["secret"]), f["resume_ms"],
        f["client_beat_ms"], f["server_beat_ms"], f["misses"], f["challenge_ms"],
        f["max_payload"], f["window"], int(f["received"]))


# Reading ---------------------------------------------------------------------------


class Wrong(Exception):
    """What is wrong with a frame, in one word."""


def within(value, ends):
    if not ends[0] <= value <= ends[1]:
        raise Wrong("value")


def choice(code, names):
    if code >= len(names):
        raise Wrong("value")
    return names[code]


def flags(value, known):
    if value & ~known:
        raise Wrong("reserved")


def text(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong("text") from None


def reason(code):
    return REASONS[code - 1] if 1 <= code <= len(REASONS) else "protocol_error"


LENGTHS = {
    "CHALLENGE": [17], "PROOF": [0, 32, 56, 88], "WELCOME": [74, 106],
    "REFUSE": range(5, 206), "DATA": range(8, 1 << 24), "ACK": [8], "PING": [4],
    "PONG": [4], "BEAT": [0], "BYE": range(13, 214), "SILENCE": [4], "SPEAK": [4],
    "HELLO": range(5, 1 << 24),  # its version comes first
}


def read_payload(kind, p):
    if kind == "HELLO":
        if p[:5] != b"ayt/1":
            raise Wrong("version")
        if len(p) < 40:
            raise Wrong("length")
        mode, flag, nonce, cb, sb, most, window, n = struct.unpack(">BB16sIIIIB", p[5:40])
        mode = choice(mode, MODES)
        flags(flag, 1)
        within(n, (1, 128))
        if len(p) != 40 + n:
            raise Wrong("length")
        within(most, MAX_PAYLOAD)
        within(window, WINDOW)
        return {"mode": mode, "one_way": bool(flag), "nonce": nonce.hex(),
                "client_beat_ms": cb, "server_beat_ms": sb, "max_payload": most,
                "window": window, "identity": p[40:].hex()}
    if kind == "CHALLENGE":
        return {"method": choice(p[0], METHODS), "nonce": p[1:].hex()}
    if kind == "PROOF":
        resume = None
        if len(p) >= 56:
            resume = {"session": p[:16].hex(), "mac": p[24:56].hex(),
                      "received": str(struct.unpack(">Q", p[16:24])[0])}
            p = p[56:]
        return {"resume": resume, "mac": p.hex() or None}
    if kind == "WELCOME":
        (flag, epoch, session, secret, resume, cb, sb, misses, challenge, most, window,
         received) = struct.unpack(">BQ16s16sIIIBIIIQ", p[:74])
        flags(flag, 3)
        if flag == 3 or (flag == 0 and received != 0):
            raise Wrong("contradiction")
        for beat in (cb, sb):
            if beat:
                within(beat, BEAT)
        within(resume, (0, 86_400_000))
        within(misses, (1, 10))
        within(challenge, (100, 60_000))
        within(most, MAX_PAYLOAD)
        within(window, WINDOW)
        return {"resumed": bool(flag & 1), "known": bool(flag & 2), "epoch": str(epoch),
                "session": session.hex(), "secret": secret.hex(), "resume_ms": resume,
                "client_beat_ms": cb, "server_beat_ms": sb, "misses": misses,
                "challenge_ms": challenge, "max_payload": most, "window": window,
                "received": str(received), "mac": p[74:].hex() or None}
    if kind == "REFUSE":
        code, retry = struct.unpack(">BI", p[:5])
        return {"reason": reason(code), "retry": retry, "text": text(p[5:])}
    if kind == "BYE":
        code, retry, last = struct.unpack(">BIQ", p[:13])
        return {"reason": reason(code), "retry": retry, "last": str(last), "text": text(p[13:])}
    if kind == "DATA":
        return {"seq": str(struct.unpack(">Q", p[:8])[0]), "message": p[8:].hex()}
    if kind == "ACK":
        return {"seq": str(struct.unpack(">Q", p)[0])}
    if kind in ("PING", "PONG"):
        return {"value": p.hex()}
    if kind == "BEAT":
        return {}
    ms = struct.unpack(">I", p)[0]
    within(ms, SILENCE)
    return {"ms": ms}


def read(stream, limit):
    """Every frame of a stream, and the word for what ended it."""
    found = []
    try:
        while stream:
            code = stream[0]
            if code not in NAMES and code < 0x80:
                raise Wrong("unknown_type")
            if len(stream) < 4:
                raise Wrong("truncated")
            kind = NAMES.get(code, "EXTENSION")
            length = struct.unpack(">I", stream[:4])[0] & 0xFFFFFF
            if length > limit:
                raise Wrong("too_large")
            if kind in LENGTHS and length not in LENGTHS[kind]:
                raise Wrong("length")
            if len(stream) < 4 + length:
                raise Wrong("truncated")
            payload, stream = stream[4:4 + length], stream[4 + length:]
            if kind == "EXTENSION":
                found.append((kind, {"type": code, "payload": payload.hex()}))
            else:
                found.append((kind, read_payload(kind, payload)))
    except Wrong as wrong:
        return found, str(wrong)
    return found, None


# Macs ------------------------------------------------------------------------------


def mac(key, label, *parts):
    said = b"ayt/1 " + label + b"\0" + b"".join(parts)
    return hmac.new(bytes.fromhex(key), said, hashlib.sha256).digest()


# The vectors -----------------------------------------------------------------------

HELLO = {"mode": "register", "one_way": False, "nonce": bits("hello"),
         "client_beat_ms": 30_000, "server_beat_ms": 30_000, "max_payload": 65_544,
         "window": 1 << 20, "identity": b"meter 7".hex()}
WELCOME = {"resumed": False, "known": False, "epoch": "3", "session": bits("session"),
           "secret": bits("new secret"), "resume_ms": 300_000, "client_beat_ms": 30_000,
           "server_beat_ms": 30_000, "misses": 2, "challenge_ms": 5_000,
           "max_payload": 65_544, "window": 1 << 20, "received": "0", "mac": None}
LARGEST = str(2**64 - 1)


def frames():
    resume = {"session": bits("session"), "received": "41", "mac": bits("a mac", 32)}
    m = bits("another mac", 32)
    cases = [
        ("a small client", "HELLO", HELLO),
        ("a resume, one-way, all bounds at their ends", "HELLO",
         {**HELLO, "mode": "resume", "one_way": True, "client_beat_ms": 0,
          "server_beat_ms": NEVER, "max_payload": 1_024, "window": 4_096,
          "identity": "ff" * 128}),
        ("a spare, the other ends", "HELLO",
         {**HELLO, "mode": "spare", "client_beat_ms": 0, "server_beat_ms": 0,
          "max_payload": 0xFFFFFF, "window": 1 << 30, "identity": "00"}),
        *[(f"method {name}", "CHALLENGE", {"method": name, "nonce": bits(name)})
          for name in METHODS],
        ("nothing to prove", "PROOF", {"resume": None, "mac": None}),
        ("a key", "PROOF", {"resume": None, "mac": m}),
        ("a secret", "PROOF", {"resume": resume, "mac": None}),
        ("a key and a secret", "PROOF", {"resume": resume, "mac": m}),
        ("a new session", "WELCOME", WELCOME),
        ("a resumed session, with a mac", "WELCOME",
         {**WELCOME, "resumed": True, "received": "17", "epoch": LARGEST, "mac": m}),
        ("a new session instead of a known one", "WELCOME",
         {**WELCOME, "known": True, "received": LARGEST}),
        ("the smallest terms", "WELCOME",
         {**WELCOME, "resume_ms": 0, "client_beat_ms": 0, "server_beat_ms": 10,
          "misses": 1, "challenge_ms": 100, "max_payload": 1_024, "window": 4_096}),
        ("the largest terms", "WELCOME",
         {**WELCOME, "resume_ms": 86_400_000, "client_beat_ms": 3_600_000,
          "server_beat_ms": 3_600_000, "misses": 10, "challenge_ms": 60_000,
          "max_payload": 0xFFFFFF, "window": 1 << 30}),
        *[(f"reason {name}", "REFUSE", {"reason": name, "retry": 1_000 * n, "text": ""})
          for n, name in enumerate(REASONS)],
        ("do not come back", "REFUSE",
         {"reason": "not_authorised", "retry": NEVER, "text": "the proof is wrong"}),
        ("the longest text", "REFUSE",
         {"reason": "overloaded", "retry": NEVER - 1, "text": "é" * 100}),
        ("a message", "DATA", {"seq": "1", "message": b"21.5 C".hex()}),
        ("an empty message", "DATA", {"seq": LARGEST, "message": ""}),
        ("acknowledged", "ACK", {"seq": "72623859790382856"}),
        ("a question", "PING", {"value": "01020304"}),
        ("its answer", "PONG", {"value": "01020304"}),
        ("a heartbeat", "BEAT", {}),
        ("goodbye", "BYE", {"reason": "done", "retry": 0, "last": "20", "text": ""}),
        ("superseded", "BYE",
         {"reason": "superseded", "retry": NEVER, "last": LARGEST, "text": "by another"}),
        ("a minute", "SILENCE", {"ms": 60_000}),
        ("the shortest", "SILENCE", {"ms": 10}),
        ("the longest is over", "SPEAK", {"ms": 7_200_000}),
        ("the first extension, empty", "EXTENSION", {"type": 0x80, "payload": ""}),
        ("the last extension", "EXTENSION", {"type": 0xFF, "payload": "0123456789abcdef"}),
    ]
    out = []
    for name, kind, fields in cases:
        raw = write(kind, fields)
        assert read(raw, 65_544) == ([(kind, fields)], None), name
        out.append({"name": name, "type": kind, "fields": fields, "hex": raw.hex()})
    return out


def with_byte(raw, at, value):
    return raw[:at] + bytes([value]) + raw[at + 1:]


def malformed():
    hello = write("HELLO", HELLO)
    welcome = write("WELCOME", WELCOME)
    put = struct.pack
    cases = [
        ("HTTP", "unknown_type", b"GET / HTTP/1.1\r\n\r\n"),
        ("a type that does not exist yet", "unknown_type", frame(0x06, b"")),
        ("the last type below the extensions", "unknown_type", frame(0x7F, b"")),
        ("a payload that is never allocated", "too_large", bytes.fromhex("10ffffff")),
        ("one byte too many before WELCOME", "too_large", bytes.fromhex("80000401")),
        ("half a header", "truncated", hello[:3]),
        ("half a payload", "truncated", hello[:30]),
        ("another version", "version", frame(0x01, b"ayt/2 and what it brings")),
        ("the wrong case", "version", frame(0x01, b"AYT/1" + hello[9:])),
        ("a HELLO without a version", "length", frame(0x01, b"ayt/")),
        ("a HELLO that ends early", "length", frame(0x01, hello[4:40])),
        ("an identity longer than the frame", "length", with_byte(hello, 43, 8)),
        ("an identity shorter than the frame", "length", with_byte(hello, 43, 6)),
        ("no identity", "value", frame(0x01, with_byte(hello[4:44], 39, 0))),
        ("an identity of 129 bytes", "value",
         frame(0x01, with_byte(hello[4:44], 39, 129) + b"x" * 129)),
        ("mode 3", "value", with_byte(hello, 9, 3)),
        ("a reserved flag", "reserved", with_byte(hello, 10, 2)),
        ("max payload 1,023", "value", hello[:35] + put(">I", 1_023) + hello[39:]),
        ("max payload 16 MiB", "value", hello[:35] + put(">I", 1 << 24) + hello[39:]),
        ("window 4,095", "value", hello[:39] + put(">I", 4_095) + hello[43:]),
        ("window over 1 GiB", "value", hello[:39] + put(">I", (1 << 30) + 1) + hello[43:]),
        ("method 3", "value", frame(0x02, b"\3" + bytes(16))),
        ("a short nonce", "length", frame(0x02, bytes(16))),
        *[(f"a PROOF of {n} bytes", "length", frame(0x03, bytes(n)))
          for n in (1, 31, 33, 55, 57, 87, 89)],
        ("half a mac", "length", frame(0x04, welcome[4:] + bytes(16))),
        ("a WELCOME with a reserved flag", "reserved", with_byte(welcome, 4, 4)),
        ("resumed and known", "contradiction", with_byte(welcome, 4, 3)),
        ("received of no session", "contradiction", with_byte(welcome, 77, 1)),
        ("no misses", "value", with_byte(welcome, 57, 0)),
        ("eleven misses", "value", with_byte(welcome, 57, 11)),
        ("a beat of 9 ms", "value", welcome[:49] + put(">I", 9) + welcome[53:]),
        ("a beat of over an hour", "value", welcome[:53] + put(">I", 3_600_001) + welcome[57:]),
        ("a resume of over a day", "value", welcome[:45] + put(">I", 86_400_001) + welcome[49:]),
        ("a challenge of 99 ms", "value", welcome[:58] + put(">I", 99) + welcome[62:]),
        ("a REFUSE without a hint", "length", frame(0x05, b"\1")),
        ("a text of 201 bytes", "length", frame(0x05, b"\1\0\0\0\0" + b"x" * 201)),
        ("a text that is not UTF-8", "text", frame(0x05, b"\1\0\0\0\0ab\xff")),
        ("half a character", "text", frame(0x15, bytes(13) + "é".encode()[:1])),
        ("half of a surrogate pair", "text", frame(0x15, bytes(13) + b"\xed\xa0\x80")),
        ("a message without a number", "length", frame(0x10, bytes(7))),
        ("a long ACK", "length", frame(0x11, bytes(9))),
        ("a PING of 3 bytes", "length", frame(0x12, bytes(3))),
        ("a PONG of 5 bytes", "length", frame(0x13, bytes(5))),
        ("a BEAT with a payload", "length", frame(0x14, b"x")),
        ("a BYE without a number", "length", frame(0x15, bytes(12))),
        ("a silence of 9 ms", "value", frame(0x20, put(">I", 9))),
        ("a silence of over 2 h", "value", frame(0x21, put(">I", 7_200_001))),
    ]
    out = []
    for name, error, raw in cases:
        assert read(raw, 1_024) == ([], error), (name, read(raw, 1_024))
        answer = "version" if error == "version" else "protocol_error"
        out.append({"name": name, "hex": raw.hex(), "error": error, "reason": answer})
    return out


def streams():
    """Fine frames with one byte changed, and what is read of them."""
    out = []
    fine = [bytes.fromhex(vector["hex"]) for vector in frames()]
    # One of each type is enough, and the long ones say nothing more.
    fine = [raw for raw in fine if len(raw) <= 120]
    for number in range(400):
        draw = bytes.fromhex(bits(f"stream {number}", 32))
        first, second = fine[draw[0] % len(fine)], fine[draw[1] % len(fine)]
        raw = bytearray(first + second)
        at = struct.unpack(">I", draw[2:6])[0] % len(first)
        # Headers and first bytes decide most: every other change is there.
        if draw[6] % 2:
            at %= min(12, len(first))
        raw[at] = draw[7] if draw[6] % 4 else raw[at] ^ 1 << draw[7] % 8
        found, error = read(bytes(raw), 1_024)
        out.append({"hex": raw.hex(), "types": [kind for kind, _ in found], "error": error})
    return out


def handshake(name, mode="register", method="hmac", **o):
    """One registration, frame by frame, as both sides see it."""
    get = o.get
    key = get("key", bits("key", 32)) if method == "hmac" else None
    server_key = get("server_key", key)
    offered = get("offered", method)
    tag = get("tag", name)
    resume = None
    if mode == "resume":
        resume = {"session": bits("session"), "secret": get("secret", bits("old secret")),
                  "received": "41", "sent": "20"}
    known = get("server_session", {"secrets": [bits("old secret")]}
                if mode == "resume" else None)
    hello = {**HELLO, "mode": mode, "nonce": bits("client of " + tag)}
    challenge = {"method": offered, "nonce": bits("server of " + name)}
    case = {
        "name": name, "mode": mode, "method": method, "identity": HELLO["identity"],
        "client_key": key, "server_key": server_key, "resume": resume,
        "server_session": known, "client_nonce": hello["nonce"],
        "server_nonce": challenge["nonce"], "server_method": offered,
        "decision": None, "resume_mac": None, "client_mac": None, "server_mac": None,
        "frames": [],
    }

    def say(who, kind, fields):
        raw = write(kind, fields)
        assert read(raw, 1_024) == ([(kind, fields)], None)
        case["frames"].append({"from": who, "type": kind, "hex": raw.hex()})
        return raw

    def end(outcome, why=None, retry=None, sent_by="server"):
        case["outcome"] = outcome
        case["reason"] = why
        if why and sent_by == "server":
            say("server", "REFUSE", {"reason": why, "retry": retry, "text": "for a person"})
        if why and sent_by == "client":
            say("client", "BYE", {"reason": why, "retry": 0, "last": "0", "text": "for a person"})
        return case

    said = say("client", "HELLO", hello)
    if get("refuse_at_once"):
        case["decision"] = {"kind": "refuse_at_once", "reason": o["refuse_at_once"],
                            "retry": 5_000}
        return end("refused", o["refuse_at_once"], 5_000)
    said += say("server", "CHALLENGE", challenge)
    if offered != method:
        return end("client_gives_up", "not_authorised", sent_by="client")
    proof = {"resume": None, "mac": None}
    resume_mac = b""
    if resume:
        said += bytes.fromhex(resume["session"]) + struct.pack(">Q", int(resume["received"]))
        resume_mac = mac(resume["secret"], b"resume", said)
        case["resume_mac"] = resume_mac.hex()
        proof["resume"] = {"session": resume["session"], "received": resume["received"],
                           "mac": resume_mac.hex()}
    client_mac = b""
    if key:
        client_mac = mac(key, b"client", said, resume_mac)
        case["client_mac"] = client_mac.hex()
        proof["mac"] = client_mac.hex()
    proof = get("proof", proof)
    say("client", "PROOF", proof)
    if key and (not server_key or
                mac(server_key, b"client", said, resume_mac).hex() != proof["mac"]):
        return end("refused", "not_authorised", NEVER)
    if resume and known:
        macs = [mac(secret, b"resume", said) for secret in known["secrets"]]
        if resume_mac not in macs:
            return end("refused", "not_authorised", NEVER)
    if get("refuse"):
        case["decision"] = {"kind": "refuse", "reason": o["refuse"], "retry": 60_000}
        return end("refused", o["refuse"], 60_000)

    decision = get("decision", {"register": "new", "resume": "resumed", "spare": "spare"}[mode])
    welcome = {**WELCOME, **get("terms", {})}
    if decision == "resumed":
        welcome.update(resumed=True, session=resume["session"], received="17")
    elif decision == "known":
        welcome.update(known=True, received="19", session=bits("new session"))
    elif decision == "new":
        welcome.update(session=bits("new session"))
    else:
        welcome.update(epoch="0", session=ZERO, secret=ZERO, resume_ms=0, client_beat_ms=0,
                       server_beat_ms=0)
    welcome.update(get("change", {}))
    case["decision"] = {"kind": decision, "welcome": dict(welcome, mac=None)}
    if server_key:
        signed = mac(get("signed_with", server_key), b"server", said, resume_mac, client_mac,
                     welcome_payload(welcome))
        case["server_mac"] = signed.hex()
        welcome["mac"] = signed.hex()
    say("server", "WELCOME", welcome)
    if get("client_says"):
        return end("client_gives_up", o["client_says"], sent_by="client")
    return end({"new": "registered", "known": "registered"}.get(decision, decision))


def handshakes():
    other = bits("another key", 32)
    recorded = handshake("a recorded PROOF, and the connection it was recorded on")
    replay = read(bytes.fromhex(recorded["frames"][2]["hex"]), 1_024)[0][0][1]
    return [
        *[handshake(f"{mode} with method {method}", mode, method)
          for mode in MODES for method in METHODS],
        handshake("a key of 16 bytes", key=bits("short key")),
        handshake("a key of 64 bytes", key=bits("long", 32) + bits("longer", 32)),
        *[handshake(f"a session that expired, method {method}", "resume", method,
                    decision="known") for method in METHODS],
        handshake("a session that nobody remembers", "resume", server_session=None,
                  decision="new"),
        handshake("the secret before the last, whose WELCOME was lost", "resume",
                  server_session={"secrets": [bits("new secret"), bits("old secret")]}),
        handshake("a wrong key", server_key=other),
        handshake("an unknown identity", server_key=None),
        *[handshake(f"a wrong secret, method {method}", "resume", method,
                    secret=bits("no secret")) for method in METHODS],
        handshake("an expired session of which more came than was sent", "resume",
                  decision="known", change={"received": "21"}),
        recorded,
        handshake("that PROOF, replayed", proof=replay, tag=recorded["name"]),
        handshake("another connection of the identity stays", refuse="identity_in_use"),
        handshake("too many takeovers", refuse="flapping"),
        handshake("a server with too much to do", refuse_at_once="overloaded"),
        handshake("a downgrade to no proof", offered="none"),
        handshake("a downgrade to a certificate", offered="certificate"),
        handshake("a server with another key", signed_with=other, client_says="not_authorised"),
        handshake("a resumed session of another name", "resume",
                  change={"session": bits("another session")}, client_says="protocol_error"),
        handshake("a session of which more came than was sent", "resume",
                  change={"received": "21"}, client_says="protocol_error"),
        handshake("a spare with an epoch", "spare", change={"epoch": "1"},
                  client_says="protocol_error"),
    ]


def main():
    files = {"frames": frames(), "malformed": malformed(), "streams": streams(),
             "handshakes": handshakes()}
    stale = []
    for name, vectors in files.items():
        path = HERE / f"{name}.json"
        wanted = json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != wanted:
                stale.append(path.name)
        else:
            path.write_text(wanted, encoding="utf-8")
            print(f"{path.name}: {len(vectors)} vectors")
    if stale:
        sys.exit(f"not what make.py writes: {', '.join(stale)}; run it without --check")


if __name__ == "__main__":
    main()
