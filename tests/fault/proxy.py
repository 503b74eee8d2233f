"""A TCP proxy in front of PostgreSQL that can cut a connection around one commit.

It reads the messages of both directions far enough to know where a transaction is: the names
of the statements bound since the last Sync, and the ReadyForQuery that answers a Sync, after
which the commit is certain.  What it does to a commit it was told to cut:

    reply    takes the whole reply away from the service and cuts
    part     lets a random number of the reply's bytes through, and cuts
    hang     keeps the reply back for a while first: a hang that ends in a cut
    long     the same, for longer than any caller is kept waiting for a commit
    before   does not let the Sync through: nothing is committed
    told     lets the whole reply through, and cuts at once

An order may name an act, called with the port of the service's end just before the cut: a kill
of the worker at that very point.
"""

import asyncio
import random
import struct
import threading
import uuid

WRITES = {"accept", "accept_again", "accept_keyed", "begin", "outcome", "defer", "conversation",
          "cancel", "release", "answer"}
HANG_SECONDS = (0.5, 6)


class Order:
    """One cut that is to be made; `done` when it was."""

    def __init__(self, how, statement, act):
        self.how = how
        self.act = act
        self.statement = statement
        self.done = threading.Event()
        self.taken = False
        self.statements = ()
        self.committed = None   # not known: the service or PostgreSQL left first


class Link:
    """One connection of the service, and the one to PostgreSQL that it stands for."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client = client    # (reader, writer)
        self.server = server
        self.names = []         # statements bound since the last Sync
        self.syncs = 1          # sent to the server, and answered by it: the start is one
        self.answered = 0
        self.order = None
        self.order_sync = 0
        self.held = b""         # the reply that the order is about
        self.failed = False

    async def run(self):
        tasks = [asyncio.create_task(self._requests()), asyncio.create_task(self._replies())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self.order and not self.order.done.is_set():
                self._over(committed=None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _, writer in (self.client, self.server):
                writer.transport.abort()

    async def _requests(self):
        reader, writer = self.client[0], self.server[1]
        writer.write(await self._untyped(reader))
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack(">I", head[1:])[0] - 4)
            if head[:1] == b"B":
                self._bound(body)
            if head[:1] in (b"S", b"Q"):
                if head[:1] == b"S" and not self.order and self._is_ordered() and (
                        self.order.how == "before"):
                    self._over(committed=False)
                    return
                self.syncs += 1
                self.names = []
            writer.write(head + body)
            await writer.drain()

    def _bound(self, body):
        """Keeps the statement's name; and of a session, whose first parameter it registers: a
        worker's life."""
        _, name, rest = body.split(b"\0", 2)
        self.names.append(name.decode())
        if name == b"register":
            formats = struct.unpack(">H", rest[:2])[0]
            at = 2 + 2 * formats + 2 + 4
            port = self.client[1].get_extra_info("peername")[1]
            self.proxy.lives[port] = str(uuid.UUID(bytes=rest[at:at + 16]))

    @staticmethod
    async def _untyped(reader):
        """The first message has no type."""
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">I", head)[0] - 4)

    def _is_ordered(self):
        """Is the transaction that ends here the one to cut?"""
        self.order = self.proxy.take(self.names)
        self.order_sync = self.syncs + 1
        return self.order is not None

    async def _replies(self):
        reader, writer = self.server[0], self.client[1]
        while True:
            head = await reader.readexactly(5)
            whole = head + await reader.readexactly(struct.unpack(">I", head[1:])[0] - 4)
            mine = self.order and self.answered + 1 == self.order_sync
            if head[:1] == b"Z":
                self.answered += 1
            if not mine:
                writer.write(whole)
                await writer.drain()
                continue
            self.held += whole
            self.failed |= head[:1] == b"E"
            if head[:1] == b"Z":
                await self._cut(writer)
                return

    async def _cut(self, writer):
        if self.order.how in ("part", "told"):
            told = self.order.how == "told"
            writer.write(self.held if told else self.held[:random.randrange(1, len(self.held))])
            await writer.drain()
        if self.order.how in ("hang", "long"):
            longest = HANG_SECONDS[1]
            await asyncio.sleep(random.uniform(*HANG_SECONDS) if self.order.how == "hang"
                                else longest)
        self._over(committed=not self.failed)

    def _over(self, committed):
        if self.order.act:
            self.order.act(self.client[1].get_extra_info("peername")[1])
        self.order.committed = committed
        self.order.done.set()


class Proxy:
    """Runs in a thread of its own; `port` is where the service connects."""

    def __init__(self, port):
        self.upstream = port
        self.port = None
        self.orders = []
        self.lives = {}         # port of a worker's writing session -> its life
        self.lock = threading.Lock()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(10)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=256))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def _connected(self, reader, writer):
        try:
            server = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        await Link(self, (reader, writer), server).run()

    def take(self, names):
        """The order that these statements meet, if there is one."""
        with self.lock:
            for order in self.orders:
                if not order.taken and (order.statement in names if order.statement
                                        else WRITES.intersection(names)):
                    order.taken = True
                    order.statements = tuple(names)
                    self.orders.remove(order)
                    return order
        return None

    def place(self, how, statement, act=None):
        """An order to cut the next commit in which the statement is (None: any that writes)."""
        order = Order(how, statement, act)
        with self.lock:
            self.orders.append(order)
        return order

    def wait(self, order, seconds):
        """The order once it is done, or None: no such commit came, and it is taken back."""
        if order.done.wait(seconds):
            return order
        with self.lock:
            if not order.taken:
                self.orders.remove(order)
                return None
        # It met its commit: PostgreSQL answers, or the connection ends some other way.
        return order if order.done.wait(10) else None

    def cut(self, how, statement, seconds, act=None):
        """Cuts the next such commit: place() and wait()."""
        return self.wait(self.place(how, statement, act), seconds)
