"""A dub that is not finished: what there is of it on the disk, and how it goes on from there."""
