"""The Python side of the benchmark: Django's memory layer and those of channels_redis as they come, timed in here.

Each line on standard input is one measurement: `backend`, `what` ("send", "group", "join" or "among"), `members`,
`seconds`. The answer is a line with operations, or deliveries, per second. `burst` sends as many messages as it is told, and `consume` counts what
as many consumers receive of it. What a measurement needs is made once and kept.
"""

import asyncio
import json
import sys
import time

from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

BACKENDS = {"core": RedisChannelLayer, "pubsub": RedisPubSubChannelLayer}
MESSAGE = {"type": "bench.message", "text": "x" * 64, "n": 1}


class Members:
    """Consumers in one group, each in a task of its own as in a server."""

    def __init__(self, layer, group):
        self.layer, self.group = layer, group
        self.tasks, self.left, self.all = [], 0, asyncio.Event()

    async def join(self, count):
        for _ in range(count):
            channel = await self.layer.new_channel()
            await self.layer.group_add(self.group, channel)
            self.tasks.append(asyncio.ensure_future(self.consume(channel)))

    async def consume(self, channel):
        while True:
            await self.layer.receive(channel)
            self.left -= 1
            if self.left == 0:
                self.all.set()

    async def send(self):
        self.left = len(self.tasks)
        self.all.clear()
        await self.layer.group_send(self.group, MESSAGE)
        await self.all.wait()


async def per_second(seconds, size, operation):
    begun, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begun) < seconds:
        await operation()
        done += size
    return done / elapsed


class Peer:
    def __init__(self, url):
        # The time-out that redis 8 sets by itself is as long as the blocking pop of an idle receive.
        hosts = [{"address": url, "socket_timeout": None}]
        self.layers = {name: backend(hosts=hosts) for name, backend in BACKENDS.items()}
        self.layers["memory"] = InMemoryChannelLayer()
        self.channels, self.members, self.received = {}, {}, 0
        self.crowded, self.worlds = InMemoryChannelLayer(), {}

    async def send(self, backend, seconds, **_):
        layer = self.layers[backend]
        if backend not in self.channels:
            self.channels[backend] = await layer.new_channel()
        channel = self.channels[backend]

        async def operation():
            await layer.send(channel, MESSAGE)
            await layer.receive(channel)

        return await per_second(seconds, 1, operation)

    async def group(self, backend, seconds, members, **_):
        if (backend, members) not in self.members:
            made = Members(self.layers[backend], f"python.{backend}.{members}")
            await made.join(members)
            self.members[backend, members] = made
        return await per_second(seconds, members, self.members[backend, members].send)

    async def join(self, seconds, members, **_):
        """Joins a group of so many and leaves it."""
        layer, group = self.crowded, f"crowd.{members}"
        if group not in layer.groups:
            for n in range(members):
                await layer.group_add(group, f"specific.{members}!{n}")

        async def operation():
            await layer.group_add(group, "specific.guest!0")
            await layer.group_discard(group, "specific.guest!0")

        return await per_second(seconds, 1, operation)

    async def among(self, seconds, members, **_):
        """Sends to a group of one, of so many groups, and receives."""
        if members not in self.worlds:
            layer = self.worlds[members] = InMemoryChannelLayer()
            for n in range(members):
                await layer.group_add(f"world.{n}", f"specific.world!{n}")
        layer = self.worlds[members]

        async def operation():
            await layer.group_send("world.0", MESSAGE)
            await layer.receive("specific.world!0")

        return await per_second(seconds, 1, operation)

    async def consume(self, groups, **_):
        """Has one consumer in each group count what it receives."""
        layer = self.layers["core"]

        async def count(channel):
            while True:
                await layer.receive(channel)
                self.received += 1

        self.counting = []
        for group in groups:
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
            self.counting.append(asyncio.ensure_future(count(channel)))

    async def counted(self, **_):
        """What was counted once nothing has come for a second."""
        last = -1
        while last != self.received:
            last = self.received
            await asyncio.sleep(1)
        return self.received

    async def burst(self, groups, messages, **_):
        """Sends to the groups in turn, nearly as many at a time as redis allows connections by default."""
        gate = asyncio.Semaphore(80)

        async def one(group):
            async with gate:
                await self.layers["core"].group_send(group, MESSAGE)

        await asyncio.gather(*(one(groups[n % len(groups)]) for n in range(messages)))


async def main():
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    peer = Peer(sys.argv[1])
    while line := await lines.readline():
        order = json.loads(line)
        print(json.dumps(await getattr(peer, order.pop("what"))(**order)), flush=True)


asyncio.run(main())
