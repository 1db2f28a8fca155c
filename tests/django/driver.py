"""Real layers of channels_redis, driven by JSON lines.

Each line on standard input is a call with an id; the line with the same id on standard output is its answer, a value
or an error under the name of its type. Calls run at the same time, so that a receive can wait while others send. A map
of the one key `$bytes` stands for bytes in base64, one of `$float` for a number that JSON does not have. Ends when
standard input does.
"""

import asyncio
import base64
import collections
import json
import math
import sys

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.serializers import BaseMessageSerializer, registry

BACKENDS = {"core": RedisChannelLayer, "pubsub": RedisPubSubChannelLayer}


def from_json(value):
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        if value.keys() == {"$float"}:
            return float(value["$float"])
        return {key: from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value


def to_json(value):
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def patient(host):
    """The host with what every Django project on redis 8 must set: its default time-out is as long as the blocking pop
    of an idle receive."""
    if isinstance(host, str):
        host = {"address": host}
    if isinstance(host, list):
        host = {"host": host[0], "port": host[1]}
    return {"socket_timeout": None, **host}


class Backwards(BaseMessageSerializer):
    """JSON from its end to its beginning, as no other serializer writes: the tests register the same in Rust."""

    def as_bytes(self, message):
        return json.dumps(message).encode()[::-1]

    def from_bytes(self, message):
        return json.loads(message[::-1])


registry.register_serializer("backwards", Backwards)


class Driver:
    def __init__(self):
        self.layers = {}

    def open(self, layer, backend, config):
        if "hosts" in config:
            config["hosts"] = [patient(host) for host in config["hosts"]]
        self.layers[layer] = BACKENDS[backend](**config)

    async def new_channel(self, layer, prefix=None):
        return await self.layers[layer].new_channel(*([] if prefix is None else [prefix]))

    async def send(self, layer, channel, message):
        await self.layers[layer].send(channel, message)

    async def receive(self, layer, channel, count, timeout):
        """Up to so many messages, fewer when the next one takes longer than the time-out. The wait that was given up is
        cancelled, and with it may go a message: a layer of channels_redis does not promise otherwise."""
        messages = []
        try:
            while len(messages) < count:
                messages.append(await asyncio.wait_for(self.layers[layer].receive(channel), timeout))
        except asyncio.TimeoutError:
            pass
        return messages

    async def group_add(self, layer, group, channel):
        await self.layers[layer].group_add(group, channel)

    async def group_discard(self, layer, group, channel):
        await self.layers[layer].group_discard(group, channel)

    async def group_send(self, layer, group, message):
        await self.layers[layer].group_send(group, message)

    async def burst(self, layer, groups, count, concurrency, message):
        """Sends so many messages to the groups in turn, numbered by `n`, so many at a time; how often each error was
        raised."""
        gate = asyncio.Semaphore(concurrency)

        async def one(n):
            async with gate:
                await self.layers[layer].group_send(groups[n % len(groups)], {**message, "n": n})

        results = await asyncio.gather(*(one(n) for n in range(count)), return_exceptions=True)
        return collections.Counter(type(error).__name__ for error in results if error is not None)

    async def flush(self, layer):
        await self.layers[layer].flush()

    async def close(self, layer):
        layer = self.layers.pop(layer)
        await (layer.close_pools() if isinstance(layer, RedisChannelLayer) else layer.flush())

    async def answer(self, line):
        call = json.loads(line)
        answer = {"id": call.pop("id")}
        try:
            value = getattr(self, call.pop("call"))(**from_json(call))
            answer["ok"] = to_json(await value if asyncio.iscoroutine(value) else value)
        except Exception as error:
            answer["error"] = {"kind": type(error).__name__, "text": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


async def main():
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    driver, calls = Driver(), set()
    while line := await lines.readline():
        call = asyncio.ensure_future(driver.answer(line))
        calls.add(call)
        call.add_done_callback(calls.discard)


asyncio.run(main())
