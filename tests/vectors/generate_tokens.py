#!/usr/bin/env python3
"""Writes tokens.json: a key and a token for each algorithm, made by openssl and Python and not by this project.

The keys are new each time. They are for tests only: everybody has them.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess

CLAIMS = {"sub": "ann", "exp": 4102444800, "groups": [{"pattern": "chat.*", "can": ["join"]}]}
CURVES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}


def openssl(*words, stdin=b""):
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=True).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key(algorithm):
    if algorithm.startswith("HS"):
        return {"secret": "a secret of sixty-four bytes, which is what HS512 needs at least."}
    if algorithm.startswith("RS"):
        options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    elif algorithm in CURVES:
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[algorithm][0]}"]
    else:
        options = ["-algorithm", "ed25519"]
    private = openssl("genpkey", *options)
    return {"private": private.decode(), "public": openssl("pkey", "-pubout", stdin=private).decode()}


def numbers(der, size):
    """The two numbers of an ECDSA signature, one behind the other."""
    at = 2 if der[1] < 128 else 3
    both = b""
    for _ in range(2):
        length = der[at + 1]
        both += int.from_bytes(der[at + 2 : at + 2 + length]).to_bytes(size)
        at += 2 + length
    return both


def sign(algorithm, key, text):
    digest = f"sha{algorithm[2:]}"
    if "secret" in key:
        return hmac.new(key["secret"].encode(), text, getattr(hashlib, digest)).digest()
    folder = pathlib.Path("/tmp")
    private, signed = folder / "generate_tokens.key", folder / "generate_tokens.text"
    private.write_text(key["private"])
    signed.write_bytes(text)
    try:
        if algorithm == "EdDSA":
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", signed)
        signature = openssl("dgst", f"-{digest}", "-sign", private, signed)
    finally:
        private.unlink()
        signed.unlink()
    return numbers(signature, CURVES[algorithm][1]) if algorithm in CURVES else signature


def vector(algorithm, key):
    header = base64url(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    signed = f"{header}.{base64url(json.dumps(CLAIMS).encode())}"
    return {"alg": algorithm, **key, "token": f"{signed}.{base64url(sign(algorithm, key, signed.encode()))}"}


families = {name: key(name) for name in ["HS", "RS", "ES256", "ES384", "ES512", "EdDSA"]}
names = [f"{family}{bits}" for family in ["HS", "RS", "ES"] for bits in [256, 384, 512]] + ["EdDSA"]
vectors = [vector(name, families.get(name) or families[name[:2]]) for name in names]
pathlib.Path(__file__).with_name("tokens.json").write_text(json.dumps(vectors, indent=2) + "\n")
