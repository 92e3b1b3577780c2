#!/usr/bin/env python3
"""Restores a snapshot of a ce-vault repository: a second reader, written from lib/vault/FORMAT.md alone.

Usage: reader.py REPO KEYFILE PASSPHRASEFILE SNAPSHOT OUTDIR
SNAPSHOT is `latest` or the beginning of an id; OUTDIR must be empty or missing. What is damaged ends it: it proves the format,
and ce-backup restores what is left. Needs Python 3.11 and, from pip, blake3, zstandard, cryptography and argon2-cffi.
"""
import hmac, json, os, stat, struct, sys
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
import argon2.low_level
import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KINDS = {"config": 1, "writers": 2, "keys": 3, "index": 4, "snapshots": 5}

def require(holds, why):
    if not holds:
        sys.exit(f"reader.py: {why}")

def digest(data, key=None):
    return blake3(data, key=key).digest()

def unlock(key, nonce, aad, data):
    return ChaCha20Poly1305(key).decrypt(nonce, data, aad)

def unbox(key, context, data):
    return unlock(digest(data[:24], key), bytes(12), context, data[24:])

def bech32m(text):
    part, _, data = text.lower().rpartition("1")
    values, check = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(letter) for letter in data], 1
    for value in [ord(c) >> 5 for c in part] + [0] + [ord(c) & 31 for c in part] + values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            check ^= generator if top >> bit & 1 else 0
    require(check == 0x2BC830A3, "a check sum does not match")
    bits = "".join(f"{value:05b}" for value in values[:-6])
    return part, bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) // 8 * 8, 8))

class Identity:
    def __init__(self, text, passphrase):
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        part, data = bech32m("".join("".join(lines).split()))
        require(part == "ceorg-key" and len(data) == 70 and data[0] == 1, "it is not an organisation's identity")
        memory, passes = struct.unpack("<IB", data[1:6])
        kind = argon2.low_level.Type.ID
        key = argon2.low_level.hash_secret_raw(passphrase, data[6:22], passes, memory, 1, 32, kind, 0x13)
        secret = unlock(key, bytes(12), data[:22], data[22:])
        self.private = X25519PrivateKey.from_private_bytes(digest(b"ce-vault 1 identity x25519", secret))
        self.public = self.private.public_key().public_bytes_raw()

    def unseal(self, enc, text, aad):
        """HPKE (RFC 9180), mode base, one message."""
        def extract(suite, salt, label, key):
            return hmac.digest(salt, b"HPKE-v1" + suite + label + key, "sha256")

        def expand(suite, key, label, info, size):
            labelled = struct.pack(">H", size) + b"HPKE-v1" + suite + label + info + b"\1"
            return hmac.digest(key, labelled, "sha256")[:size]

        kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0\3"
        shared = extract(kem, b"", b"eae_prk", self.private.exchange(X25519PublicKey.from_public_bytes(enc)))
        shared = expand(kem, shared, b"shared_secret", enc + self.public, 32)
        hashes = [extract(suite, b"", b"psk_id_hash", b""), extract(suite, b"", b"info_hash", b"ce-vault 1 sealed key")]
        context, secret = b"\0" + b"".join(hashes), extract(suite, shared, b"secret", b"")
        nonce = expand(suite, secret, b"base_nonce", context, 12)
        return unlock(expand(suite, secret, b"key", context, 32), nonce, aad, text)

