#!/usr/bin/env python3
"""Mends a pack of a ce-vault repository from its parity, without any key; written from lib/vault/FORMAT.md alone.

Usage: parity.py PACK MENDED. The pack's file name is its digest. Needs Python 3.11 and, from pip, blake3.
Exit code: 0 when MENDED is the pack as it was written, 1 when the damage is beyond its parity.
"""
import struct, sys, zlib
from pathlib import Path
from blake3 import blake3

BLOCK = 4096

def layout(payload, percent):
    """The regions, each as (first block, last + 1, sets), and the length of the section."""
    blocks = -(-payload // BLOCK)
    count = max(1, blocks // 1024)
    bounds = [at * blocks // count for at in range(count + 1)]
    regions = [(a, b, max(1, (b - a) * percent // 100)) for a, b in zip(bounds, bounds[1:])] if percent else []
    return regions, percent and sum(sets for _, _, sets in regions) * BLOCK + blocks * 4

def header(data):
    """The first header, or the last if that is damaged: its bytes, length of the payload, percent."""
    for at in (0, max(len(data) - 64, 0)):
        head = data[at : at + 64]
        if head[:8] == b"CEPACK01" and blake3(head[:56]).digest()[:8] == head[56:]:
            payload, percent = struct.unpack("<I8xI", head[40:56])
            if at == 0 or payload + layout(payload, percent)[1] + 64 == len(data):
                return head, payload, percent
    sys.exit("parity.py: both headers are damaged")

def xor(parts):
    value = 0
    for part in parts:
        value ^= int.from_bytes(part.ljust(BLOCK, b"\0"), "big")
    return value.to_bytes(BLOCK, "big")

def mend(data):
    head, payload, percent = header(data)
    regions, size = layout(payload, percent)
    data = data.ljust(payload + size + 64, b"\0")
    section, data = data[payload : payload + size], head + data[64:payload]
    blocks = [data[at : at + BLOCK] for at in range(0, payload, BLOCK)]
    checks = struct.unpack(f"<{len(blocks)}I", section[size - 4 * len(blocks) :]) if percent else ()
    wrong = {at for at, check in enumerate(checks) if zlib.crc32(blocks[at]) != check}
    again, at = [], 0
    for first, end, sets in reversed(regions):
        for place in range(sets):
            own = (place + end - first) % sets
            members = range(first + own, end, sets)
            bad = [block for block in members if block in wrong]
            if len(bad) == 1:
                rest = [blocks[block] for block in members if block not in bad]
                blocks[bad[0]] = xor([section[at : at + BLOCK], *rest])[: len(blocks[bad[0]])]
            again.append(xor(blocks[block] for block in members))
            at += BLOCK
    again += [struct.pack("<I", zlib.crc32(block)) for block in blocks if percent]
    return b"".join(blocks + again + [head])

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    mended = mend(Path(sys.argv[1]).read_bytes())
    if blake3(mended).hexdigest() != Path(sys.argv[1]).name:
        sys.exit("parity.py: the damage is beyond the parity")
    Path(sys.argv[2]).write_bytes(mended)
