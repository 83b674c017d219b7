r"""Language models as ARPA files, the text format that most toolkits read and write.

Both decoders use the `LanguageModel` that this reader returns. The reader is strict, because a truncated or
damaged file would otherwise make transcripts worse without anybody noticing. The format (SRILM's manual page
`ngram-format`):

    \data\              lines before this one are comments
    ngram 1=3           how many n-grams of each length follow
    \1-grams:
    -1.2  hello  -0.3   log10 probability, words, and log10 back-off weight if longer n-grams begin like this
    …
    \end\
"""

from __future__ import annotations

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from omni_lib.errors import UserError
from omni_lib.inference.language_model import END, NEVER, START, UNKNOWN, LanguageModel
from omni_lib.machine.files import write_atomically
from omni_lib.machine.mistaken import mistaken

LONGEST_LINE = 1 << 16  # bytes; a file with a longer line is not an ARPA file

_DATA_MARK, _END_MARK = b"\\data\\", b"\\end\\"
_MARKERS = {marker.encode(): marker for marker in (START, END, UNKNOWN)}
_COUNT = re.compile(rb"ngram\s+(\d{1,9})\s*=\s*(\d{1,18})")
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|-inf(inity)?", re.IGNORECASE)
_REMEDY = "correct the line, or build the model again ('omni lm build' makes one from transcripts)"


def write_arpa(model: LanguageModel, path: str | Path) -> None:
    """Write the model as an ARPA file.

    Raises:
        UserError: the file cannot be written.
    """
    grams = [
        sorted(gram for gram in model.probability if len(gram) == length)
        for length in range(1, model.order + 1)
    ]
    lines = ["\\data\\", *(f"ngram {length}={len(chosen)}" for length, chosen in enumerate(grams, 1))]
    for length, chosen in enumerate(grams, 1):
        lines += ["", f"\\{length}-grams:"]
        for gram in chosen:
            weight = f"\t{model.backoff[gram]:.6f}" if gram in model.backoff else ""
            lines.append(f"{model.probability[gram]:.6f}\t{' '.join(gram)}{weight}")
    lines += ["", "\\end\\", ""]
    write_atomically(Path(path), "\n".join(lines).encode())


def refuse_to_overwrite(path: Path) -> None:
    """Refuse to write a model in the place of a file that is not one, such as the manifest.

    Raises:
        UserError: `path` is such a file.
    """
    if path.is_file():
        with contextlib.suppress(OSError), open(path, "rb") as file:  # writing will name the cause
            if (start := file.read(1 << 16)) and _DATA_MARK not in start:
                raise UserError(
                    f"{path} exists and is not an ARPA language model: choose another name, or remove it"
                )


def read_arpa(path: str | Path) -> LanguageModel:
    """Read an ARPA file of words, plain or compressed with gzip, in UTF-8.

    The markers may be in capitals (`<UNK>`). Without `<unk>`, unknown words have probability 0. Logarithms
    below -99, and -inf, are read as -99, which stands for log10 of 0 in ARPA files.

    Raises:
        UserError: the file cannot be read or is malformed; the message names the line.
    """
    path = Path(path)
    try:
        with contextlib.ExitStack() as stack:
            packed = stack.enter_context(open(path, "rb"))
            file: BinaryIO = packed
            if packed.peek(2).startswith(b"\x1f\x8b"):
                file = cast(BinaryIO, stack.enter_context(gzip.open(packed)))
            start = file.read(4096)
            file.seek(0)
            if found := mistaken(start[:512]):
                raise UserError(f"{path} is {found[0]}, not a language model: {found[1]}")
            if start.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise UserError(f"{path} is encoded in UTF-16: save it as UTF-8")
            if start.startswith((b"BZh", b"\xfd7zXZ", b"PK\3\4", b"\x1f\x8b")):
                raise UserError(
                    f"{path} is packed in a way that is not read: unpack it, or pack it with gzip once"
                )
            if start.startswith(b"mmap"):
                raise UserError(
                    f"{path} is a binary file of KenLM: give the ARPA file that it was built from"
                )
            if b"\r" in start and b"\n" not in start:
                raise UserError(f"{path} ends its lines with CR alone: save it with the line ends LF")
            return _Reader(path, file).model()
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path} cannot be read as an ARPA language model ({reason}): "
            "fetch it again, or build one with 'omni lm build'"
        ) from None


