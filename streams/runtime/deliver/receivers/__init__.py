"""What each kind of receiver is sent: pure functions from tellings to requests. Nothing here sends."""
