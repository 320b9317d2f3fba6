"""What a change does: two trees, or the trees of a series, read from git and subtracted."""
