"""Public keys of the makers, pinned in the code: the signers of the certificates that come with the program.

`make certificates` makes a key for the occasion, signs with it, writes its public part here and discards the rest;
`make bench-phantoms` does so for the phantom certificates of the demo.
"""

MAKER_KEY = "5f9f90114296f37ccb948acd49eec76044e0ecb055e6c1188513d767c173638a"
PHANTOM_KEY = "ef36a5505c46438c5c54020e1aff9daafdc6dc1af05d3b6e34ce75f624e18f52"
