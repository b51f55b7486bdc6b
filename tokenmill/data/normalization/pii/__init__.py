"""Personal data in texts: found, counted, and replaced by placeholders that say what stood there.

What is missed is worse for a person, and what is replaced by mistake worse for a model: numbers need a valid
checksum, a known prefix or a telling neighbour, so that dates, prices, ISBNs and versions stay.
"""
