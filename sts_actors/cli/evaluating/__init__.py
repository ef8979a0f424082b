"""`sts-actors eval`: how good recognition at seams and the dub are, for one recording."""
