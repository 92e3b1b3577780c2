"""Numbers, items and extents of a ce-vault repository; from FORMAT.md alone."""
import os
from keys import require

class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        require(self.at <= len(self.data), "it ends early")
        return self.data[self.at - size : self.at]

    def varint(self, bits=64):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                require(value < 1 << bits, "a number is too large")
                return value
        raise Refused("a number is too long")

    def signed(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bytes(self):
        return self.take(self.varint())

    def each(self, least):
        count = self.varint()
        require(count * least <= len(self.data) - self.at, "it counts more than it holds")
        return range(count)

    def end(self):
        require(self.at == len(self.data), "it goes on after its end")

def items(plain):
    owners = [(plain.varint(32), plain.varint(32), plain.bytes(), plain.bytes()) for _ in plain.each(4)]
    found, path = [], b""
    for _ in plain.each(7):
        shared = plain.varint()
        require(shared <= len(path), "a path shares more than there is")
        path = path[:shared] + plain.bytes()
        flags, mode, owner = plain.take(1)[0], plain.varint(), owners[plain.varint()]
        mtime, kind = plain.signed() * 10**9 + plain.varint(32), flags & 15
        require(kind < 8, "an item is of an unknown kind")
        more = None
        if kind == 0:
            more = extents(plain)
        elif kind in (2, 7):
            more = plain.bytes()
        elif kind in (5, 6):
            more = os.makedev(plain.varint(32), plain.varint(32))
        xattrs = [(plain.bytes(), plain.bytes()) for _ in (plain.each(2) if flags & 32 else ())]
        found.append((path, kind, more, (mode & 0o7777, owner[0], owner[1], mtime, xattrs)))
    plain.end()
    return found

def extents(plain):
    found, number = [], 0
    for _ in plain.each(2):
        head = plain.signed()
        kind = head & 3
        require(kind < 3, "an extent is of an unknown kind")
        number += head >> 2 if kind < 2 else 0
        found.append((kind, number, plain.varint(32) if kind == 0 else 0, plain.varint(64 if kind else 32)))
    return found
