"""The only room with Faust, Kafka, clocks, disks and the environment."""
