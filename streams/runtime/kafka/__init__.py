"""The data plane: sources, producers, topics, and the broker inside the client library. Nothing here knows the job."""