class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        require(self.at <= len(self.data), "an object ends early")
        return self.data[self.at - size : self.at]

    def varint(self):
        byte = self.take(1)[0]
        return byte if byte < 128 else byte - 128 | self.varint() << 7

    def signed(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bytes(self):
        return self.take(self.varint())

    def each(self):
        return range(self.varint())

class Repository:
    def __init__(self, root, identity):
        self.root, self.identity = Path(root), identity
        outer = json.loads(self.object("config")[0])
        config = json.loads(outer["config"])
        if config["generation"] > 0:
            signer = Ed25519PublicKey.from_public_bytes(bech32m(outer["signer"])[1][33:])
            signer.verify(bytes.fromhex(outer["signature"]), b"ce-vault 1 config\0" + outer["config"].encode())
        require(config["version"] == 1, "the repository's version is not known")
        told = [bech32m(recipient)[1][1:33] for recipient in config["recipients"]]
        require(identity.public in told, "the repository is not sealed to this identity")

    def object(self, name):
        data = (self.root / name).read_bytes()
        require(data[:8] == b"CEVAULT1" and digest(data[:-32]) == data[-32:], f"{name}: its digest does not match")
        require(data[8] == KINDS[name.split("/")[0]], f"{name} is of another kind")
        return data[9:-32], digest(data)

    def secret(self, name, kind):
        key = json.loads(self.object(name)[0])
        expected = f"keys/{key['id']}" if kind == "session" else f"keys/{key['writer']}-{kind}"
        require(key["kind"] == kind and expected == name, f"{name} is another key than its name says")
        own = [box for box in key["boxes"] if box["to"] == digest(self.identity.public)[:8].hex()]
        require(own, f"{name} is not sealed to this identity")
        aad = f"{kind} {key['id']} {key['writer']}".encode()
        return self.identity.unseal(bytes.fromhex(own[0]["enc"]), bytes.fromhex(own[0]["text"]), aad)

    def find(self, word):
        found = []
        for path in (self.root / "snapshots").glob("*/*"):
            body, own = self.object(str(path.relative_to(self.root)))
            writer, sequence = struct.unpack("<16sQ", body[:24])
            require(path.match(f"snapshots/{writer.hex()}/{sequence:010}"), "it is another than its name says")
            if word == "latest" or own.hex().startswith(word.lower()):
                found.append((int(path.stat().st_mtime), sequence, own, writer, body))
        require(found and (len(found) == 1 or word == "latest"), f"{len(found)} snapshots are called {word}")
        return max(found)[2:]

class Writer:
    """One writer's snapshots and chunks."""
    def __init__(self, repository, own):
        self.repository, self.own, self.places = repository, own, {}
        writer = json.loads(repository.object(f"writers/{own.hex()}")[0])
        public = bytes.fromhex(writer["public"])
        require(digest(public)[:16] == own and writer["id"] == own.hex(), "it is another writer")
        self.public = Ed25519PublicKey.from_public_bytes(public)
        message = "\0".join(["ce-vault 1 writer", writer["id"], writer["public"], writer["host"]])
        self.public.verify(bytes.fromhex(writer["signature"]), message.encode())
        secret = repository.secret(f"keys/{own.hex()}-writer", "writer")
        self.id_key, self.index_key = secret[:32], secret[32:]
        for path in (repository.root / "index").iterdir():
            body, named = repository.object(f"index/{path.name}")
            require(path.name == named.hex(), "a shard's name is not its digest")
            if body[:16] == own:
                plain = Cursor(unbox(self.index_key, b"index", body[16:]))
                packs = [plain.take(48)[:32] for _ in plain.each()]
                for _ in plain.each():
                    short, pack, group = struct.unpack("<16sHH", plain.take(20))
                    self.places[short] = (packs[pack], group)
        self.pack, self.group, self.session = lru_cache(4)(self.pack), lru_cache(12)(self.group), lru_cache(self.session)

    def head(self, body):
        self.public.verify(body[-64:], b"ce-vault 1 snapshot\0" + body[:-64])
        return json.loads(unbox(self.index_key, b"snapshot", body[24:-64]))

    def session(self, own):
        return self.repository.secret(f"keys/{own.hex()}", "session"), digest(own, self.index_key)
    def pack(self, own):
        data = (self.repository.root / "packs" / own.hex()[:2] / own.hex()).read_bytes()
        require(digest(data) == own, f"pack {own.hex()} is damaged")
        writer, session, _, start, size = struct.unpack("<16s16sIII", data[8:52])
        require(data[:8] == b"CEPACK01" and writer == self.own, "a pack's header is wrong")
        plain, groups, at = Cursor(unbox(self.index_key, b"pack", data[start : start + size])), [], 64
        for _ in plain.each():
            kind, counter, stored = plain.take(2), plain.varint(), plain.varint()
            members = [(plain.take(32), plain.varint()) for _ in plain.each()]
            groups.append((kind, counter, data[at : at + stored], members))
            at += stored
        return session, groups

    def group(self, pack, number):
        session, groups = self.pack(pack)
        kind, counter, sealed, members = groups[number]
        aad = session + struct.pack("<Q", counter) + kind
        aad += b"".join(own + struct.pack("<I", length) for own, length in members)
        text = unlock(self.session(session)[kind[0]], struct.pack("<QI", counter, 0), aad, sealed)
        size = sum(length for _, length in members)
        plain = Cursor(zstandard.ZstdDecompressor().decompress(text, max_output_size=size) if kind[1] else text)
        chunks = {}
        for own, length in members:
            chunks[own] = plain.take(length)
            require(digest(chunks[own], self.id_key) == own, "a chunk is not what its id says")
        return chunks

    def chunk(self, own):
        return self.group(*self.places[own[:16]])[own]

    def leaves(self, nodes):
        """The references and the items of each leaf."""
        for node, _ in nodes:
            for skeleton, private in struct.iter_unpack("<32s32s", self.chunk(bytes.fromhex(node))):
                plain = Cursor(self.chunk(skeleton))
                count = plain.varint()
                plain.take((count + 7) // 8)
                yield [plain.take(32) for _ in range(count)], items(Cursor(self.chunk(private)))

    def write(self, references, parts, file):
        at = 0
        for kind, number, offset, length in parts:
            chunks = [(references[number], length)] if kind == 0 else []
            if kind == 1:
                chunks = struct.iter_unpack("<32sI", self.chunk(references[number]))
            for own, size in chunks:
                require(len(part := self.chunk(own)[offset : offset + size]) == size, "a chunk is of another length")
                file.write(part)
            at = file.seek(at + length)
        file.truncate(at)

def items(plain):
    owners = [(plain.varint(), plain.varint(), plain.bytes(), plain.bytes()) for _ in plain.each()]
    path = b""
    for _ in plain.each():
        path = path[: plain.varint()] + plain.bytes()
        flags, mode, owner = plain.take(1)[0], plain.varint(), owners[plain.varint()]
        mtime, kind, more = plain.signed() * 10**9 + plain.varint(), flags & 15, None
        if kind == 0:
            more = list(extents(plain))
        elif kind in (2, 7, 5, 6):
            more = plain.bytes() if kind in (2, 7) else os.makedev(plain.varint(), plain.varint())
        xattrs = [(plain.bytes(), plain.bytes()) for _ in (plain.each() if flags & 32 else ())]
        yield path, kind, more, (mode, owner[0], owner[1], mtime, xattrs)

def extents(plain):
    number = 0
    for _ in plain.each():
        head = plain.signed()
        kind = head & 3
        number += head >> 2 if kind < 2 else 0
        yield kind, number, plain.varint() if kind == 0 else 0, plain.varint()

@contextmanager
def place(root, path):
    """The folder of a path, open, and the name in it; folders on the way are made, and no link is followed."""
    *above, name = path.split(b"/")
    for part in [*above, name]:
        require(part not in (b"", b".", b"..") and b"\0" not in part, "no file can have this path")
    folder = os.dup(root)
    for part in above:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=folder)
        outer, folder = folder, os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        os.close(outer)
    yield folder, name
    os.close(folder)

def dress(folder, name, metadata):
    mode, uid, gid, mtime, xattrs = metadata
    os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
    for key, value in xattrs:
        os.setxattr(f"/proc/self/fd/{folder}/".encode() + name, key, value, follow_symlinks=False)
    if not stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        os.chmod(name, mode, dir_fd=folder)
    os.utime(name, ns=(mtime, mtime), dir_fd=folder, follow_symlinks=False)

def restore(writer, nodes, out):
    os.makedirs(out, exist_ok=True)
    require(not os.listdir(out), f"{out} is not empty")
    root, links, folders = os.open(out, os.O_DIRECTORY), [], []
    types = {3: stat.S_IFIFO, 4: stat.S_IFSOCK, 5: stat.S_IFCHR, 6: stat.S_IFBLK}
    for references, found in writer.leaves(nodes):
        for path, kind, more, metadata in found:
            with place(root, path) as (folder, name):
                if kind == 0:
                    with open(name, "xb", opener=lambda name, flags: os.open(name, flags, 0o600, dir_fd=folder)) as file:
                        writer.write(references, more, file)
                elif kind == 1:
                    os.mkdir(name, 0o700, dir_fd=folder)
                    folders.append((path, metadata))
                elif kind == 2:
                    os.symlink(more, name, dir_fd=folder)
                elif kind == 7:
                    links.append((path, more))
                else:
                    os.mknod(name, types[kind] | 0o600, more or 0, dir_fd=folder)
                if kind not in (1, 7):
                    dress(folder, name, metadata)
    for path, target in links:
        with place(root, path) as (folder, name), place(root, target) as (first, old):
            os.link(old, name, src_dir_fd=first, dst_dir_fd=folder, follow_symlinks=False)
    for path, metadata in reversed(folders):
        with place(root, path) as (folder, name):
            dress(folder, name, metadata)

if __name__ == "__main__":
    require(len(sys.argv) == 6, __doc__)
    repo, key, passphrase, word, out = sys.argv[1:]
    phrase = Path(passphrase).read_bytes().removesuffix(b"\n")
    repository = Repository(repo, Identity(Path(key).read_text(), phrase))
    own, name, body = repository.find(word)
    writer = Writer(repository, name)
    head = writer.head(body)
    print(f"snapshot {own.hex()} of {head['host']}, {head['time']}")
    restore(writer, head["nodes"], out)
