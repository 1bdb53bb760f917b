"""`python -m benchmarks.seed_world`."""

from benchmarks.seed_world.command import main

if __name__ == "__main__":
    main()
