"""The `vmxlint` command, which is also `python -m vmxlint`."""

from vmxlint.ending import heed_interrupts, open_streams, orderly


def main() -> None:
    """Run the command line from the start, which may be interrupted already."""
    with orderly():
        heed_interrupts()
        open_streams()

        from vmxlint.cli import main

        main()


if __name__ == "__main__":
    main()
