"""What is counted: the last word of every ledger partition, tables, details, and what windows show of them."""
