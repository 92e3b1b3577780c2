#!/usr/bin/env python3
"""Restores a snapshot of a ce-vault repository: a second reader, written from lib/vault/FORMAT.md alone.

Usage: reader.py REPO KEYFILE PASSPHRASEFILE SNAPSHOT OUTDIR
SNAPSHOT is `latest` or the beginning of an id; OUTDIR must be empty or missing.
Needs Python 3.11 and, from pip, blake3, zstandard, cryptography and argon2-cffi.
Exit code: 0 when all is there, 1 when something was lost and named, 2 when nothing could be restored.
"""
import json, os, stat, struct, sys
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
import zstandard
from keys import Identity, Refused, bech32m, digest, keyed, require, unbox, unlock, verify
from tree import Cursor, items

KINDS = {"config": 1, "config.copy": 1, "writers": 2, "keys": 3, "index": 4, "snapshots": 5}
WRONG = (Refused, OSError, LookupError, TypeError, ValueError, struct.error, zstandard.ZstdError)

lost = 0

def tell(what):
    global lost
    lost += 1
    print(f"reader.py: {what}", file=sys.stderr)

class Repository:
    def __init__(self, root, identity):
        self.root, self.identity = Path(root), identity
        try:
            config = self.config("config")
        except WRONG:
            config = self.config("config.copy")
        require(config["version"] == 1, "the repository's version is not known")
        told = [bech32m(recipient) for recipient in config["recipients"]]
        require(identity.recipient in told, "the repository is not sealed to this identity")

    def object(self, name):
        data = (self.root / name).read_bytes()
        require(data[:8] == b"CEVAULT1" and digest(data[:-32]) == data[-32:], f"{name}: its digest does not match")
        require(data[8] == KINDS[name.split("/")[0]], f"{name} is of another kind")
        return data[9:-32], digest(data)

    def names(self, folder):
        return [str(path.relative_to(self.root)) for path in (self.root / folder).rglob("*") if path.is_file()]

    def config(self, name):
        outer = json.loads(self.object(name)[0])
        config = json.loads(outer["config"])
        if config["generation"] > 0:
            verify(bech32m(outer["signer"])[1][33:], outer["config"].encode(), bytes.fromhex(outer["signature"]))
        return config

    def secret(self, name, kind, size):
        key = json.loads(self.object(name)[0])
        expected = f"keys/{key['id']}" if kind == "session" else f"keys/{key['writer']}-{kind}"
        require(key["kind"] == kind and expected == name, f"{name} is another key than its name says")
        for box in key["boxes"]:
            if box["to"] == digest(self.identity.public)[:8].hex():
                aad = f"{kind} {key['id']} {key['writer']}".encode()
                secret = self.identity.unseal(bytes.fromhex(box["enc"]), bytes.fromhex(box["text"]), aad)
                require(len(secret) == size, f"{name} has a key of another length")
                return secret
        raise Refused(f"{name} is not sealed to this identity")

    def find(self, word):
        found = []
        for name in self.names("snapshots"):
            try:
                body, own = self.object(name)
                writer, sequence = struct.unpack("<16sQ", body[:24])
                require(name == f"snapshots/{writer.hex()}/{sequence:010}", "it is another than its name says")
                if word == "latest" or own.hex().startswith(word.lower()):
                    found.append((int((self.root / name).stat().st_mtime), sequence, own, writer, body))
            except WRONG as why:
                tell(f"{name} is passed over: {why}")
        require(found and (len(found) == 1 or word == "latest"), f"{len(found)} snapshots are called {word}")
        return max(found)[2:]

