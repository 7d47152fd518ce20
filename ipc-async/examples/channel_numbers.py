"""The consuming end of a channel of numbers, through the C functions of numbers_library.rs."""

import ctypes

# What a pop returns when nothing more will come.
ENDS = {-1: "closed", -2: "the producer is gone", -3: "failed"}


class Numbers:
    def __init__(self, path, domain, channel):
        self.numbers = ctypes.CDLL(path)
        self.numbers.numbers_open.restype = ctypes.c_void_p
        self.numbers.numbers_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        self.numbers.numbers_pop.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]
        for name in ["descriptor", "arm", "disarm", "close"]:
            getattr(self.numbers, f"numbers_{name}").argtypes = [ctypes.c_void_p]
        self.end = self.numbers.numbers_open(domain.encode(), channel.encode())
        if not self.end:
            raise OSError("the channel cannot be opened")
        self.descriptor = self.numbers.numbers_descriptor(self.end)
        # How the channel has ended, a value of ENDS.
        self.ended = None

    def pop(self):
        """The next number; None when there is none now, or none will come."""
        if self.ended:
            return None
        number = ctypes.c_uint64()
        popped = self.numbers.numbers_pop(self.end, number)
        self.ended = ENDS.get(popped)
        return number.value if popped > 0 else None

    def arm(self):
        """Before a wait. True: wait for the descriptor to be readable, then disarm. False: pop at once."""
        armed = self.numbers.numbers_arm(self.end)
        if armed < 0:
            self.ended = ENDS[-3]
        return armed > 0

    def disarm(self):
        """After a wait, whatever ended it."""
        self.numbers.numbers_disarm(self.end)

    def close(self):
        self.numbers.numbers_close(self.end)


class Tally:
    """What a program reports at the end."""

    def __init__(self):
        self.count = self.sum = self.waits = self.periods = 0

    def add(self, number):
        self.count += 1
        self.sum += number

    def report(self, ended):
        waits, periods = ("some" if number else "no" for number in (self.waits, self.periods))
        print(f"{self.count} numbers, sum {self.sum}, {waits} waits, {periods} periods of the timer: {ended}")
