"""What comes in: the mapping language, decoders and classes. Nothing here knows Kafka, clocks or disks."""
