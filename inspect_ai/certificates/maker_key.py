"""Public key of the makers, pinned in the code: the signer of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest.
"""

MAKER_KEY = "a30d1abb666685a191736f425fb37f70feac1660a34551f2a8bcbc297d2c931b"
