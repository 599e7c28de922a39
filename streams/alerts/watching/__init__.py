"""The rules of one model at work: what each of them says at each step, and what follows."""
