"""Writes messages that zlib compressed, as permessage-deflate carries them (RFC 7692, section 7.2.1), in every way that
it has of writing blocks. `python tests/vectors/generate_deflate.py` needs Python alone; README.md beside this file says
who reads the vectors. Other versions of zlib may compress otherwise: read the diff.
"""

import json
import pathlib
import random
import zlib

HERE = pathlib.Path(__file__).parent
TAIL = b"\x00\x00\xff\xff"

random.seed(7692)
MESSAGES = {
    "empty": b"",
    "hello": b"Hello",
    "json": json.dumps({"op": "group_send", "group": "g", "message": {"type": "chat", "text": "gg"}}).encode(),
    "repeats": b"abcdefgh" * 64,
    "letters": "κόσμε ".encode() * 40,
    "noise": random.randbytes(300),
}
WAYS = {
    "stored": (0, 15, zlib.Z_DEFAULT_STRATEGY),
    "fast": (1, 15, zlib.Z_DEFAULT_STRATEGY),
    "best": (9, 15, zlib.Z_DEFAULT_STRATEGY),
    "small window": (9, 9, zlib.Z_DEFAULT_STRATEGY),
    "fixed codes": (6, 15, zlib.Z_FIXED),
    "codes alone": (6, 15, zlib.Z_HUFFMAN_ONLY),
}


def deflated(message, level, bits, strategy):
    compressor = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy)
    half = len(message) // 2
    parts = [compressor.compress(message[:half]), compressor.flush(zlib.Z_FULL_FLUSH) if half else b""]
    parts += [compressor.compress(message[half:]), compressor.flush(zlib.Z_SYNC_FLUSH)]
    whole = b"".join(parts)
    assert whole.endswith(TAIL)
    return whole[: -len(TAIL)]


vectors = [
    {"name": f"{name}, {way}", "message": message.hex(), "deflated": deflated(message, *settings).hex()}
    for name, message in MESSAGES.items()
    for way, settings in WAYS.items()
]
(HERE / "deflate.json").write_text(json.dumps(vectors, indent=1) + "\n")
