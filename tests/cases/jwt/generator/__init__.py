"""The parts of generate.py: keys, the pieces of a token, the cases by topic, and the reference they are checked by."""
