"""Numbers of a channel in GLib's main loop, next to a timer of the same loop: see numbers_library.rs."""

import sys

from gi.repository import GLib

from channel_numbers import Numbers, Tally

LIBRARY, DOMAIN, CHANNEL = sys.argv[1:]

loop, tally = GLib.MainLoop(), Tally()
end = Numbers(LIBRARY, DOMAIN, CHANNEL)


def pop_and_arm():
    """Pops what is there, and arms the end for the next time; ends the loop when no more will come."""
    while True:
        number = end.pop()
        if number is not None:
            tally.add(number)
        elif end.ended:
            loop.quit()
            return
        elif end.arm():
            return


def readable(_descriptor, _condition):
    tally.waits += 1
    end.disarm()
    pop_and_arm()
    return not end.ended


def period():
    tally.periods += 1
    return True


GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, end.descriptor, GLib.IOCondition.IN, readable)
GLib.timeout_add(5, period)
print("ready glib", flush=True)
GLib.idle_add(pop_and_arm)
loop.run()
tally.report(end.ended)
end.close()
