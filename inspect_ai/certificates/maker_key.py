"""Public keys of the makers, pinned in the code: the signers of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest;
`make bench-phantoms` does so for the phantom certificates of the demo.
"""

MAKER_KEY = "0497f4a7b8db321993950b4ac4dabde3f8c3053a38462a11de11affc1bae2d90"
PHANTOM_KEY = "4cbf702587f23a7885c560aa7e1e65376f6e0eca014c8e8242683b903a6b54a1"
