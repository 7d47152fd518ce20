"""Numbers of a channel in asyncio, beside a timer of the same loop: see asyncio_numbers.rs."""

import asyncio
import ctypes
import sys

LIBRARY, DOMAIN, CHANNEL = sys.argv[1:]

library = ctypes.CDLL(LIBRARY)
library.numbers_open.restype = ctypes.c_void_p
library.numbers_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
library.numbers_pop.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]
for name in ["descriptor", "arm", "disarm", "close"]:
    getattr(library, f"numbers_{name}").argtypes = [ctypes.c_void_p]


async def numbers(end):
    """The numbers, until their producer closes."""
    loop = asyncio.get_running_loop()
    descriptor = library.numbers_descriptor(end)
    number = ctypes.c_uint64()
    while (popped := library.numbers_pop(end, number)) >= 0:
        if popped:
            yield number.value
            continue
        armed = library.numbers_arm(end)
        if armed < 0:
            raise OSError("waiting failed")
        if armed:
            readable = loop.create_future()
            loop.add_reader(descriptor, readable.set_result, None)
            try:
                await readable
            finally:
                loop.remove_reader(descriptor)
                library.numbers_disarm(end)


async def count_periods(periods):
    while True:
        await asyncio.sleep(0.005)
        periods.append(None)


async def main():
    end = library.numbers_open(DOMAIN.encode(), CHANNEL.encode())
    if not end:
        sys.exit("the channel cannot be opened")
    print("ready", flush=True)
    periods = []
    timer = asyncio.create_task(count_periods(periods))
    total = count = 0
    async for number in numbers(end):
        total += number
        count += 1
    timer.cancel()
    library.numbers_close(end)
    print(f"{count} numbers, sum {total}, {'some' if periods else 'no'} periods of the timer")


asyncio.run(main())
