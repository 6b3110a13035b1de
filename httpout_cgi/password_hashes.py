"""Password hashes: the one file that knows who computes them.

Slow on purpose: not for the loop's thread.
"""

from typing import Final

# bcrypt has never looked at more, and its library refuses more.
_BCRYPT_LONGEST: Final = 72


def is_password(password: bytes, hash_: str) -> bool:
    """Tell whether a password has that hash, in a time that tells nothing of either.

    ``hash_`` is one that ``password_file`` lets through.
    """
    # Here: who has no password files needs neither of them.
    if hash_.startswith("$2"):
        import bcrypt  # as said above

        return bcrypt.checkpw(password[:_BCRYPT_LONGEST], hash_.encode())
    from passlib import hash as hashes  # as said above

    kinds = {
        "$apr1$": hashes.apr_md5_crypt,
        "{SHA}": hashes.ldap_sha1,
        "$5$": hashes.sha256_crypt,
        "$6$": hashes.sha512_crypt,
    }
    kind = next(
        (kinds[mark] for mark in kinds if hash_.startswith(mark)), hashes.des_crypt
    )
    return bool(kind.verify(password, hash_))
