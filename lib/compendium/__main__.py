"""`python -m compendium`: the command line."""

from compendium.cli import main

if __name__ == "__main__":
    main()
