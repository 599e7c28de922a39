"""Is a candidate at least as good as the version in service, and may one look at that at any time?"""
