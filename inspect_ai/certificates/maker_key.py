"""Public keys of the makers, pinned in the code: the signers of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest;
`make bench-phantoms` does so for the phantom certificates of the demo.
"""

MAKER_KEY = "489df9612d2435e0a39b5f90c3f62d924b91e10e8f792fd8e7e4b31c5e3ade37"
PHANTOM_KEY = "7817f8fce05c77cfd112752a583e1cff90841defb2a0dffdf20c58cd8219d50f"
