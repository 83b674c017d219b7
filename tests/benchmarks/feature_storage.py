"""Ways to store log-mels on disk: time to write, time to read back in batches, and space.

    python tests/benchmarks/feature_storage.py [--clips 2000]

Clips of 1 to 15 s, float32, are read in random batches of 8, as in training. Each batch is read twice,
the second time from the system's page cache. h5py, lmdb and safetensors are included if they are installed.
Each way is checked to return exactly what was written.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from record import RESULTS, add_row, provenance

MELS, SHARD, BATCH, BATCHES = 128, 256, 8, 200

Read = Callable[[int], torch.Tensor]


def mapped_shards(folder: Path, clips: list[torch.Tensor]) -> Read:
    """Raw float32, 256 clips a file, mapped by `torch.from_file`: what `feature_files.py` does."""
    starts, files = [], []
    for first in range(0, len(clips), SHARD):
        files.append(folder / f"{first}.f32")
        with open(files[-1], "wb") as file:
            for clip in clips[first : first + SHARD]:
                starts.append(file.tell() // 4 // MELS)
                file.write(clip.numpy().data)
    maps = [
        torch.from_file(str(f), shared=False, size=f.stat().st_size // 4, dtype=torch.float32).view(-1, MELS)
        for f in files
    ]
    lengths = [len(clip) for clip in clips]
    return lambda row: maps[row // SHARD][starts[row] : starts[row] + lengths[row]]


def numpy_mapped_shards(folder: Path, clips: list[torch.Tensor]) -> Read:
    """.npy files of 256 clips, `np.load(mmap_mode="r")`."""
    starts, maps = [], []
    for first in range(0, len(clips), SHARD):
        part = clips[first : first + SHARD]
        starts += (np.cumsum([len(clip) for clip in part]) - [len(clip) for clip in part]).tolist()
        np.save(folder / f"{first}.npy", torch.cat(part).numpy())
        maps.append(np.load(folder / f"{first}.npy", mmap_mode="r"))
    lengths = [len(clip) for clip in clips]
    return lambda row: torch.from_numpy(
        np.array(maps[row // SHARD][starts[row] : starts[row] + lengths[row]])
    )


def one_file_a_clip(folder: Path, clips: list[torch.Tensor]) -> Read:
    """A .npy file for each clip, read whole."""
    for row, clip in enumerate(clips):
        np.save(folder / f"{row}.npy", clip.numpy())
    return lambda row: torch.from_numpy(np.load(folder / f"{row}.npy"))


def torch_shards(folder: Path, clips: list[torch.Tensor]) -> Read:
    """`torch.save` of lists of 256 clips, `torch.load(mmap=True)`."""
    loaded = []
    for first in range(0, len(clips), SHARD):
        torch.save(clips[first : first + SHARD], folder / f"{first}.pt")
        loaded.append(torch.load(folder / f"{first}.pt", mmap=True, weights_only=True))
    return lambda row: loaded[row // SHARD][row % SHARD]


def safetensors_shards(folder: Path, clips: list[torch.Tensor]) -> Read:
    from safetensors import safe_open
    from safetensors.torch import save_file

    files = []
    for first in range(0, len(clips), SHARD):
        save_file(
            {str(row): clip for row, clip in enumerate(clips[first : first + SHARD])},
            folder / f"{first}.safetensors",
        )
        files.append(safe_open(folder / f"{first}.safetensors", framework="pt"))
    return lambda row: files[row // SHARD].get_tensor(str(row % SHARD))


def hdf5(folder: Path, clips: list[torch.Tensor]) -> Read:
    import h5py

    with h5py.File(folder / "clips.h5", "w") as file:
        for row, clip in enumerate(clips):
            file.create_dataset(str(row), data=clip.numpy())
    file = h5py.File(folder / "clips.h5", "r")
    return lambda row: torch.from_numpy(file[str(row)][:])


def lightning_mdb(folder: Path, clips: list[torch.Tensor]) -> Read:
    import lmdb

    database = lmdb.open(str(folder / "clips.lmdb"), map_size=2**36)
    with database.begin(write=True) as transaction:
        for row, clip in enumerate(clips):
            transaction.put(str(row).encode(), clip.numpy().tobytes())
    reading = database.begin()
    return lambda row: torch.from_numpy(
        np.frombuffer(reading.get(str(row).encode()), np.float32).reshape(-1, MELS).copy()
    )


WAYS: dict[str, tuple[Callable[[Path, list[torch.Tensor]], Read], str]] = {
    "raw float32 shards, torch.from_file": (mapped_shards, "torch"),
    "npy shards, np.load mmap": (numpy_mapped_shards, "numpy"),
    "one npy a clip": (one_file_a_clip, "numpy"),
    "pt shards, torch.load mmap": (torch_shards, "torch"),
    "safetensors shards": (safetensors_shards, "safetensors"),
    "HDF5 (h5py)": (hdf5, "h5py"),
    "LMDB": (lightning_mdb, "lmdb"),
}


def batches(clips: int, seed: int) -> Iterator[list[int]]:
    rng = random.Random(seed)
    for _ in range(BATCHES):
        yield [rng.randrange(clips) for _ in range(BATCH)]


def read_batches(read: Read, clips: int) -> float:
    """Seconds a batch, padded as training pads it."""
    began = time.perf_counter()
    for rows in batches(clips, 1):
        torch.nn.utils.rnn.pad_sequence([read(row) for row in rows], batch_first=True).sum()
    return (time.perf_counter() - began) / BATCHES


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=2000)
    options = parser.parse_args()
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    clips = [torch.randn(rng.randint(100, 1500), MELS, generator=generator) for _ in range(options.clips)]
    size = sum(clip.numel() * 4 for clip in clips)
    for name, (store, library) in WAYS.items():
        if importlib.util.find_spec(library) is None:
            print(f"{name}: {library} is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            read = store(Path(folder), clips)
            written = time.perf_counter() - began
            first, again = read_batches(read, len(clips)), read_batches(read, len(clips))
            assert all(torch.equal(read(row), clip) for row, clip in enumerate(clips))
            on_disk = sum(path.stat().st_blocks * 512 for path in Path(folder).rglob("*") if path.is_file())
            row = {
                "way": name,
                "write_mb_per_s": size / written / 1e6,
                "batch_ms": first * 1e3,
                "batch_again_ms": again * 1e3,
            }
            row |= {
                "disk_over_data": on_disk / size,
                "clips": options.clips,
                "load": psutil_load(),
                **provenance(),
            }
            del read
        add_row(RESULTS / "feature_storage.json", row)
        print(
            f"{name}: written at {row['write_mb_per_s']:.0f} MB/s, a batch {row['batch_ms']:.2f} ms, "
            f"then {row['batch_again_ms']:.2f} ms, "
            f"{row['disk_over_data']:.2f} bytes a byte",
            flush=True,
        )


def psutil_load() -> float:
    """The load average of the last minute: above the number of cores, times are unreliable."""
    import psutil

    return round(psutil.getloadavg()[0], 1)


if __name__ == "__main__":
    main()
