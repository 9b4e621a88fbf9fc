"""The workshop beside the line: labelled folders, augmentation, the Lightning module, the manifest. Nothing heavy
loads here.
"""
