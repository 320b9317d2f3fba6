"""What rules ask of a Program: what is written, toggled, guarded, held in software, laid out."""
