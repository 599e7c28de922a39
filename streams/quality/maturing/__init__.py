"""Windows whose labels are still coming: is what came a fair sample, where will the number end, what without labels?

Nothing here knows of a clock: the age of a window is an argument. `series.Maturing` is the state of one model version
and window size; everything else is functions of counts (`statistics.md` section 5, docs/nowcast.md).
"""