class _Reader:
    """Reads one ARPA file, line by line."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.number = path, 0
        self.lines = self._lines(file)
        self.line = b""  # the current line, without white space at its ends
        self.words: dict[bytes, str] = {}
        self.probability: dict[tuple[str, ...], float] = {}
        self.backoff: dict[tuple[str, ...], float] = {}

    def model(self) -> LanguageModel:
        counts = self._header()
        for length, (count, declared_at) in enumerate(counts, 1):
            self._section(length, count, declared_at)
        if self.line != _END_MARK:
            raise self._refusal(f"stands where \\end\\ must follow the {len(counts)}-grams")
        for line in self.lines:
            if line.strip(b"\0\x1a"):  # the ends of files in DOS and on tapes
                self.line = line
                raise self._refusal("follows \\end\\: keep one model in a file")
        for marker, place in ((START, "begins"), (END, "ends")):
            if (marker,) not in self.probability:
                raise UserError(
                    f"{self.path} has no {marker} among its 1-grams, but {marker} must mark where a sentence "
                    f"{place}: build the model again, for example with 'omni lm build'"
                )
        self.probability.setdefault((UNKNOWN,), NEVER)
        return LanguageModel(len(counts), self.probability, self.backoff)

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        while line := file.readline(LONGEST_LINE):
            self.number += 1
            if len(line) == LONGEST_LINE:
                raise UserError(
                    f"{self.path} line {self.number} is longer than {LONGEST_LINE} bytes, "
                    "so it is not an ARPA file: build one with 'omni lm build'"
                )
            yield line.removeprefix(b"\xef\xbb\xbf").strip() if self.number == 1 else line.strip()

    def _advance(self) -> None:
        """Go to the next line that is not empty."""
        for line in self.lines:
            if line:
                self.line = line
                return
        raise UserError(
            f"{self.path} ends at line {self.number} without a line \\end\\, so it may be cut short: "
            "fetch it again, or append that line if nothing is missing"
        )

    def _refusal(self, problem: str) -> UserError:
        shown = self.line.decode(errors="replace")
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return UserError(f"{self.path} line {self.number}: {shown!r} {problem}; {_REMEDY}")

    def _header(self) -> list[tuple[int, int]]:
        """The declared number of n-grams of each length, each with the number of its line."""
        if _DATA_MARK not in self.lines:  # this test reads up to that line
            raise UserError(
                f"{self.path} is not an ARPA language model, because no line of it is \\data\\: "
                "build one with 'omni lm build'"
            )
        counts: list[tuple[int, int]] = []
        while True:
            self._advance()
            if self.line.startswith(b"\\"):
                break
            count = _COUNT.fullmatch(self.line)
            if count is None:
                raise self._refusal("is not a count such as 'ngram 1=200'")
            if int(count[1]) != len(counts) + 1:
                raise self._refusal(f"stands where the count of {len(counts) + 1}-grams must stand")
            counts.append((int(count[2]), self.number))
        if not counts:
            raise self._refusal("follows \\data\\ without a count such as 'ngram 1=200' between them")
        return counts

    def _section(self, length: int, count: int, declared_at: int) -> None:
        r"""Read the n-grams of one length, from `\2-grams:` to the next line that begins with a backslash."""
        if self.line != rb"\%d-grams:" % length:
            if count:
                raise self._refusal(f"stands where \\{length}-grams: must stand")
            return
        found = 0
        while True:
            self._advance()
            if self.line.startswith(b"\\"):
                break
            self._entry(length)
            found += 1
        if found != count:
            raise UserError(
                f"{self.path} line {declared_at} declares {count} {length}-grams, but {found} follow: "
                "fetch the file again if a part of it is missing, or correct the count"
            )

    def _entry(self, length: int) -> None:
        """Read one n-gram from the current line."""
        fields = self.line.split()
        if len(fields) not in (length + 1, length + 2):
            expected = "1 word" if length == 1 else f"{length} words"
            raise self._refusal(f"is not a {length}-gram: a number, {expected} and perhaps a second number")
        probability = self._logarithm(fields[0])
        if probability > 0:
            raise self._refusal("has a positive log10 probability")
        words = fields[1 : length + 1]
        if length == 1:
            self._add_word(words[0])
        try:
            gram = tuple([self.words[word] for word in words])
        except KeyError as missing:
            word = missing.args[0].decode(errors="replace")
            raise self._refusal(f"has the word {word!r}, which is not among the 1-grams") from None
        if gram in self.probability:
            raise self._refusal("is an n-gram that is already listed above")
        self.probability[gram] = probability
        if len(fields) == length + 2:
            self.backoff[gram] = self._logarithm(fields[-1])

    def _add_word(self, word: bytes) -> None:
        try:
            self.words[word] = _MARKERS.get(word.lower()) or word.decode()
        except UnicodeDecodeError:
            raise self._refusal("is not encoded in UTF-8") from None

    def _logarithm(self, field: bytes) -> float:
        if not _NUMBER.fullmatch(field):
            raise self._refusal(f"has {field.decode(errors='replace')!r} where a number must stand")
        value = max(float(field), NEVER)
        if not value <= -NEVER:
            raise self._refusal(f"has a logarithm above {-NEVER:.0f}")
        return value
