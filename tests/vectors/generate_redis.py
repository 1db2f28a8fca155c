"""Writes the golden vectors of the Redis layers, with channels_redis itself: its layers send to connections that only
take down what would go to the server. Time and random bytes are fixed, so the file comes out the same every time.

Run `pip install channels==4.3.2 channels_redis==4.3.0 redis==6.4.0 msgpack==1.2.4 cryptography && python
tests/vectors/generate_redis.py`, and read the diff: a vector that changes is a change of what Django reads and writes.
README.md beside this file says who reads the vectors.
"""

import asyncio
import json
import pathlib
import random
import struct

import msgpack
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import _consistent_hash
from cryptography.fernet import InvalidToken

HERE = pathlib.Path(__file__).parent
TIME = 1_700_000_000
IV = bytes(range(16))
OLD, NEW = "old-key", "new-key-åß"

PROCESS = "specific.0123456789abcdef0123456789abcdef!"
ONE, TWO = PROCESS + "a" * 32, PROCESS + "b" * 32
LONGEST = "p" * 33 + "." + "0" * 32 + "!" + "f" * 32


class Server:
    """Takes down the messages that a layer writes, and answers as an empty Redis that has some group members."""

    def __init__(self, members=()):
        self.members = members
        self.written = []

    async def zremrangebyscore(self, key, min, max):
        return 0

    async def zcount(self, key, min, max):
        return 0

    async def zadd(self, key, mapping):
        self.written += [(key, message) for message in mapping]

    async def expire(self, key, seconds):
        return 1

    async def zrange(self, key, start, stop):
        self.group_key = key
        return [member.encode() for member in self.members]

    def pipeline(self):
        return Pipeline()

    async def eval(self, script, count, *args):
        self.written += zip(args[:count], args[count : 2 * count])
        return 0

    async def publish(self, topic, message):
        self.written.append((topic, message))


class Pipeline:
    def zremrangebyscore(self, key, min, max):
        pass

    async def execute(self):
        pass


def build(kind, **config):
    layer = kind(hosts=["redis://localhost:1"], **config)
    crypter = layer._serializer.crypter
    if crypter:
        crypter.encrypt = lambda body: crypter._fernets[0]._encrypt_from_parts(body, TIME, IV)
    random.seed(1)
    return layer


def core(verb, name, message, members=(), **config):
    layer, server = build(RedisChannelLayer, **config), Server(members)
    layer.connection = lambda index: server
    asyncio.run(getattr(layer, verb)(name, dict(message)))
    return server.written


def pubsub(verb, name, message, **config):
    layer, server = build(RedisPubSubChannelLayer, **config), Server()

    async def run():
        layer._get_layer()._shards = [server]
        await getattr(layer, verb)(name, dict(message))
        layer._layers.clear()

    asyncio.run(run())
    return server.written


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


PLAIN = {
    "empty": {},
    "chat message": {"type": "chat.message", "text": "héllo ☃", "n": 1},
    "text that JSON escapes": {"text": "quote \" backslash \\ slash / newline \n tab \t return \r feed \f back \b bell \a nul \0 del \x7f 𝄞"},
    "integers": {"n": [0, 127, 128, 255, 256, 65535, 65536, 2**32, 2**63 - 1, 2**64 - 1, -1, -32, -33, -129, -(2**31) - 1, -(2**63)]},
    "floats": {"n": [0.0, -0.0, 0.1, 1.0, -1.25, 1e15, 123456789012345.6, 1e16, 1.5e16, 1e22, 1e-4, 1e-5, 1.5e-7, 5e-324, 1.7976931348623157e308]},
    "nothing, true, false, nested": {"a": None, "b": True, "c": {"d": [False, [], {}]}},
    "fourteen entries": {f"k{i}": i for i in range(14)},
    "fifteen entries": {f"k{i}": i for i in range(15)},
    "sixteen entries": {f"k{i}": i for i in range(16)},
    "deepest": nested(99),
}
BINARY = {"bytes": {"type": "a", "data": [b"", b"\xff\x00", bytes(300)]}}
CHAT = PLAIN["chat message"]

messages = []


def sent(name, written, message, to=None, **config):
    """What the layer wrote for a message, which is given in MessagePack, as Rust has it."""
    for key, value in written:
        messages.append({"name": name, "key": key, "message": msgpack.packb(message).hex(), "to": to, "value": value.hex(), **config})


for format in ["msgpack", "json"]:
    contents = {**PLAIN, **BINARY} if format == "msgpack" else PLAIN
    for name, message in contents.items():
        config = {"serializer_format": format}
        sent(f"{name}, pubsub", pubsub("send", "jobs", message, **config), message, layout="pubsub", **config)
        sent(f"{name}, general", core("send", "orders", message, **config), message, layout="core", **config)
        sent(f"{name}, direct", core("send", ONE, message, **config), message, ONE, layout="core", **config)
    sent("longest name", core("send", LONGEST, CHAT, **config), CHAT, LONGEST, layout="core", **config)
    for count in [1, 2, 15, 16]:
        members = [f"{PROCESS}{i:032x}" for i in range(count)]
        written = core("group_send", "chat.lobby", CHAT, members, **config)
        sent(f"group of {count}", written, CHAT, members, layout="core", **config)
    sent("group of a general channel", core("group_send", "chat.lobby", CHAT, ["orders"], **config), CHAT, ["orders"], layout="core", **config)
    forged = {"__asgi_channel__": "forged", **CHAT}
    written = core("group_send", "chat.lobby", forged, [ONE, TWO], **config)
    messages += [{"name": "group, with the layer's key in front", "key": key, "message": msgpack.packb(CHAT).hex(), "to": [ONE, TWO], "value": value.hex(), "layout": "core", "reordered": True, **config} for key, value in written]
    sent("group, pubsub", pubsub("group_send", "chat.lobby", CHAT, **config), CHAT, layout="pubsub", **config)
    for keys in [[OLD], [NEW, OLD]]:
        config["symmetric_encryption_keys"] = keys
        sent(f"{len(keys)} keys, direct", core("send", ONE, CHAT, **config), CHAT, ONE, layout="core", **config)
        sent(f"{len(keys)} keys, pubsub", pubsub("send", "jobs", CHAT, **config), CHAT, layout="pubsub", **config)
