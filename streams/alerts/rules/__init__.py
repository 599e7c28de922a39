"""Rules as plain, checked values."""
