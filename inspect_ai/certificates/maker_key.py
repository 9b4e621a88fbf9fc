"""Public keys of the makers, pinned in the code: the signers of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest;
`make bench-phantoms` does so for the phantom certificates of the demo.
"""

MAKER_KEY = "5f9f90114296f37ccb948acd49eec76044e0ecb055e6c1188513d767c173638a"
PHANTOM_KEY = "d6298dc46662c51494584bf2c62c2a8d51bba53a199add5401bad94fb4197ee4"
