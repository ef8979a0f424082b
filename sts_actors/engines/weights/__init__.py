"""Model data: what there is, where it lies, how it comes here and how it is verified."""
