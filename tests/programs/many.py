#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""2,000 TLS connections at once, with data on each of them."""

import asyncio
import os
import ssl

import harness

CONNECTIONS = 2000
AT_ONCE = 100           # handshakes and endings under way at any time


class Many(harness.Checks):

    def setUp(self):
        super().setUp()
        harness.allow_descriptors(2 * CONNECTIONS + 500)
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.adieu = self.start(self.listener('many', self.backend.address))
        self.context = ssl.create_default_context(cafile=self.cert)
        self.turnstile = asyncio.Semaphore(AT_ONCE)

    def test_2000_connections_at_once_each_get_their_own_data_back_and_end_well(self):
        descriptors = self.adieu_descriptors()
        asyncio.run(self.talk())
        self.adieu.wait('relay', count=CONNECTIONS, **harness.CLEAN)
        harness.wait_until(lambda: self.adieu_descriptors() == descriptors,
                           'adieu to let go of every descriptor')

    def adieu_descriptors(self):
        return len(os.listdir(f'/proc/{self.adieu.process.pid}/fd'))

    async def talk(self):
        everyone = await asyncio.gather(*(self.connect() for _ in range(CONNECTIONS)))
        for _ in range(2):
            await asyncio.gather(*(self.exchange(*one) for one in everyone))
        await asyncio.gather(*(self.end(writer) for _, writer in everyone))

    async def connect(self):
        async with self.turnstile:
            return await asyncio.open_connection(*self.adieu.address('many'), ssl=self.context)

    async def exchange(self, reader, writer):
        data = os.urandom(4096)
        writer.write(data)
        await writer.drain()
        self.assertEqual(await reader.readexactly(len(data)), data)

    async def end(self, writer):
        async with self.turnstile:
            writer.close()
            await writer.wait_closed()


if __name__ == '__main__':
    harness.main()
