"""What is asked of models: a TOML file, checked as a whole, compiled into the rules that the job folds."""
