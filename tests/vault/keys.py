"""Keys of a ce-vault repository: digests, sealed boxes, signatures, bech32m, identities, HPKE; from FORMAT.md alone."""
import hmac, struct
import argon2.low_level
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

class Refused(Exception):
    """Bytes that are not what the format says."""

def require(holds, why):
    if not holds:
        raise Refused(why)

def digest(data):
    return blake3(data).digest()

def keyed(key, data):
    return blake3(data, key=key).digest()

def unlock(key, nonce, aad, data):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, data, aad)
    except InvalidTag:
        raise Refused("it does not open") from None

def unbox(key, context, data):
    return unlock(keyed(key, data[:24]), bytes(12), context, data[24:])

def verify(public, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise Refused("its signature is not valid") from None

def bech32m(text):
    require(text in (text.lower(), text.upper()) and "1" in text, "it is no bech32m")
    part, _, data = text.lower().rpartition("1")
    values, check = [LETTERS.index(letter) for letter in data], 1
    for value in [ord(c) >> 5 for c in part] + [0] + [ord(c) & 31 for c in part] + values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            check ^= generator if top >> bit & 1 else 0
    require(check == 0x2BC830A3, "its check sum does not match")
    bits = "".join(f"{value:05b}" for value in values[:-6])
    whole = len(bits) // 8 * 8
    require(len(bits) - whole < 5 and "1" not in bits[whole:], "its padding is not zero")
    return part, bytes(int(bits[at : at + 8], 2) for at in range(0, whole, 8))

class Identity:
    def __init__(self, text, passphrase):
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        part, data = bech32m("".join("".join(lines).split()))
        require(part == "ceorg-key" and len(data) == 70 and data[0] == 1, "it is not an organisation's identity")
        memory, passes = struct.unpack("<IB", data[1:6])
        require(memory <= 4 << 20, "it asks for more than 4 GiB of memory")
        kind = argon2.low_level.Type.ID
        key = argon2.low_level.hash_secret_raw(passphrase, data[6:22], passes, memory, 1, 32, kind, 0x13)
        secret = unlock(key, bytes(12), data[:22], data[22:])
        self.private = X25519PrivateKey.from_private_bytes(keyed(secret, b"ce-vault 1 identity x25519"))
        signing = Ed25519PrivateKey.from_private_bytes(keyed(secret, b"ce-vault 1 identity ed25519"))
        self.public = self.private.public_key().public_bytes_raw()
        self.recipient = ("ceorg", b"\1" + self.public + signing.public_key().public_bytes_raw())

    def unseal(self, enc, text, aad):
        """HPKE (RFC 9180), mode base, one message."""
        def extract(suite, salt, label, key):
            return hmac.digest(salt, b"HPKE-v1" + suite + label + key, "sha256")

        def expand(suite, key, label, info, size):
            return hmac.digest(key, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info + b"\1", "sha256")[:size]

        kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0\3"
        shared = extract(kem, b"", b"eae_prk", self.private.exchange(X25519PublicKey.from_public_bytes(enc)))
        shared = expand(kem, shared, b"shared_secret", enc + self.public, 32)
        hashes = [extract(suite, b"", b"psk_id_hash", b""), extract(suite, b"", b"info_hash", b"ce-vault 1 sealed key")]
        context, secret = b"\0" + b"".join(hashes), extract(suite, shared, b"secret", b"")
        nonce = expand(suite, secret, b"base_nonce", context, 12)
        return unlock(expand(suite, secret, b"key", context, 32), nonce, aad, text)
