"""Numbers of a channel in asyncio, next to a timer of the same loop: see numbers_library.rs.

With a fourth argument, uvloop, the loop is that of libuv.
"""

import asyncio
import sys

from channel_numbers import Numbers, Tally

LIBRARY, DOMAIN, CHANNEL, *LOOP = sys.argv[1:]


async def numbers(end, tally):
    """The numbers, until no more will come."""
    loop = asyncio.get_running_loop()
    while True:
        number = end.pop()
        if number is not None:
            yield number
        elif end.ended:
            return
        elif end.arm():
            readable = loop.create_future()
            loop.add_reader(end.descriptor, readable.set_result, None)
            try:
                await readable
            finally:
                loop.remove_reader(end.descriptor)
                end.disarm()
            tally.waits += 1


async def count_periods(tally):
    while True:
        await asyncio.sleep(0.005)
        tally.periods += 1


async def main():
    end = Numbers(LIBRARY, DOMAIN, CHANNEL)
    print("ready", type(asyncio.get_running_loop()).__module__, flush=True)
    tally = Tally()
    timer = asyncio.create_task(count_periods(tally))
    async for number in numbers(end, tally):
        tally.add(number)
    timer.cancel()
    tally.report(end.ended)
    end.close()


if LOOP == ["uvloop"]:
    import uvloop

    uvloop.install()
asyncio.run(main())
