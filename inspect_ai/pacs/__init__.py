"""Exchange with a PACS: studies are received or fetched, and result objects go back, by DIMSE and by DICOMweb.

The extra `pacs` installs what this package needs; its modules import pynetdicom and dicomweb-client inside functions.
"""
