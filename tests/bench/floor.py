"""The floor: a process that imports tree-sitter and parses the C files of a folder, no more."""

import sys
from pathlib import Path

import tree_sitter_c
from tree_sitter import Language, Parser

if __name__ == "__main__":
    parser = Parser(Language(tree_sitter_c.language()))
    for path in sorted(Path(sys.argv[1]).rglob("*.[chS]")):
        if path.is_file() and not path.is_symlink():
            parser.parse(path.read_bytes())