for length in [0, 1, 5, 40]:
    sent(f"prefix of {length}", core("send", ONE, CHAT, random_prefix_length=length), CHAT, ONE, layout="core", random_prefix_length=length)


def foreign(name, body, **more):
    """A body that channels_redis reads, although it does not write it."""
    layer = build(RedisChannelLayer, random_prefix_length=0, **more)
    return {"name": name, "value": body.hex(), "message": msgpack.packb(layer.deserialize(body)).hex(), **more}


MAP16 = b"\xde\x00\x01\xa1n"
foreign_bodies = [
    foreign("wide map header", MAP16 + b"\x01"),
    foreign("wider map header", b"\xdf\x00\x00\x00\x01\xa1n\x01"),
    foreign("wide integer", MAP16 + b"\xcf" + bytes(7) + b"\x05"),
    foreign("float 32", MAP16 + b"\xca" + struct.pack(">f", 0.5)),
    foreign("wide text", MAP16 + b"\xdb\x00\x00\x00\x02hi"),
    foreign("duplicate keys", b"\x82\xa1n\x01\xa1n\x02"),
    foreign("white space", b' \r\n{"n"\t: [ 1 , 2 ]}\n', serializer_format="json"),
    foreign("byte order mark", b'\xef\xbb\xbf{"n": 1}', serializer_format="json"),
    foreign("raw UTF-8", '{"n": "é☃𝄞"}'.encode(), serializer_format="json"),
    foreign("duplicate keys", b'{"n": 1, "n": 2}', serializer_format="json"),
    foreign("constants in text", b'{"n": "NaN \\" Infinity \\\\"}', serializer_format="json"),
]


def verdict(keys, ttl, age):
    """Whether channels_redis takes a token of that age."""
    layer = build(RedisChannelLayer, symmetric_encryption_keys=keys, expiry=ttl - 10)
    token = layer._serializer.crypter.encrypt(b"\x80")
    try:
        layer._serializer.crypter.decrypt_at_time(token, ttl, TIME + age)
        return True
    except InvalidToken:
        return False


def fernet_key(key):
    return build(RedisChannelLayer, symmetric_encryption_keys=[key])._serializer.make_fernet(key)


ages = [{"expiry": 1, "age": age, "good": verdict([OLD], 11, age)} for age in [-3600, -61, -60, 0, 10, 11, 12, 3600]]
ages += [{"expiry": 60, "age": age, "good": verdict([OLD], 70, age)} for age in [69, 70, 71]]

NAMES = ["key_one", "key_two", "room-1", "asgi__group__room-1", "é", "", ONE, PROCESS, LONGEST, *(f"g{i}" for i in range(24))]
ring = [{"value": value, "hosts": [_consistent_hash(value, n) for n in range(1, 17)], "slot": _consistent_hash(value, 4096)} for value in NAMES]
# The slot 2048, at which dividing whole numbers gives another host.
edge = next(name for name in (f"e{i}" for i in range(100_000)) if _consistent_hash(name, 4096) == 2048)
ring_edges = [{"value": edge, "hosts": n, "host": _consistent_hash(edge, n)} for n in [186, 198, 210, 234, 246, 4095, 4097]]


def keys(prefix, channel, group):
    server = Server()
    layer = build(RedisChannelLayer, prefix=prefix)
    layer.connection = lambda index: server
    asyncio.run(layer.send(channel, {}))
    asyncio.run(layer.group_send(group, {}))
    [(topic, _)] = pubsub("group_send", group, {}, prefix=prefix)
    [(key, _)] = server.written
    return {"prefix": prefix, "channel": channel, "group": group, "key": key, "group_key": server.group_key.decode(), "topic": topic}


VECTORS = {
    "time": TIME,
    "ring": ring,
    "ring_edges": ring_edges,
    "keys": [
        keys("asgi", "orders", "chat.lobby"),
        keys("asgi", ONE, "g"),
        keys("asgi", "a!", "a.b-c_D9"),
        keys("asgi", "a!b.c", "x" * 99),
        keys("asgi", LONGEST, "-"),
        keys("", "orders", "g"),
        keys("{tag}é:", ONE, "g"),
    ],
    "messages": messages,
    "foreign": foreign_bodies,
    "ages": ages,
    "fernet_keys": [
        {"secret": key, "token": fernet_key(key)._encrypt_from_parts(b"hello", TIME, IV).decode()}
        for key in [OLD, NEW, "a-test-key", "k" * 1000]
    ],
}

with open(HERE / "redis.json", "w", encoding="utf-8") as file:
    # An entry a line, so that a diff shows which changed.
    sections = []
    for name, section in VECTORS.items():
        if isinstance(section, list):
            section = "[\n" + ",\n".join("    " + json.dumps(entry) for entry in section) + "\n  ]"
        sections.append(f'  "{name}": {section}')
    file.write("{\n" + ",\n".join(sections) + "\n}\n")
