"""Time and memory of planning a scan of very many DICOM files."""
