"""`streams deliver`: the rows of alerts in, requests to people's tools out, and a log of both in between."""
