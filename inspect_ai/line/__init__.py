"""The line that every study goes along, whoever sends it: route, prepare in a child, score, judge, picture.

`scan` sends it a whole folder, `watch` one part after another, `calibrate` and `evaluate` labelled pictures.
Its files are imported one by one: a decoding child needs `prepare` and nothing of the rest.
"""
