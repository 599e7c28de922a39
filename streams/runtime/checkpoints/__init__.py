"""State that outlives a worker: checkpoints of joins and judges on a compacted topic, and a copy on the local disk."""
