"""What did the job find, for people? One page for one model, out of the rows that the job wrote."""
