"""Public key of the makers, pinned in the code: the signer of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest.
"""

MAKER_KEY = "b18b9cbd05484e47e62c952351c21d269efd5dc38a5d4e728416c1d37d1feecd"
