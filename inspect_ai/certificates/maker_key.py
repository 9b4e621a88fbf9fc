"""Public key of the makers, pinned in the code: the signer of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest.
"""

MAKER_KEY = "b336ad8f1d729459999973c6aaa03f66481902832fb1b1464f01192c1cda2212"
