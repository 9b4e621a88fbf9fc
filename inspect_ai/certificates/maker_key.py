"""Public keys of the makers, pinned in the code: the signers of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest;
`make bench-phantoms` does so for the phantom certificates of the demo.
"""

MAKER_KEY = "a30d1abb666685a191736f425fb37f70feac1660a34551f2a8bcbc297d2c931b"
PHANTOM_KEY = "3c114a87944c42e0af315a40c4c316f27c3ef4fb0fc3b0de74e0878ce65f1c8a"