class Writer:
    """One writer's snapshots and chunks."""
    def __init__(self, repository, own):
        self.repository, self.own, self.places = repository, own, {}
        writer = json.loads(repository.object(f"writers/{own.hex()}")[0])
        self.public = bytes.fromhex(writer["public"])
        require(digest(self.public)[:16] == own and writer["id"] == own.hex(), "it is another writer")
        message = "\0".join(["ce-vault 1 writer", writer["id"], writer["public"], writer["host"]])
        verify(self.public, message.encode(), bytes.fromhex(writer["signature"]))
        secret = repository.secret(f"keys/{own.hex()}-writer", "writer", 64)
        self.id_key, self.index_key = secret[:32], secret[32:]
        for name in repository.names("index"):
            try:
                self.shard(name)
            except WRONG as why:
                tell(f"{name} is passed over: {why}")
        self.pack, self.group, self.session = lru_cache(4)(self.pack), lru_cache(12)(self.group), lru_cache(self.session)

    def shard(self, name):
        body, own = self.repository.object(name)
        require(name == f"index/{own.hex()}", "its name is not its digest")
        if body[:16] == self.own:
            plain = Cursor(unbox(self.index_key, b"index", body[16:]))
            packs = [plain.take(32) for _ in plain.each(32)]
            for _ in plain.each(20):
                short, pack, group = struct.unpack("<16sHH", plain.take(20))
                self.places.setdefault(short, []).append((packs[pack], group))

    def head(self, body):
        verify(self.public, b"ce-vault 1 snapshot\0" + body[:-64], body[-64:])
        return json.loads(unbox(self.index_key, b"snapshot", body[24:-64]))

    def session(self, own):
        return self.repository.secret(f"keys/{own.hex()}", "session", 32), keyed(self.index_key, own)

    def pack(self, own):
        data = (self.repository.root / "packs" / own.hex()[:2] / own.hex()).read_bytes()
        if digest(data) != own:
            print(f"reader.py: pack {own.hex()} is damaged; parity.py may mend it", file=sys.stderr)
        require(data[:8] == b"CEPACK01" and digest(data[:56])[:8] == data[56:64], "a pack's header is damaged")
        writer, session, payload, start, size = struct.unpack("<16s16sIII", data[8:52])
        require(writer == self.own and 64 <= start and start + size <= payload <= 1 << 30, "a pack's header is wrong")
        plain, groups, at = Cursor(unbox(self.index_key, b"pack", data[start : start + size])), [], 64
        for _ in plain.each(5):
            kind, counter, stored = plain.take(2), plain.varint(), plain.varint(32)
            members = [(plain.take(32), plain.varint(32)) for _ in plain.each(33)]
            whole = sum(length for _, length in members)
            require(max(kind) < 2 and at + stored <= start and whole <= 1 << 30, "a group is out of bounds")
            groups.append((kind, counter, data[at : at + stored], members, whole))
            at += stored
        plain.end()
        return session, groups

    def group(self, pack, number):
        session, groups = self.pack(pack)
        kind, counter, sealed, members, size = groups[number]
        aad = session + struct.pack("<Q", counter) + kind
        aad += b"".join(own + struct.pack("<I", length) for own, length in members)
        text = unlock(self.session(session)[kind[0]], struct.pack("<QI", counter, 0), aad, sealed)
        if kind[1]:
            require(zstandard.frame_content_size(text) in (-1, size), "a group is of another length")
            text = zstandard.ZstdDecompressor().decompress(text, max_output_size=size)
        plain, chunks = Cursor(text), {}
        for own, length in members:
            chunks[own] = plain.take(length)
            require(keyed(self.id_key, chunks[own]) == own, "a chunk is not what its id says")
        plain.end()
        return chunks

    def chunk(self, own):
        why = "it is in no pack"
        for place in self.places.get(own[:16], []):
            try:
                return self.group(*place)[own]
            except WRONG as error:
                why = error
        raise Refused(f"chunk {own.hex()[:16]}: {why}")

    def cut(self, own, form):
        """The records that a skeleton or a list consists of."""
        return list(struct.iter_unpack(form, self.chunk(own)))

    def leaves(self, nodes):
        """The references and items of each leaf; what is lost is told."""
        for pair in nodes:
            try:
                skeleton, private = map(bytes.fromhex, pair)
                leaves, firsts = self.cut(skeleton, "<32s32s"), Cursor(self.chunk(private))
                firsts = [firsts.bytes() for _ in leaves] + [firsts.end()]
            except WRONG as why:
                tell(f"part of the tree is lost: {why}")
                continue
            for (skeleton, private), first in zip(leaves, firsts):
                try:
                    plain = Cursor(self.chunk(skeleton))
                    count = plain.each(32)
                    flags = plain.take((len(count) + 7) // 8)
                    references = [(flags[at // 8] >> at % 8 & 1, plain.take(32)) for at in count]
                    plain.end()
                    yield references, items(Cursor(self.chunk(private)))
                except WRONG as why:
                    tell(f"/{os.fsdecode(first)} and what follows are lost: {why}")

@contextmanager
def place(root, path):
    """The folder of a path, open, and the name in it; folders on the way are made, and no link is followed."""
    *above, name = path.split(b"/")
    for part in [*above, name]:
        require(0 < len(part) < 256 and part not in (b".", b"..") and b"\0" not in part, "no file can have this path")
    folder = os.dup(root)
    try:
        for part in above:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=folder)
            outer, folder = folder, os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(outer)
        yield folder, name
    finally:
        os.close(folder)

def dress(folder, name, metadata):
    mode, uid, gid, mtime, xattrs = metadata
    with suppress(*[PermissionError] * (os.geteuid() != 0)):
        os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
    for key, value in xattrs:
        os.setxattr(f"/proc/self/fd/{folder}/".encode() + name, key, value, follow_symlinks=False)
    if not stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        os.chmod(name, mode, dir_fd=folder)
    os.utime(name, ns=(mtime, mtime), dir_fd=folder, follow_symlinks=False)

def write(writer, references, parts, file):
    at = 0
    for kind, number, offset, length in parts:
        if kind < 2:
            require(0 <= number < len(references) and references[number][0] == kind, "it refers to no chunk")
            own = references[number][1]
            chunks = writer.cut(own, "<32sI") if kind else [(own, length)]
            require(sum(size for _, size in chunks) == length, "a list is of another length")
            for own, size in chunks:
                chunk = writer.chunk(own)
                require(offset + size <= len(chunk) and (kind == 0 or size == len(chunk)), "a chunk is of another length")
                file.write(chunk[offset : offset + size])
        at = file.seek(at + length)
    file.truncate(at)

def put(writer, folder, name, references, item):
    _, kind, more, metadata = item
    if kind == 1:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
        return
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    if kind == 0:
        with open(name, "xb", opener=lambda name, flags: os.open(name, flags, 0o600, dir_fd=folder)) as file:
            write(writer, references, more, file)
    elif kind == 2:
        os.symlink(more, name, dir_fd=folder)
    else:
        types = {3: stat.S_IFIFO, 4: stat.S_IFSOCK, 5: stat.S_IFCHR, 6: stat.S_IFBLK}
        os.mknod(name, types[kind] | 0o600, more or 0, dir_fd=folder)
    dress(folder, name, metadata)

def restore(writer, nodes, out):
    os.makedirs(out, exist_ok=True)
    require(not os.listdir(out), f"{out} is not empty")
    root, links, folders = os.open(out, os.O_DIRECTORY), [], []

    def attempt(path, act):
        try:
            with place(root, path) as (folder, name):
                act(folder, name)
        except WRONG as why:
            tell(f"/{os.fsdecode(path)}: {why}")

    def link(target):
        def act(folder, name):
            with place(root, target) as (first, old):
                os.link(old, name, src_dir_fd=first, dst_dir_fd=folder, follow_symlinks=False)
        return act

    for references, found in writer.leaves(nodes):
        for item in found:
            if item[1] == 7:
                links.append(item)
                continue
            if item[1] == 1:
                folders.append(item)
            attempt(item[0], lambda folder, name: put(writer, folder, name, references, item))
    for path, _, target, _ in links:
        attempt(path, link(target))
    for path, _, _, metadata in reversed(folders):
        attempt(path, lambda folder, name: dress(folder, name, metadata))

def main(repo, key, passphrase, word, out):
    text, phrase = Path(key).read_text(), Path(passphrase).read_bytes()
    phrase = phrase.removesuffix(b"\n").removesuffix(b"\r") if phrase.endswith(b"\n") else phrase
    repository = Repository(repo, Identity(text, phrase))
    own, name, body = repository.find(word)
    writer = Writer(repository, name)
    head = writer.head(body)
    print(f"snapshot {own.hex()} of {head['host']}, writer {name.hex()}, {head['time']}")
    for omission in json.loads(writer.chunk(bytes.fromhex(head["errors"]))) if "errors" in head else []:
        print(f"not in the snapshot: {omission['path']}: {omission['why']}")
    restore(writer, head["nodes"], out)

if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except WRONG as why:
        print(f"reader.py: {why}", file=sys.stderr)
        sys.exit(2)
    sys.exit(1 if lost else 0)
