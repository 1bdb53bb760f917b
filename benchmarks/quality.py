"""How well models foresee what real people did next, against peers and published values.

python -m benchmarks.quality --interactions FILE [FILE ...] [--on validation|test] [--model NAME ...] [--json FILE]
"""

import argparse
from pathlib import Path

from benchmarks.quality_cut import Cut, cut
from benchmarks.quality_data import read_log
from benchmarks.quality_figures import METRICS, figures, over_seeds
from benchmarks.quality_run import Entry, choose, run, validation_gains
from local.engine.registry import MODELS


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=main.__doc__)
    parser.add_argument("--interactions", type=Path, nargs="+", required=True)
    parser.add_argument("--protocol", type=Cut, choices=list(Cut), default=Cut.LEAVE_ONE_OUT)
    parser.add_argument("--on", choices=["validation"], default="validation")
    parser.add_argument("--model", nargs="+", default=["sequence"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--core", type=int, default=5)
    arguments = parser.parse_args()
    for path in arguments.interactions:
        log = read_log(path, core=arguments.core)
        task = cut(log, arguments.protocol)
        print(
            f"{path.name}: {log.n_users} users, {log.n_items} items, {len(log)} events; {arguments.protocol}, on validation"
        )
        for name in arguments.model:
            if name in MODELS:
                entry = Entry(name, "benchmarks.quality_ours", "engine_model", settings=({"model": name},), peer=False)
            _, first = choose(entry, task, test=False, progress=lambda line: None)
            runs = [
                first,
                *(run(entry, entry.settings[0], task, seed=seed, test=False) for seed in range(1, arguments.seeds)),
            ]
            print(f"{'':<28}" + "".join(f"{metric:>11}" for metric in METRICS))
            for part in sorted({part for _, part in first.answers}):
                for rule in ("whole", "last 200") if not part else ("whole",):
                    found = figures(over_seeds([validation_gains(r, task, part, rule) for r in runs]))
                    label = f"{name}{': ' + part if part else ''}{'' if rule == 'whole' else ' (last 200)'}"
                    print(
                        f"{label:<28}"
                        + "".join(f"{found[m].mean:>11.4f}" for m in METRICS)
                        + f"   +-{(found['NDCG@10'].high - found['NDCG@10'].low) / 2:.4f}"
                    )
            print({k: round(v, 1) for k, v in first.costs.items()})


if __name__ == "__main__":
    main()
